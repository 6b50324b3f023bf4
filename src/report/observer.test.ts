import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attemptId, jobId, workerId } from "../base/ids.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../core/coordinator/events.ts";
import { defaultLimits } from "../core/types.ts";
import type { AttemptFigures } from "../core/types.ts";
import type { LogEntry } from "../core/log.ts";
import { RunObserver } from "./observer.ts";
import { causes } from "./report.ts";
import type { Report } from "./report.ts";
import type { RunInfo } from "./run-info.ts";

const worker = workerId(1);

const figuresOf = (some: Partial<AttemptFigures> = {}): AttemptFigures => ({
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 0,
  counters: {},
  ...some,
});

const infoOf = (slots: number, tasks: readonly number[], some: Partial<RunInfo> = {}): RunInfo => ({
  job: "j",
  slots,
  inputFiles: 1,
  inputBytes: 1000,
  startedAt: 0,
  stages: tasks.map((count, i) => ({ name: `stage ${i}`, tasks: count, inputBytes: i === 0 ? 1000 : null })),
  ...some,
});

/** Writes a log by hand. */
class Log {
  readonly observer: RunObserver;
  private id = 0;
  private lastEvent: number | null = null;

  constructor(info: RunInfo) {
    this.observer = new RunObserver(info);
  }

  event(at: number, body: CoordinatorEvent): void {
    this.lastEvent = ++this.id;
    this.observer.observe({
      id: this.id,
      at,
      cause: null,
      machine: "coordinator",
      type: "event",
      body,
    } as LogEntry);
  }
  effect(at: number, body: CoordinatorEffect): void {
    const entry = { id: ++this.id, at, cause: this.lastEvent, machine: "coordinator", type: "effect", body };
    this.observer.observe(entry as LogEntry);
  }
  assign(at: number, task: number, attempt = 1, isBackup = false): void {
    this.effect(at, {
      kind: "AssignAttempt",
      worker,
      attempt: attemptId(task, attempt),
      stage: 0,
      index: 0,
      inputs: [],
      isBackup,
    });
  }
  start(at: number, task: number, attempt = 1): void {
    this.event(at, { kind: "AttemptStarted", worker, attempt: attemptId(task, attempt), slot: 0 });
  }
  run(at: number, task: number, attempt = 1, isBackup = false): void {
    this.assign(at, task, attempt, isBackup);
    this.start(at, task, attempt);
  }
  finish(at: number, task: number, figures: Partial<AttemptFigures>, attempt = 1): void {
    this.event(at, {
      kind: "AttemptFinished",
      worker,
      attempt: attemptId(task, attempt),
      figures: figuresOf(figures),
    });
  }
  fail(at: number, task: number, attempt = 1): void {
    this.event(at, {
      kind: "AttemptFailed",
      worker,
      attempt: attemptId(task, attempt),
      failure: { kind: "cancelled" },
    });
  }
  end(at: number, kind: "succeeded" | "cancelled" = "succeeded"): void {
    const outcome = kind === "succeeded" ? ({ kind } as const) : ({ kind, reason: "asked" } as const);
    this.effect(at, { kind: "FinishJob", outcome });
  }
}

const partsTogether = (report: Report): number =>
  causes.reduce((sum, cause) => sum + report.lost[cause], report.busyMs);

function expectToAddUp(report: Report): void {
  expect(partsTogether(report)).toBe(report.capacityMs);
  expect(report.capacityMs).toBe(report.slots * report.wallMs);
  for (const cause of causes) expect(report.lost[cause]).toBeGreaterThanOrEqual(0);
  expect(report.busyMs).toBeGreaterThanOrEqual(0);
  const shares = Object.values(report.shares).reduce((a, b) => a + b, 0);
  expect(shares).toBeCloseTo(report.capacityMs === 0 ? 0 : 1, 9);
}

