// The borrower's rules, one at a time.

import { expect, test } from "vitest";
import { createBorrower } from "./borrower.ts";
import type { BorrowerEffect, BorrowerEvent, LendingWorker } from "./events.ts";

const workerOf = (worker: string, slots: number, more: Partial<LendingWorker> = {}): LendingWorker => ({
  worker,
  slots,
  busy: 0,
  leased: 0,
  waiting: 0,
  isDraining: false,
  ...more,
});

class Scene {
  readonly machine = createBorrower(1);
  cluster: LendingWorker[];
  /** Of slots that were asked for: their workers. */
  readonly asked = new Map<number, string>();
  readonly said: string[] = [];
  now = 0;
  /** What becomes of slots that are asked for, if that is the same for all. */
  answer: "grant" | "wait" | "fail" | null = "grant";

  constructor(...cluster: LendingWorker[]) {
    this.cluster = cluster;
  }

  tell(event: BorrowerEvent): void {
    for (const effect of this.machine.handle(event, this.now)) this.obey(effect);
  }

  private obey(effect: BorrowerEffect): void {
    if (effect.kind === "LookForWorkers") return this.tell({ kind: "WorkersSeen", workers: this.cluster });
    if (effect.kind === "TellHoldings") return;
    if (effect.kind === "AskForSlot") {
      const { slot, worker } = effect;
      this.said.push(`ask ${worker}`);
      this.asked.set(slot, worker);
      if (this.answer === "grant") this.tell({ kind: "SlotGranted", slot });
      else if (this.answer === "wait") this.tell({ kind: "SlotWaits", slot });
      else if (this.answer === "fail") this.ended(slot, "failed");
      return;
    }
    if ("slot" in effect) {
      this.said.push(`${effect.kind} ${effect.slot}`);
      return this.ended(effect.slot, "ended");
    }
    this.said.push(`${effect.kind}: ${effect.why}`);
  }

  ended(slot: number, how: "gone" | "failed" | "ended"): void {
    this.asked.delete(slot);
    this.tell({ kind: "SlotEnded", slot, how });
  }

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

  use(): this {
    this.tell({ kind: "SlotsWanted" });
    return this;
  }

  calls(isWaiting: boolean): void {
    this.tell({ kind: "CallsWait", isWaiting });
  }

  of(worker: string): number {
    return [...this.asked.values()].filter((name) => name === worker).length;
  }
}

test("nothing is leased before a function is used; then as many as each worker has", () => {
  const scene = new Scene(workerOf("w1", 2), workerOf("w2", 3));
  scene.advance(10_000);
  expect(scene.said).toEqual([]);
  scene.use();
  expect([scene.of("w1"), scene.of("w2")]).toEqual([2, 3]);
});

test("the first alone, the others when it takes calls, or has to wait", () => {
  const scene = new Scene(workerOf("w1", 3));
  scene.answer = null;
  scene.use();
  expect(scene.said).toHaveLength(1);
  scene.tell({ kind: "SlotGranted", slot: 1 });
  expect(scene.said).toHaveLength(3);
});

test("a worker that joins is used at once; of one that leaves nothing is replaced that the others have no slots for", () => {
  const scene = new Scene(workerOf("w1", 2)).use();
  scene.cluster.push(workerOf("w2", 2));
  scene.tell({ kind: "WorkerTold", worker: workerOf("w2", 2) });
  expect([scene.of("w1"), scene.of("w2")]).toEqual([2, 2]);
  scene.cluster = [workerOf("w1", 2, { isDraining: true }), workerOf("w2", 2)];
  scene.tell({ kind: "WorkerTold", worker: scene.cluster[0]! });
  scene.calls(true);
  for (const [slot, worker] of Array.from(scene.asked))
    if (worker === "w1") scene.tell({ kind: "SlotAskedBack", slot });
  scene.advance(20_000);
  expect([scene.of("w1"), scene.of("w2")]).toEqual([0, 2]);
});

test("a worker that dies: its slots end, and it is not asked again; one in its place is", () => {
  const scene = new Scene(workerOf("w1", 2), workerOf("w2", 1)).use();
  scene.cluster = [workerOf("w2", 1)];
  for (const [slot, worker] of Array.from(scene.asked)) if (worker === "w1") scene.ended(slot, "gone");
  expect([scene.of("w1"), scene.of("w2")]).toEqual([0, 1]);
  scene.tell({ kind: "WorkerTold", worker: workerOf("w3", 2) });
  expect([scene.of("w2"), scene.of("w3")]).toEqual([1, 2]);
});

