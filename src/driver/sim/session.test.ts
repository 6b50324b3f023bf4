import { expect, test } from "vitest";
import { below, chance, rng, type Rng } from "../../base/rng.ts";
import { Session, type SessionFrame } from "../links/session.ts";

/** Two ends and a wire between them that loses, doubles and reorders. */
class Wire {
  readonly heard: [string[], string[]] = [[], []];
  readonly ends: [Session<string, string>, Session<string, string>];
  private readonly flying: [SessionFrame<string>[], SessionFrame<string>[]] = [[], []];

  constructor(redelivers: boolean) {
    const end = (me: 0 | 1): Session<string, string> =>
      new Session(
        (frame) => this.flying[me].push(frame),
        (body) => this.heard[me].push(body),
        redelivers,
      );
    this.ends = [end(0), end(1)];
  }

  /** Any frame may arrive next, or be lost, or stay to arrive again. */
  deliver(random: Rng, isKind: boolean): void {
    for (const from of [0, 1] as const) {
      const flying = this.flying[from];
      for (let n = flying.length; n > 0; n--) {
        const at = isKind ? 0 : below(random, flying.length);
        const frame = flying[at]!;
        if (isKind || chance(random, 0.7)) this.ends[1 - from]!.hear(frame);
        if (isKind || chance(random, 0.8)) flying.splice(at, 1);
      }
    }
  }
}

test.each([false, true])(
  "what is said arrives in the order of saying, over a wire that does what it likes (redelivers: %s)",
  (redelivers) => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = rng(seed);
      const wire = new Wire(redelivers);
      const said: [string[], string[]] = [[], []];
      for (let step = 0; step < 60; step++) {
        const me = below(random, 2) as 0 | 1;
        if (chance(random, 0.5)) {
          const body = `${me}:${said[me].length}`;
          said[me].push(body);
          wire.ends[me].say(body);
        }
        if (chance(random, 0.3)) for (const end of wire.ends) end.tick();
        wire.deliver(random, false);
      }
      for (let step = 0; step < 8; step++) {
        for (const end of wire.ends) end.tick();
        wire.deliver(random, true);
      }
      for (const me of [0, 1] as const) {
        const heard = wire.heard[(1 - me) as 0 | 1];
        expect([...new Set(heard)]).toEqual(said[me]);
        if (!redelivers) expect(heard).toHaveLength(said[me].length);
      }
    }
  },
);

test("silence is counted in own ticks, and ends with any frame", () => {
  const wire = new Wire(false);
  for (let tick = 0; tick < 5; tick++) wire.ends[0].tick();
  expect(wire.ends[0].silentTicks).toBe(5);
  wire.ends[1].tick();
  wire.deliver(rng(1), true);
  expect(wire.ends[0].silentTicks).toBe(0);
});

test("a tick says again what was not acknowledged, and is a bare frame if all was", () => {
  const frames: SessionFrame<string>[] = [];
  const session = new Session<string, string>(
    (frame) => frames.push(frame),
    () => {},
    false,
  );
  session.say("a");
  session.tick();
  session.tick();
  expect(frames.map(({ seq, body }) => [seq, body])).toEqual([
    [1, "a"],
    [0, null],
    [1, "a"],
  ]);
  session.hear({ seq: 0, ack: 1, body: null });
  session.tick();
  session.tick();
  expect(frames.slice(3).map(({ seq }) => seq)).toEqual([0, 0]);
});

test("a closed session delivers nothing, also of what it has already", () => {
  const heard: string[] = [];
  const session: Session<string, string> = new Session(
    () => {},
    (body) => {
      heard.push(body);
      session.close();
    },
    false,
  );
  session.hear({ seq: 2, ack: 0, body: "b" });
  session.hear({ seq: 1, ack: 0, body: "a" });
  expect(heard).toEqual(["a"]);
});