describe("RunObserver: where the time went", () => {
  it("divides a run of two stages among all causes", () => {
    const log = new Log(infoOf(2, [3, 1]));
    log.event(50, { kind: "JobSubmitted", job: { id: jobId("j"), stages: [], limits: defaultLimits } });
    log.run(100, 0); // start-up: 2 × 100
    log.run(100, 1);
    log.finish(200, 0, { runMs: 100, waitMs: 30 });
    log.run(200, 2);
    log.finish(250, 1, { runMs: 140 }); // ran 140 of 150: 10 between the slot's end and the log's
    log.finish(300, 2, { runMs: 100 }); // straggler: one slot free from 250 to 300
    log.run(300, 3); // one task: the other slot free from 300 to 500
    log.finish(500, 3, { runMs: 200 });
    log.effect(500, { kind: "CommitOutput", winners: [] });
    log.end(520); // both free from 500 to 540
    const report = log.observer.report(540);
    expect(report.lost).toEqual({
      startUp: 200,
      serial: 200 + 80,
      waiting: 30,
      stragglers: 50,
      retries: 0,
      idle: 10,
    });
    expect(report.busyMs).toBe(70 + 140 + 100 + 200);
    expect(report.unsharedMs).toEqual({ startUp: 100, oneTask: 200, end: 40 });
    expect(report.speedup).toBeCloseTo(510 / 540, 9);
    expect(report.stages.map((stage) => [stage.wallMs, stage.medianTaskMs, stage.longestTaskMs])).toEqual([
      [200, 100, 140],
      [200, 200, 200],
    ]);
    expectToAddUp(report);
  });

  it("counts what earlier processes did, but not the time that they took", () => {
    const log = new Log(infoOf(1, [3, 1]));
    const figures = figuresOf({ runMs: 5000, recordsIn: 10, bytesIn: 100, counters: { seen: 10 } });
    const outputs = [0, 1].map((task) => ({
      task,
      attempt: attemptId(task, 1),
      worker: workerId(0),
      figures,
    }));
    log.event(10, { kind: "OutputsAdopted", outputs });
    expect(log.observer.progress(20)).toMatchObject({
      tasks: { finished: 2, total: 4 },
      recordsIn: 20,
      bytesIn: 200,
      bytesPerSecond: 0,
    });
    log.run(50, 2);
    log.finish(150, 2, { runMs: 100, recordsIn: 10, bytesIn: 100, counters: { seen: 10 } });
    log.run(150, 3);
    log.finish(250, 3, { runMs: 100 });
    log.end(250);
    const report = log.observer.report(250);
    expect(report).toMatchObject({ busyMs: 200, input: { records: 30, bytes: 300 }, counters: { seen: 30 } });
    expect(
      report.stages.map(({ finishedTasks, keptTasks, medianTaskMs, longestTaskMs }) => [
        finishedTasks,
        keptTasks,
        medianTaskMs,
        longestTaskMs,
      ]),
    ).toEqual([
      [3, 2, 100, 100],
      [1, 0, 100, 100],
    ]);
    expectToAddUp(report);
  });

  it("takes an adopted output that proves lost as one to be made again", () => {
    const log = new Log(infoOf(1, [1, 1]));
    const attempt = attemptId(0, 1);
    const figures = figuresOf({ runMs: 5000, recordsIn: 10 });
    log.event(0, { kind: "OutputsAdopted", outputs: [{ task: 0, attempt, worker: workerId(0), figures }] });
    log.run(0, 1);
    log.fail(20, 1);
    log.effect(20, {
      kind: "NoteDecision",
      note: { kind: "output-remade", task: 0, lost: attempt, why: "damaged" },
    });
    log.run(20, 0, 2);
    log.finish(60, 0, { runMs: 40, recordsIn: 10 }, 2);
    log.run(60, 1, 2);
    log.finish(80, 1, { runMs: 20 }, 2);
    log.end(80);
    const report = log.observer.report(80);
    expect(report).toMatchObject({ remade: 1, busyMs: 60, lost: { retries: 20 }, input: { records: 10 } });
    expect(report.stages[0]).toMatchObject({ finishedTasks: 1, keptTasks: 0, medianTaskMs: 40 });
    expectToAddUp(report);
  });

  it("counts attempts that came to nothing as retries, and counts their records not at all", () => {
    const log = new Log(infoOf(2, [2]));
    log.run(0, 0);
    log.run(0, 1);
    log.fail(40, 0);
    log.effect(40, {
      kind: "NoteDecision",
      note: { kind: "retried", task: 0, failed: attemptId(0, 1), failure: { kind: "cancelled" } },
    });
    log.run(40, 0, 2);
    log.finish(100, 0, { runMs: 60, recordsIn: 5, bytesIn: 50, counters: { seen: 5 } }, 2);
    log.effect(100, {
      kind: "NoteDecision",
      note: { kind: "backup-started", attempt: attemptId(1, 2), ageMs: 100, medianMs: 60 },
    });
    log.run(100, 1, 2, true);
    log.finish(150, 1, { runMs: 50, recordsIn: 7, counters: { seen: 7, odd: 1 } }, 2);
    log.finish(160, 1, { runMs: 160, recordsIn: 7, counters: { seen: 7 } }); // beaten by its backup
    log.end(160);
    const report = log.observer.report(160);
    expect(report).toMatchObject({ retries: 1, backups: 1, busyMs: 60 + 50, counters: { odd: 1, seen: 12 } });
    expect(report.input).toEqual({ files: 1, records: 12, bytes: 50 });
    expect(report.lost.retries).toBe(40 + 160);
    expect(report.lost.serial).toBe(10);
    expectToAddUp(report);
  });

  it("takes back the time of an output that was lost, and counts its records once", () => {
    const log = new Log(infoOf(1, [1, 1]));
    log.run(0, 0);
    log.finish(100, 0, { runMs: 100, recordsIn: 10, waitMs: 20 });
    log.run(100, 1);
    log.fail(110, 1);
    log.effect(110, {
      kind: "NoteDecision",
      note: { kind: "output-remade", task: 0, lost: attemptId(0, 1), why: "damaged" },
    });
    log.run(110, 0, 2);
    log.finish(220, 0, { runMs: 110, recordsIn: 10, waitMs: 10 }, 2);
    log.run(220, 1, 2);
    log.finish(250, 1, { runMs: 30, recordsIn: 4 }, 2);
    log.end(250);
    const report = log.observer.report(250);
    expect(report).toMatchObject({ remade: 1, busyMs: 100 + 30, lost: { retries: 100 + 10, waiting: 10 } });
    expect(report.stages.map((stage) => stage.recordsIn)).toEqual([10, 4]);
    expectToAddUp(report);
  });

  it("does not believe a finish that the coordinator ignored", () => {
    const log = new Log(infoOf(1, [1]));
    log.run(0, 0);
    log.finish(100, 0, { runMs: 100, recordsIn: 10 });
    log.effect(100, { kind: "EventIgnored", event: "AttemptFinished", why: "stale" });
    log.run(100, 0, 2);
    expect(log.observer.progress(150).tasks).toEqual({ finished: 0, running: 1, total: 1 });
    log.finish(190, 0, { runMs: 90, recordsIn: 10 }, 2);
    log.end(190);
    const report = log.observer.report(190);
    expect(report).toMatchObject({ busyMs: 90, lost: { retries: 100 }, input: { records: 10 } });
    expectToAddUp(report);
  });

  it("ends the attempts of a lost worker, and ignores what comes from it later", () => {
    const log = new Log(infoOf(2, [2]));
    log.run(0, 0);
    log.run(0, 1);
    log.event(30, { kind: "WorkerLost", worker, reason: "killed" });
    log.finish(35, 0, { runMs: 30, recordsIn: 1 });
    log.end(50, "cancelled");
    const report = log.observer.report(50);
    expect(report).toMatchObject({
      outcome: "cancelled",
      busyMs: 0,
      lost: { retries: 60 },
      input: { records: 0 },
    });
    expectToAddUp(report);
  });

  it("gives the time of slots that cannot begin yet to start-up, and of too few tasks to idle", () => {
    const log = new Log(infoOf(4, [2]));
    log.assign(0, 0);
    log.assign(0, 1);
    log.start(10, 0);
    log.start(30, 1);
    log.finish(50, 0, { runMs: 40 });
    log.finish(50, 1, { runMs: 20 });
    log.end(50);
    const report = log.observer.report(50);
    expect(report.lost).toMatchObject({
      startUp: 4 * 10 + 20,
      idle: 20 * 2 + 20 * 2,
      serial: 0,
      stragglers: 0,
    });
    expectToAddUp(report);
  });

  it("counts a job without tasks, and one that never began, as start-up and serial", () => {
    const nothing = new Log(infoOf(2, [0]));
    nothing.end(80);
    const report = nothing.observer.report(100);
    expect(report).toMatchObject({ busyMs: 0, speedup: 0, lost: { startUp: 160, serial: 40 } });
    expectToAddUp(report);
    expectToAddUp(new RunObserver(infoOf(3, [])).report(0));
  });

  it("does not let many short tasks make the slots busier than they were", () => {
    const log = new Log(infoOf(1, [100]));
    // Half a millisecond each, as the log's clock sees it: 0, 1, 0, 1 …
    for (let task = 0; task < 100; task++) {
      log.run(Math.floor(task / 2), task);
      log.finish(Math.floor((task + 1) / 2), task, { runMs: 0.6, waitMs: 0.1 });
    }
    log.end(50);
    const report = log.observer.report(50);
    expect(report).toMatchObject({ busyMs: 40, lost: { waiting: 10, idle: 0 } });
    expectToAddUp(report);
  });

  it("takes a clock with a fraction, and a start before the log's zero", () => {
    const log = new Log(infoOf(3, [1], { startedAt: -12.75 }));
    log.run(5, 0);
    log.finish(9, 0, { runMs: 3.3 });
    log.end(9);
    const report = log.observer.report(9.4);
    expect(report.wallMs).toBe(22);
    expectToAddUp(report);
  });

  it("keeps at most a thousand counters, and none of them is a prototype", () => {
    const log = new Log(infoOf(1, [1]));
    log.run(0, 0);
    const counters = Object.fromEntries([
      ["__proto__", 3],
      ...Array.from({ length: 2000 }, (_, i) => [`c${i}`, 1]),
    ]);
    log.finish(1, 0, { counters });
    const { counters: kept } = log.observer.report(1);
    expect(Object.keys(kept)).toHaveLength(1000);
    expect(Object.getOwnPropertyDescriptor(kept, "__proto__")?.value).toBe(3);
  });
});

