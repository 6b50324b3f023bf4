// The lender's rules, one at a time; then random lives of one, with its invariants after each event.

import { expect, test } from "vitest";
import { below, chance, rng } from "../../base/rng.ts";
import type { LenderEffect, LenderEvent } from "./events.ts";
import { createLender } from "./lender.ts";

/** A lender whose slots are given back as soon as that is asked, unless they are kept. */
class Scene {
  readonly machine;
  readonly holders = new Map<string, string>();
  readonly idle = new Set<string>();
  readonly kept = new Set<string>();
  readonly said: string[] = [];
  now = 0;

  constructor(slots: number, limits: { waitingMax?: number } = {}) {
    this.machine = createLender({ slots, ...limits });
  }

  tell(event: LenderEvent): void {
    const effects = this.machine.handle(event, this.now);
    this.machine.checkInvariants();
    for (const effect of effects) this.obey(effect);
  }

  obey(effect: LenderEffect): void {
    if (effect.kind === "LookAtLeases") {
      return this.tell({
        kind: "LeasesSeen",
        idle: [...this.idle].filter((lease) => this.holders.has(lease)),
      });
    }
    this.said.push(`${effect.kind} ${effect.lease}`);
    if (effect.kind === "GrantLease") this.holders.set(effect.lease, effect.lease[0]!);
    if (effect.kind === "AskBack" && !this.kept.has(effect.lease)) this.end(effect.lease);
  }

  end(lease: string): void {
    this.holders.delete(lease);
    this.tell({ kind: "LeaseEnded", lease });
  }

  /** "a1" is the first lease of the client "a". */
  ask(...leases: string[]): void {
    for (const lease of leases)
      this.tell({ kind: "LeaseAsked", lease, client: lease[0]!, elsewhere: this.elsewhere[lease[0]!] ?? 0 });
  }

  elsewhere: Record<string, number> = {};

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const at = this.machine.nextDeadline();
      if (at === null || at > until) break;
      this.now = Math.max(this.now, at);
      this.tell({ kind: "TimePassed" });
    }
    this.now = until;
  }

  get held(): string {
    return [...this.holders.keys()].sort().join(" ");
  }
}

test("who asks gets a slot while there are some; the next waits for one", () => {
  const scene = new Scene(2);
  scene.ask("a1", "b1", "c1");
  expect(scene.held).toBe("a1 b1");
  scene.advance(60_000);
  expect(scene.held, "each has one: nobody is asked").toBe("a1 b1");
  scene.end("a1");
  expect(scene.held).toBe("b1 c1");
});

test("a new client gets its share of whoever has most, the youngest slots first, and no more", () => {
  const scene = new Scene(4);
  scene.ask("a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4");
  expect(scene.held).toBe("a1 a2 b1 b2");
  expect(scene.said.filter((line) => line.startsWith("AskBack"))).toEqual(["AskBack a4", "AskBack a3"]);
  scene.ask("c1");
  expect(scene.held).toBe("a1 b1 b2 c1");
  scene.ask("c2");
  expect(scene.held, "one more or less is a fair share").toBe("a1 b1 b2 c1");
});

test("what a client has of other workers counts", () => {
  const scene = new Scene(2);
  scene.elsewhere = { a: 2 };
  scene.ask("a1", "b1", "c1");
  expect(scene.held, "a has three, c none").toBe("b1 c1");
  scene.tell({ kind: "ElsewhereTold", client: "b", elsewhere: 1 });
  scene.ask("d1");
  expect(scene.held).toBe("c1 d1");
});

test("a slot with nothing to do goes first, after a second, and a client's last only to one that has none", () => {
  const scene = new Scene(4);
  scene.ask("a1", "a2", "b1", "b2");
  scene.idle.add("b1").add("b2");
  scene.ask("a3", "a4");
  scene.advance(999);
  expect(scene.held).toBe("a1 a2 b1 b2");
  scene.advance(500);
  expect(scene.held, "b keeps one").toMatch(/^a1 a2 a3 b\d$/);
  scene.idle.add("a1").add("a2").add("a3");
  scene.advance(60_000);
  expect(scene.held, "a has most, but who waits is a itself").toMatch(/^a1 a2 a3 b\d$/);
});

