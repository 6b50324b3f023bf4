// The ledger of a run: stages, the attempts that live now, and what finished ones have done.
//
// Not here: time by cause (timeline.ts), reading the log (observer.ts), estimates (progress.ts).
//
// Owner of: live attempts, stage tallies, the moment. Live attempts are bounded by the slots; of tasks only
// the columns of task-table.ts are kept.
//
//   R2  A task's records, bytes and counters count once, however often it finishes: a task made anew reads
// the same.
//   R3  stage.active = tasks of the stage that are not finished and have a live attempt.

import type { AttemptId, TaskNumber, WorkerId } from "../base/ids.ts";
import { parseAttemptId } from "../base/ids.ts";
import type { AttemptFigures, Millis, StageIndex } from "../core/types.ts";
import type { StageInfo } from "./run-info.ts";
import { TaskTable } from "./task-table.ts";
import type { Moment } from "./timeline.ts";

export interface StageTally {
  readonly info: StageInfo;
  begun: boolean;
  finished: number;
  /** Of these, what earlier processes had finished. */
  adopted: number;
  active: number;
  running: number;
  startedAt: Millis | null;
  endedAt: Millis | null;
  recordsIn: number;
  recordsOut: number;
  bytesIn: number;
  bytesOut: number;
  /** What the attempts that run now have read so far; backups do not count before they win. */
  liveRecords: number;
  liveBytes: number;
}

export interface LiveAttempt {
  readonly task: TaskNumber;
  readonly stage: StageIndex;
  readonly worker: WorkerId;
  readonly isBackup: boolean;
  startedAt: Millis | null;
  recordsIn: number;
  bytesIn: number;
}

export interface RunTotals {
  spills: number;
  spilledBytes: number;
  skipped: number;
  readonly counters: Map<string, number>;
}

/** Names of user counters that are kept; further ones are dropped (rule: everything has a limit). */
export const countersMax = 1000;

export class Ledger {
  readonly tasks: TaskTable;
  readonly stages: readonly StageTally[];
  readonly live = new Map<AttemptId, LiveAttempt>();
  readonly totals: RunTotals = { spills: 0, spilledBytes: 0, skipped: 0, counters: new Map() };
  /** Index of the stage that runs now; of several the first. */
  current = 0;
  private isOver = false;
  private readonly liveOfTask = new Map<TaskNumber, number>();
  private readonly now: { -readonly [K in keyof Moment]: Moment[K] } = {
    running: 0,
    pending: 0,
    unstarted: 0,
    usable: 0,
    phase: "before",
  };

  constructor(stages: readonly StageInfo[]) {
    this.tasks = new TaskTable(stages);
    this.stages = stages.map((info) => ({
      info,
      begun: false,
      finished: 0,
      adopted: 0,
      active: 0,
      running: 0,
      startedAt: null,
      endedAt: null,
      recordsIn: 0,
      recordsOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      liveRecords: 0,
      liveBytes: 0,
    }));
  }

  get moment(): Moment {
    return this.now;
  }

  assign(id: AttemptId, worker: WorkerId, isBackup: boolean): LiveAttempt | null {
    const existing = this.live.get(id);
    if (existing !== undefined) return existing;
    const task = parseAttemptId(id)?.task ?? -1;
    const stage = this.tasks.stageOf(task);
    if (stage === null) return null;
    const attempt: LiveAttempt = { task, stage, worker, isBackup, startedAt: null, recordsIn: 0, bytesIn: 0 };
    this.live.set(id, attempt);
    this.now.pending++;
    this.change(stage, (tally) => {
      tally.begun = true;
      const others = this.liveOfTask.get(task) ?? 0;
      this.liveOfTask.set(task, others + 1);
      if (others === 0 && !this.tasks.isFinished(task)) tally.active++;
    });
    return attempt;
  }

  start(attempt: LiveAttempt, at: Millis): void {
    if (attempt.startedAt !== null) return;
    attempt.startedAt = at;
    const tally = this.stages[attempt.stage]!;
    tally.startedAt ??= at;
    tally.running++;
    this.now.pending--;
    this.now.running++;
    if (this.now.phase === "before") this.now.phase = "during";
  }

  progress(attempt: LiveAttempt, recordsIn: number, bytesIn: number): void {
    if (!attempt.isBackup) {
      const tally = this.stages[attempt.stage]!;
      tally.liveRecords += recordsIn - attempt.recordsIn;
      tally.liveBytes += bytesIn - attempt.bytesIn;
    }
    attempt.recordsIn = recordsIn;
    attempt.bytesIn = bytesIn;
  }