describe("RunObserver: progress", () => {
  it("includes what running attempts have read, and forgets it when they fail", () => {
    const log = new Log(infoOf(2, [4, 2]));
    log.run(0, 0);
    log.run(0, 1);
    log.finish(1000, 0, { recordsIn: 10, bytesIn: 100 });
    log.event(1000, { kind: "AttemptProgressed", attempt: attemptId(1, 1), recordsIn: 4, bytesIn: 40 });
    log.event(2000, { kind: "AttemptProgressed", attempt: attemptId(1, 1), recordsIn: 20, bytesIn: 200 });
    const progress = log.observer.progress(2000);
    expect(progress).toMatchObject({
      elapsedMs: 2000,
      recordsIn: 30,
      bytesIn: 300,
      bytesPerSecond: 200,
      etaMs: null,
    });
    expect(progress.stage).toEqual({
      index: 0,
      name: "stage 0",
      count: 2,
      tasks: { finished: 1, running: 1, total: 4 },
      recordsIn: 30,
      bytesIn: 300,
      bytesTotal: 1000,
      etaMs: 3500,
    });
    expect(progress.tasks).toEqual({ finished: 1, running: 1, total: 6 });
    log.fail(2100, 1);
    expect(log.observer.progress(2100)).toMatchObject({ recordsIn: 10, bytesIn: 100 });
  });

  it("does not count a task's records twice while its backup runs, nor after one of them won", () => {
    const log = new Log(infoOf(2, [1]));
    log.run(0, 0);
    log.event(10, { kind: "AttemptProgressed", attempt: attemptId(0, 1), recordsIn: 5, bytesIn: 50 });
    log.run(10, 0, 2, true);
    log.event(20, { kind: "AttemptProgressed", attempt: attemptId(0, 2), recordsIn: 4, bytesIn: 40 });
    expect(log.observer.progress(20)).toMatchObject({ recordsIn: 5, bytesIn: 50 });
    log.finish(30, 0, { recordsIn: 9, bytesIn: 90 }, 2);
    expect(log.observer.progress(30)).toMatchObject({ recordsIn: 9, bytesIn: 90 });
    log.event(40, { kind: "AttemptProgressed", attempt: attemptId(0, 1), recordsIn: 8, bytesIn: 80 });
    expect(log.observer.progress(40)).toMatchObject({ recordsIn: 9, bytesIn: 90 });
  });

  it("moves on to the next stage, estimates it by tasks, and the job with its last stage", () => {
    const log = new Log(infoOf(1, [1, 4]));
    log.run(0, 0);
    log.finish(100, 0, { recordsIn: 3, bytesIn: 30 });
    expect(log.observer.progress(100).stage).toMatchObject({
      index: 1,
      tasks: { finished: 0, running: 0, total: 4 },
    });
    log.run(100, 1);
    log.finish(1100, 1, { recordsIn: 1, bytesIn: 10 });
    log.run(1100, 2);
    const progress = log.observer.progress(1100);
    expect(progress.stage).toMatchObject({ index: 1, bytesIn: 10, bytesTotal: null, etaMs: 3000 });
    expect(progress.etaMs).toBe(3000);
    expect(progress).toMatchObject({ recordsIn: 3, bytesIn: 30 });
  });

  it("is defined before anything happened and without stages", () => {
    expect(new RunObserver(infoOf(1, [2])).progress(5).stage).toMatchObject({ index: 0, etaMs: null });
    expect(new RunObserver(infoOf(1, [])).progress(5)).toMatchObject({ etaMs: null, tasks: { total: 0 } });
  });
});