test("an idle client's last slot goes to one that has none", () => {
  const scene = new Scene(1);
  scene.ask("a1", "b1");
  scene.advance(10_000);
  expect(scene.held).toBe("a1");
  scene.idle.add("a1");
  scene.advance(2000);
  expect(scene.held).toBe("b1");
});

test("a slot that works again counts as one that works", () => {
  const scene = new Scene(1);
  scene.ask("a1", "b1");
  scene.idle.add("a1");
  scene.advance(900);
  scene.idle.clear();
  scene.advance(300);
  scene.idle.add("a1");
  scene.advance(900);
  expect(scene.held).toBe("a1");
});

test("while one is on its way back no other is asked, until its grace is over", () => {
  const scene = new Scene(3);
  for (const lease of ["a1", "a2", "a3"]) scene.kept.add(lease);
  scene.ask("a1", "a2", "a3", "b1");
  expect(scene.said.at(-1)).toBe("AskBack a3");
  scene.advance(4900);
  expect(scene.said.at(-1)).toBe("AskBack a3");
  scene.ask("b2"); // a keeps two
  expect(scene.said.at(-1)).toBe("AskBack a3");
  scene.advance(300);
  expect(scene.said.at(-1), "a3 runs something long").toBe("AskBack a2");
  scene.end("a2");
  expect(scene.held).toBe("a1 a3 b1");
});

test("a worker that leaves refuses whoever waits and asks all back", () => {
  const scene = new Scene(2);
  scene.ask("a1", "b1", "c1");
  scene.tell({ kind: "LendingEnded" });
  expect(scene.said.slice(2)).toEqual(["RefuseLease c1", "AskBack a1", "AskBack b1"]);
  scene.ask("d1");
  expect(scene.said.at(-1)).toBe("RefuseLease d1");
  expect(scene.machine.nextDeadline()).toBeNull();
});

test("limits: so many wait, one more is refused; a lease is asked for once", () => {
  const scene = new Scene(1, { waitingMax: 1 });
  scene.ask("a1", "a1", "b1", "b1", "c1");
  expect(scene.said).toEqual(["GrantLease a1", "RefuseLease c1"]);
  expect([scene.machine.running, scene.machine.waiting]).toEqual([1, 1]);
});

test("random lives: invariants hold, and with nobody leaving shares become even", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const chances = rng(seed);
    const scene = new Scene(1 + below(chances, 8));
    let last = 0;
    const open: string[] = [];
    for (let step = 0; step < 80; step++) {
      const pick = below(chances, 10);
      const lease = open[below(chances, Math.max(1, open.length))];
      if (pick < 4) {
        open.push(`${"abcd"[below(chances, 4)]}${++last}`);
        scene.ask(open.at(-1)!);
      } else if (pick < 6 && lease !== undefined) scene.end(open.splice(open.indexOf(lease), 1)[0]!);
      else if (pick < 8 && lease !== undefined) {
        if (chance(chances, 0.5)) scene.idle.add(lease);
        else scene.idle.delete(lease);
      } else scene.advance(below(chances, 1500));
    }
    scene.idle.clear();
    // All have enough to do, one after the other.
    for (const client of "abcd") for (let n = 0; n < 10; n++) scene.ask(`${client}${++last}`);
    scene.advance(20_000);
    const counts = new Map([..."abcd"].map((client) => [client, 0]));
    for (const client of scene.holders.values()) counts.set(client, counts.get(client)! + 1);
    const [most, fewest] = [Math.max(...counts.values()), Math.min(...counts.values())];
    expect(most - fewest, `seed ${seed}`).toBeLessThanOrEqual(1);
  }
});
