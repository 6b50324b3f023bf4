// Rooms of the coordinator against deliberately dumb models of themselves.

import fc from "fast-check";
import { expect, test } from "vitest";
import { workerId } from "../../base/ids.ts";
import type { StageSpec } from "../types.ts";
import { OutputLedger } from "./outputs.ts";
import { ReadyQueue } from "./ready.ts";
import { StageLedger } from "./stages.ts";
import { TaskLedger, transitions, type TaskState, type Trigger } from "./tasks.ts";
import { WorkerLedger } from "./workers.ts";

const stagesOf = (...tasks: number[]): StageSpec[] =>
  tasks.map((count, stage) => ({
    name: `s${stage}`,
    tasks: count,
    reads: stage === 0 ? [] : [stage - 1],
    output: "blocks",
  }));

test("ready queue: the first is the least pending task of an open stage", () => {
  const counts = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 5 });
  const step = fc.record({ what: fc.constantFrom("toggle", "open", "close", "take"), any: fc.nat() });
  fc.assert(
    fc.property(counts, fc.array(step, { maxLength: 80 }), (tasks, steps) => {
      const stages = new StageLedger(stagesOf(...tasks));
      const queue = new ReadyQueue(stages);
      const pending = new Set(Array.from({ length: stages.totalTasks }, (_, task) => task));
      const open = new Set<number>();
      for (const { what, any } of steps) {
        const expected =
          [...pending].filter((task) => open.has(stages.stageOf(task))).sort((a, b) => a - b)[0] ?? -1;
        expect(queue.first()).toBe(expected);
        expect(queue.isEmpty).toBe(expected === -1);
        const task = stages.totalTasks === 0 ? -1 : what === "take" ? expected : any % stages.totalTasks;
        if (what === "open" || what === "close") {
          queue.setOpen(any % tasks.length, what === "open");
          if (what === "open") open.add(any % tasks.length);
          else open.delete(any % tasks.length);
        } else if (task !== -1) {
          if (pending.delete(task)) queue.remove(task);
          else if (pending.add(task)) queue.add(task);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("workers: the roomiest has the most free slots, and others come before the one avoided", () => {
  const step = fc.record({
    what: fc.constantFrom("join", "take", "take", "take", "give", "lose"),
    any: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const ledger = new WorkerLedger();
      const model = new Map<number, { slots: number; free: number }>();
      let joined = 0;
      for (const { what, any } of steps) {
        const ids = [...model.keys()];
        const id = ids.length === 0 ? 0 : ids[any % ids.length]!;
        const worker = model.get(id);
        if (what === "join") {
          const slots = 1 + (any % 5);
          ledger.join(workerId(++joined), slots);
          model.set(joined, { slots, free: slots });
        } else if (what === "lose" && worker !== undefined) {
          ledger.lose(workerId(id));
          model.delete(id);
        } else if (what === "give" && worker !== undefined && worker.free < worker.slots) {
          ledger.giveSlotBack(workerId(id));
          worker.free++;
        } else if (what === "take" && ledger.roomiest() !== null) {
          const roomiest = ledger.roomiest()!.id;
          ledger.takeSlot(roomiest);
          model.get(Number(roomiest.slice(1)))!.free--;
        }
        const most = (except: number): number =>
          Math.max(0, ...[...model].filter(([other]) => other !== except).map(([, { free }]) => free));
        expect(ledger.roomiest()?.free ?? 0).toBe(most(-1));
        const other = ledger.roomiestOtherThan(workerId(id));
        expect(other?.free ?? 0).toBe(most(id) > 0 ? most(id) : most(-1));
        if (most(id) > 0) expect(other!.id).not.toBe(workerId(id));
        expect(ledger.freeSlots).toBe([...model.values()].reduce((sum, { free }) => sum + free, 0));
      }
    }),
    { numRuns: 300 },
  );
});

test("workers: equal ones take turns", () => {
  const ledger = new WorkerLedger();
  for (let n = 1; n <= 3; n++) ledger.join(workerId(n), 2);
  const taken = Array.from({ length: 6 }, () => {
    const { id } = ledger.roomiest()!;
    ledger.takeSlot(id);
    return id;
  });
  expect(taken).toEqual(["w1", "w2", "w3", "w1", "w2", "w3"]);
  expect(ledger.roomiest()).toBeNull();
});

test("outputs: readers share one array, which never changes under their hands", () => {
  const stages = new StageLedger(stagesOf(3, 2));
  const outputs = new OutputLedger(stages);
  stages.becomeStarted(0);
  for (let task = 0; task < 3; task++) {
    outputs.set(task, { attempt: `t${task}.1` as never, worker: workerId(1) }, 10);
    stages.moved(0, "pending", "finished");
  }
  const inputs = outputs.inputs(1);
  expect(outputs.inputs(1)).toBe(inputs);
  const before = JSON.stringify(inputs);
  outputs.drop(1);
  outputs.set(1, { attempt: "t1.2" as never, worker: workerId(2) }, 10);
  expect(JSON.stringify(inputs)).toBe(before);
  const after = outputs.inputs(1);
  expect(after[0]!.map(({ attempt }) => attempt)).toEqual(["t0.1", "t1.2", "t2.1"]);
  expect(after[0]![0]).toBe(inputs[0]![0]);
});

test("outputs: what was lost with a worker is what still counts there", () => {
  const outputs = new OutputLedger(new StageLedger(stagesOf(4)));
  for (const task of [2, 0, 3])
    outputs.set(task, { attempt: `t${task}.1` as never, worker: workerId(1) }, 10);
  outputs.drop(0);
  outputs.set(0, { attempt: "t0.2" as never, worker: workerId(2) }, 10);
  outputs.drop(3);
  outputs.set(3, { attempt: "t3.2" as never, worker: workerId(1) }, 10);
  expect(outputs.lostWith(workerId(1))).toEqual([2, 3]);
  expect(outputs.lostWith(workerId(1))).toEqual([]);
});

test("tasks: all that the table does not list breaks I2, and the error tells the story", () => {
  const waysTo: Record<TaskState, readonly Trigger[]> = {
    pending: [],
    running: ["assigned"],
    finished: ["assigned", "finished"],
    failed: ["assigned", "given-up"],
    forgotten: ["assigned", "finished", "output-dropped"],
  };
  const triggers = new Set(Object.values(transitions).flatMap((row) => Object.keys(row) as Trigger[]));
  expect(triggers.size).toBe(10);
  for (const [state, way] of Object.entries(waysTo) as [TaskState, readonly Trigger[]][]) {
    for (const trigger of triggers) {
      const ledger = new TaskLedger(8);
      way.forEach((earlier, at) => ledger.apply(7, earlier, 1, 10 + at));
      const to = transitions[state][trigger];
      if (to !== undefined) expect(ledger.apply(7, trigger, 1, 20)).toBe(to);
      else expect(() => ledger.apply(7, trigger, 2, 20)).toThrow(`I2 broken: t7 is ${state}: "${trigger}"`);
    }
  }
  const ledger = new TaskLedger(8);
  ledger.apply(7, "assigned", 1, 10);
  ledger.apply(6, "assigned", 1, 11);
  ledger.apply(7, "retried", 1, 12);
  expect(() => ledger.apply(7, "finished", 1, 13)).toThrow(
    /story so far:\n {2}10 ms: assigned t7\.1\n {2}12 ms: retried t7\.1$/,
  );
});

test("tasks: the story forgets the oldest of all rather than growing", () => {
  const ledger = new TaskLedger(4);
  for (let n = 1; n <= 100; n++) {
    ledger.apply(0, "assigned", n, n);
    ledger.apply(0, "retried", n, n);
  }
  const story = ledger.story(0);
  expect(story.length).toBe(64);
  expect(story.at(-1)).toBe("100 ms: retried t0.100");
});