// ── Against a dumb twin
// ──────────────────────────────────────────────────────────────────────────────────────────

interface Schedule {
  readonly slots: number;
  readonly startUp: number;
  readonly stages: readonly (readonly {
    readonly ms: number;
    readonly late: number;
    readonly wait: number;
  }[])[];
  readonly tail: number;
}

const schedules: fc.Arbitrary<Schedule> = fc.record({
  slots: fc.integer({ min: 1, max: 5 }),
  startUp: fc.integer({ min: 0, max: 20 }),
  stages: fc.array(
    fc.array(
      fc.record({
        ms: fc.integer({ min: 1, max: 30 }),
        late: fc.integer({ min: 0, max: 3 }),
        wait: fc.integer({ min: 0, max: 30 }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  tail: fc.integer({ min: 0, max: 10 }),
});

interface Interval {
  readonly task: number;
  readonly stage: number;
  readonly from: number;
  readonly to: number;
}

/** Greedy: each task, in order, on the slot that is free first, `late` after it became free. */
function plan({ slots, startUp, stages }: Schedule): { intervals: Interval[]; end: number } {
  const intervals: Interval[] = [];
  let barrier = startUp;
  let task = 0;
  stages.forEach((tasks, stage) => {
    const freeAt = Array.from({ length: slots }, () => barrier);
    for (const { ms, late } of tasks) {
      const slot = freeAt.indexOf(Math.min(...freeAt));
      const from = freeAt[slot]! + late;
      freeAt[slot] = from + ms;
      intervals.push({ task: task++, stage, from, to: from + ms });
    }
    barrier = Math.max(
      ...intervals.filter((interval) => interval.stage === stage).map((interval) => interval.to),
    );
  });
  return { intervals, end: barrier };
}

/** What each slot did in each millisecond, looked up one by one. */
function dumbTwin(
  { slots, stages, tail }: Schedule,
  { intervals, end }: ReturnType<typeof plan>,
): Record<string, number> {
  const lost = { startUp: 0, serial: 0, stragglers: 0, idle: 0 };
  const first = Math.min(...intervals.map((interval) => interval.from));
  for (let t = 0; t < end + tail; t++) {
    const running = intervals.filter((interval) => interval.from <= t && t < interval.to).length;
    const free = slots - running;
    const stage = stages.findIndex((_, i) =>
      intervals.some((interval) => interval.stage === i && interval.to > t),
    );
    const size = stages[stage]?.length ?? 0;
    const toCome = intervals.some((interval) => interval.stage === stage && interval.from > t);
    if (t < first) lost.startUp += free;
    else if (t >= end) lost.serial += free;
    else if (toCome) lost.idle += free;
    else if (size === 1) lost.serial += free;
    else {
      lost.idle += Math.max(0, slots - size);
      lost.stragglers += free - Math.max(0, slots - size);
    }
  }
  return lost;
}

describe("RunObserver: properties", () => {
  it("agrees with a twin that looks at every millisecond of every slot", () => {
    fc.assert(
      fc.property(schedules, (drawn) => {
        // Tasks begin as soon as their stage does, so that the twin need not know of slots that are still
        // starting.
        const schedule = {
          ...drawn,
          stages: drawn.stages.map((tasks) => tasks.map((t, i) => (i === 0 ? { ...t, late: 0 } : t))),
        };
        const { intervals, end } = plan(schedule);
        const log = new Log(
          infoOf(
            schedule.slots,
            schedule.stages.map((tasks) => tasks.length),
          ),
        );
        const happenings = intervals
          .flatMap((interval) => [
            { at: interval.from, order: 1, do: () => log.run(interval.from, interval.task) },
            {
              at: interval.to,
              order: 0,
              do: () => {
                const task = schedule.stages.flat()[interval.task]!;
                log.finish(interval.to, interval.task, {
                  runMs: task.ms,
                  waitMs: Math.min(task.wait, task.ms),
                });
              },
            },
          ])
          .sort((a, b) => a.at - b.at || a.order - b.order);
        for (const happening of happenings) happening.do();
        log.end(end);
        const report = log.observer.report(end + schedule.tail);
        expectToAddUp(report);
        expect(report.lost).toMatchObject(dumbTwin(schedule, { intervals, end }));
        const waits = schedule.stages.flat().map((task) => Math.min(task.wait, task.ms));
        expect(report.lost.waiting).toBe(waits.reduce((a, b) => a + b, 0));
      }),
      { numRuns: 500 },
    );
  });

  it("adds up, whatever the log says", () => {
    const step = fc.record({
      ms: fc.integer({ min: -5, max: 40 }), // a clock that goes back must not break the sum
      what: fc.constantFrom(
        "assign",
        "backup",
        "start",
        "finish",
        "fail",
        "ignored",
        "remade",
        "progress",
        "lost",
        "end",
      ),
      task: fc.integer({ min: 0, max: 6 }),
      attempt: fc.integer({ min: 1, max: 3 }),
      run: fc.double({ min: 0, max: 60, noNaN: true }),
    });
    const tasks = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        tasks,
        fc.array(step, { maxLength: 80 }),
        (slots, counts, steps) => {
          const log = new Log(infoOf(slots, counts));
          let at = 0;
          for (const { ms, what, task, attempt, run } of steps) {
            at = Math.max(0, at + ms);
            if (what === "assign" || what === "backup") log.assign(at, task, attempt, what === "backup");
            else if (what === "start") log.start(at, task, attempt);
            else if (what === "finish")
              log.finish(at, task, { runMs: run, waitMs: run / 3, recordsIn: 1 }, attempt);
            else if (what === "fail") log.fail(at, task, attempt);
            else if (what === "ignored")
              log.effect(at, { kind: "EventIgnored", event: "AttemptFinished", why: "" });
            else if (what === "remade") {
              log.effect(at, {
                kind: "NoteDecision",
                note: { kind: "output-remade", task, lost: attemptId(task, attempt), why: "" },
              });
            } else if (what === "progress") {
              log.event(at, {
                kind: "AttemptProgressed",
                attempt: attemptId(task, attempt),
                recordsIn: 3,
                bytesIn: run,
              });
            } else if (what === "lost") log.event(at, { kind: "WorkerLost", worker, reason: "" });
            else log.end(at);
            const progress = log.observer.progress(at);
            expect(progress.tasks.finished).toBeLessThanOrEqual(progress.tasks.total);
            expect(progress.tasks.running).toBeGreaterThanOrEqual(0);
            expect(progress.recordsIn).toBeGreaterThanOrEqual(0);
          }
          const report = log.observer.report(at + 7);
          expectToAddUp(report);
          expect(log.observer.report(at + 7)).toEqual(report); // asking changes nothing
        },
      ),
      { numRuns: 1000 },
    );
  });
});