  /** The attempt runs no more. Returns the slot time that it took. */
  end(id: AttemptId, attempt: LiveAttempt, at: Millis): Millis {
    this.progress(attempt, 0, 0);
    this.live.delete(id);
    if (attempt.startedAt === null) this.now.pending--;
    else {
      this.now.running--;
      this.stages[attempt.stage]!.running--;
    }
    this.change(attempt.stage, (tally) => {
      const others = this.liveOfTask.get(attempt.task)! - 1;
      if (others > 0) this.liveOfTask.set(attempt.task, others);
      else this.liveOfTask.delete(attempt.task);
      if (others === 0 && !this.tasks.isFinished(attempt.task)) tally.active--;
    });
    return attempt.startedAt === null ? 0 : Math.max(0, at - attempt.startedAt);
  }

  /** The task is finished by an attempt that has ended. */
  finish(attempt: LiveAttempt, at: Millis, occupiedMs: Millis, figures: AttemptFigures): void {
    const runMs = Math.max(0, figures.runMs);
    const waitMs = Math.min(runMs, Math.max(0, figures.waitMs));
    const isNew = !this.tasks.wasFinished(attempt.task);
    this.change(attempt.stage, (tally) => {
      if (this.liveOfTask.has(attempt.task)) tally.active--;
      this.tasks.finish(attempt.task, { occupiedMs, runMs, waitMs });
      tally.finished++;
      tally.endedAt = at;
      if (isNew) this.count(tally, figures);
    });
    this.muteLosers(attempt.task);
    if (this.stages.every(isDone)) this.now.phase = "after";
  }

  /** The task was finished by an earlier process: what it has read counts, the time that it took does not. */
  adopt(task: TaskNumber, at: Millis, figures: AttemptFigures): void {
    const stage = this.tasks.stageOf(task);
    if (stage === null || this.tasks.isFinished(task)) return;
    this.change(stage, (tally) => {
      this.tasks.adopt(task);
      tally.begun = true;
      tally.finished++;
      tally.adopted++;
      tally.endedAt = at;
      this.count(tally, figures);
    });
    if (this.stages.every(isDone)) this.now.phase = "after";
  }

  /** The task's output was lost. Returns the slot time that was spent in vain. */
  reopen(task: TaskNumber): Millis {
    const stage = this.tasks.stageOf(task);
    if (stage === null || !this.tasks.isFinished(task)) return 0;
    let spent = 0;
    this.change(stage, (tally) => {
      if (this.tasks.isAdopted(task)) tally.adopted--;
      spent = this.tasks.reopen(task);
      tally.finished--;
      if (this.liveOfTask.has(task)) tally.active++;
    });
    if (this.now.phase === "after" && !this.isOver) this.now.phase = "during";
    return spent;
  }

  /** The job is over, whatever still runs. */
  close(): void {
    this.isOver = true;
    this.now.phase = "after";
  }

  /** What other attempts of a finished task have read so far counts no more. */
  private muteLosers(task: TaskNumber): void {
    if (!this.liveOfTask.has(task)) return;
    for (const attempt of this.live.values()) {
      if (attempt.task === task) this.progress(attempt, 0, 0);
    }
  }

  private count(tally: StageTally, figures: AttemptFigures): void {
    tally.recordsIn += figures.recordsIn;
    tally.recordsOut += figures.recordsOut;
    tally.bytesIn += figures.bytesIn;
    tally.bytesOut += figures.bytesOut;
    this.totals.spills += figures.spills;
    this.totals.spilledBytes += figures.spilledBytes;
    this.totals.skipped += figures.skipped;
    const { counters } = this.totals;
    for (const name of Object.keys(figures.counters)) {
      const sum = counters.get(name);
      if (sum === undefined && counters.size >= countersMax) continue;
      counters.set(name, (sum ?? 0) + figures.counters[name]!);
    }
  }

  /** Changes a stage's tally and keeps the moment in step with it. */
  private change(stage: StageIndex, mutate: (tally: StageTally) => void): void {
    const tally = this.stages[stage]!;
    this.contribute(tally, -1);
    mutate(tally);
    this.contribute(tally, 1);
    if (stage <= this.current || isDone(this.stages[this.current]!)) this.findCurrent();
  }

  private contribute(tally: StageTally, sign: 1 | -1): void {
    if (!tally.begun) return;
    const left = tally.info.tasks - tally.finished;
    this.now.unstarted += sign * (left - tally.active);
    this.now.usable += left === 0 ? 0 : sign * tally.info.tasks;
  }

  private findCurrent(): void {
    const open = this.stages.findIndex((tally) => !isDone(tally));
    this.current = open === -1 ? Math.max(0, this.stages.length - 1) : open;
  }
}

const isDone = (tally: StageTally): boolean => tally.finished === tally.info.tasks;
