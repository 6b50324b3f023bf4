// Generators and async iterables stream: in order, no faster than they are read, and they end when nobody reads on.

import { expect } from "vitest";
import { asPromise, collect, rejection, type Module, type World } from "./world.ts";
import type { Remote } from "../../../src/model/calls/remote.ts";

/** Items that a slot may give ahead of the reader (stream-sink.ts). */
const aheadMax = 128;

export function streams(world: World): void {
  const { it } = world;

  /** A connection with one slot: all its calls see the same counts of streamFigures. */
  /** What the streams of the one slot have done since. */
  async function since({ streamFigures }: Remote<Module>) {
    const before = await streamFigures();
    const figures = async (): Promise<typeof before> => {
      const { produced, closed } = await streamFigures();
      return { produced: produced - before.produced, closed: closed - before.closed };
    };
    const closed = async (count: number): Promise<void> => {
      for (;;) if ((await figures()).closed >= count) return;
    };
    return { figures, closed };
  }

  it("generators, async generators, promised ones and web streams give their items in order", async () => {
    const { count, countLater, promisesStream, webStream } = world.fns;
    const numbers = Array.from({ length: 1000 }, (_, n) => n);
    const items = numbers.map((n) => ({ n, text: "x".repeat(n % 3 === 0 ? 300 : 1) }));
    const [a, b, c, d] = await Promise.all([
      collect(count(1000)),
      collect(countLater(1000)),
      collect(promisesStream(1000)),
      collect(webStream(1000)),
    ]);
    expect(a).toEqual(numbers);
    expect(b).toEqual(items);
    expect(c).toEqual(items);
    expect(d).toEqual(numbers);
    expect(await collect(count(0))).toEqual([]);
  });

  it("no more is taken from the source than 128 items ahead of the reader", async () => {
    const fns = await world.alone();
    const { count } = fns;
    const { figures, closed } = await since(fns);
    let read = 0;
    for await (const n of count(10_000)) {
      expect(n).toBe(read++);
      if (read % 100 !== 1) continue;
      // This call runs when the source waits: the stream keeps no slot.
      const { produced } = await figures();
      expect(produced).toBeLessThanOrEqual(read + aheadMax);
      expect(produced).toBeGreaterThanOrEqual(read);
      if (read > 1000) break;
    }
    await closed(1);
    expect((await figures()).produced).toBeLessThanOrEqual(read + aheadMax);
  });

  it("streams that nobody reads begin nothing and keep no slot", async () => {
    const fns = await world.alone();
    const { count, echo } = fns;
    const { figures } = await since(fns);
    const unread = Array.from({ length: 20 }, () => count(10));
    expect(await Promise.all(unread.map(asPromise))).toEqual(unread.map(() => undefined));
    const halfRead = count(1000);
    expect(await halfRead.next()).toEqual({ done: false, value: 0 });
    expect(await echo("still here")).toBe("still here");
    expect((await figures()).produced).toBeLessThanOrEqual(1 + aheadMax);
    expect(await collect(unread[7]!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("leaving the loop early, and return(), run the source's finally", async () => {
    const fns = await world.alone();
    const { count, countLater } = fns;
    const { closed } = await since(fns);
    for await (const n of count(1000)) if (n === 3) break;
    await closed(1);
    for await (const { n } of countLater(1_000_000)) if (n === 40) break;
    await closed(2);
    const stream = count(1000);
    await stream.next();
    expect(await stream.return()).toEqual({ done: true, value: undefined });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await closed(3);
  });

  it("a stream that is left before it was begun never begins", async () => {
    const fns = await world.alone();
    const { figures } = await since(fns);
    const stream = fns.count(1000);
    await stream.return();
    expect(await collect(stream)).toEqual([]);
    expect(await figures()).toEqual({ produced: 0, closed: 0 });
  });

  it("next() may be asked for ahead, and a loop may go on after it", async () => {
    const stream = world.fns.count(6);
    expect(
      (await Promise.all([stream.next(), stream.next(), stream.next()])).map(({ value }) => value),
    ).toEqual([0, 1, 2]);
    expect(await collect(stream)).toEqual([3, 4, 5]);
  });

  it("many streams at a time, from two slots", async () => {
    const { countLater } = world.fns;
    const all = await Promise.all(Array.from({ length: 20 }, () => collect(countLater(200))));
    for (const items of all)
      expect(items.map(({ n }) => n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  it("who leaves while the source waits: its signal tells it, and its slot is free", async () => {
    const { waitsWithin, echo } = await world.alone();
    const log = world.log();
    for await (const name of waitsWithin(log.file)) {
      expect(name).toBe("waitsWithin"); // callContext is there, too
      break;
    }
    await log.has(1);
    expect(log.lines).toEqual(["closed, aborted"]);
    expect(await echo("free")).toBe("free");
  });

  it("a stream that has begun is not tried again, whatever its retries: its items come once", async () => {
    const got: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const n of world.fns.countThenThrow.with({ retries: 3 })(200)) got.push(n);
      })(),
    );
    expect(error.message).toBe("the source is dry");
    expect(got).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  it("what the source throws comes after the items before it", async () => {
    const got: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const n of world.fns.countThenThrow(100)) got.push(n);
      })(),
    );
    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe("the source is dry");
  });

  it("an item that cannot travel ends the stream, and the source", async () => {
    const fns = await world.alone();
    const { closed } = await since(fns);
    const got: unknown[] = [];
    const error = await rejection(
      (async () => {
        for await (const n of fns.countThenFunction(3)) got.push(n);
      })(),
    );
    expect(error).toMatchObject({ code: "VALUE_INVALID" });
    expect(error.message).toMatch(/^an item of the stream: function/);
    expect(got).toEqual([0, 1, 2]);
    await closed(2);
  });

  it("a stream that failed before it was read says so when it is read", async () => {
    const controller = new AbortController();
    const stream = world.fns.count.with({ signal: controller.signal })(10);
    await asPromise(stream);
    controller.abort(new Error("before it was read"));
    expect((await rejection(collect(stream))).message).toBe("before it was read");
    const late = world.fns.count.with({ signal: controller.signal })(10);
    await rejection(asPromise(late));
    expect((await rejection(collect(late))).message).toBe("before it was read");
  });

  it("a value is no stream, and says so", async () => {
    const echo = world.fns.echo as unknown as (value: unknown) => AsyncIterable<unknown>;
    const error = await rejection(collect(echo([1, 2])));
    expect(error).toMatchObject({ code: "USER_ERROR" });
    expect(error.message).toContain("echo gave a value, and was read as a stream");
  });

  it("aborting the signal of a stream ends it on both sides", async () => {
    const fns = await world.alone();
    const { closed } = await since(fns);
    const controller = new AbortController();
    const reason = new Error("enough");
    const got: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const { n } of fns.countLater.with({ signal: controller.signal })(1_000_000)) {
          got.push(n);
          if (n === 100) controller.abort(reason);
        }
      })(),
    );
    expect(error).toBe(reason);
    expect(got.length).toBeLessThanOrEqual(101 + aheadMax);
    await closed(1);
  });
}