test("an announcement that was lost: while calls wait it is looked who is there", () => {
  const scene = new Scene(workerOf("w1", 1)).use();
  scene.cluster.push(workerOf("w2", 1));
  scene.advance(60_000);
  expect(scene.of("w2"), "nobody needs it").toBe(0);
  scene.calls(true);
  scene.advance(5000);
  expect(scene.of("w2")).toBe(1);
});

test("of two the one with less load, of everybody's", () => {
  const scene = new Scene(workerOf("w1", 4, { leased: 8 }), workerOf("w2", 4, { busy: 1 }));
  scene.answer = null;
  scene.use();
  expect(scene.said).toEqual(["ask w2"]);
});

test("many clients do not all go to the same worker first", () => {
  const first = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    const machine = createBorrower(seed);
    machine.handle({ kind: "WorkersSeen", workers: [1, 2, 3, 4].map((n) => workerOf(`w${n}`, 4)) }, 0);
    for (const effect of machine.handle({ kind: "SlotsWanted" }, 0))
      if (effect.kind === "AskForSlot") first.add(effect.worker);
  }
  expect([...first].sort()).toEqual(["w1", "w2", "w3", "w4"]);
});

test("what is asked back is given back, and asked for again only while there are more calls than slots", () => {
  const scene = new Scene(workerOf("w1", 2)).use();
  scene.tell({ kind: "SlotAskedBack", slot: 1 });
  expect(scene.said.slice(2)).toEqual(["GiveBackSlot 1"]);
  scene.advance(10_000);
  expect(scene.of("w1")).toBe(1);
  scene.answer = "wait";
  scene.calls(true);
  expect(scene.of("w1")).toBe(2);
  scene.calls(false);
  scene.advance(900);
  scene.calls(true);
  scene.calls(false);
  scene.advance(900);
  expect(scene.of("w1"), "calls come and go").toBe(2);
  scene.advance(200);
  expect(scene.said.at(-1)).toBe("WithdrawSlot 3");
  expect(scene.of("w1")).toBe(1);
});

test("no slot is free: said after 2 s, given up after 30, and tried again with the next call", () => {
  const scene = new Scene(workerOf("w1", 1));
  scene.answer = "wait";
  scene.use().calls(true);
  scene.advance(1999);
  expect(scene.said).toEqual(["ask w1"]);
  scene.advance(1);
  expect(scene.said.at(-1)).toBe("NoteWaiting: none free");
  scene.advance(27_999);
  expect(scene.said).toHaveLength(2);
  scene.advance(1);
  expect(scene.said.at(-1)).toBe("GiveUpWaiting: none free");
  scene.advance(60_000);
  expect(scene.said.at(-1)).toBe("WithdrawSlot 1");
  scene.answer = "grant";
  scene.calls(true);
  expect(scene.of("w1")).toBe(1);
});

test("no worker: at once if there never was one, else as if none were free", () => {
  const scene = new Scene();
  scene.use().calls(true);
  expect(scene.said).toEqual(["GiveUpWaiting: no worker"]);
  scene.calls(false);
  scene.cluster = [workerOf("w1", 1)];
  scene.calls(true);
  expect(scene.of("w1")).toBe(1);
  scene.cluster = [];
  scene.ended(1, "gone");
  scene.advance(29_000);
  expect(scene.said.slice(2)).toEqual(["NoteWaiting: no worker"]);
  scene.cluster = [workerOf("w2", 1)];
  scene.tell({ kind: "WorkerTold", worker: scene.cluster[0]! });
  expect(scene.of("w2")).toBe(1);
  scene.advance(60_000);
  expect(scene.said.slice(3)).toEqual(["ask w2"]);
});

test("slots that fail to start three times in a row are not asked for again and again", () => {
  const scene = new Scene(workerOf("w1", 1));
  scene.answer = "fail";
  scene.use().calls(true);
  expect(scene.said).toEqual(["ask w1", "ask w1", "ask w1", "GiveUpWaiting: failing"]);
  scene.calls(false);
  scene.calls(true);
  expect(scene.said.slice(4), "one more try").toEqual(["ask w1", "GiveUpWaiting: failing"]);
});

test("a slot that has ended is replaced, as often as it takes calls in between", () => {
  const scene = new Scene(workerOf("w1", 1)).use();
  for (let slot = 1; slot <= 10; slot++) scene.ended(slot, "ended");
  expect(scene.of("w1")).toBe(1);
  expect([...scene.machine.holdings()]).toEqual([["w1", 1]]);
});
