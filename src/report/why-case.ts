// The case of a job: its journal, folded into what `why` asks for: which tasks are where, what happened to those that
// had trouble, what the stages, slots and the job's end look like. Pure.
//
// Not here: what is to be concluded from it (causes/), what was measured (observer.ts).
// Owner of: all of a RunCase. Causes only read it.
//
// It follows the coordinator's own rules for what an event means (core/coordinator/outcomes.ts): the end of an attempt
// that is not in flight, or was told to stop, says nothing about its task. Of tasks that finished at their first
// attempt only their time is kept, so that a million of them cost a few bytes each.

import { parseAttemptId, type AttemptId, type TaskNumber } from "../base/ids.ts";
import type { CoordinatorEffect, CoordinatorEvent, Note } from "../core/coordinator/events.ts";
import type { LogEntry } from "../core/log.ts";
import { defaultLimits, type Failure, type JobLimits, type JobOutcome, type Millis } from "../core/types.ts";
import type { JournalRecord, RunOpened } from "../protocol/journal.ts";
import { StageCase } from "./why-stage.ts";
import { SlotsCase } from "./why-slots.ts";

export type AttemptEnd = "finished" | "error" | "loss" | "blocks" | "cancelled" | "cut-off";

export interface AttemptCase {
  readonly id: AttemptId;
  readonly task: TaskNumber;
  readonly number: number;
  readonly worker: string;
  readonly isBackup: boolean;
  readonly assignedAt: Millis;
  startedAt: Millis | null;
  slot: number | null;
  /** Why it was told to stop, if it was. */
  cancelReason: string | null;
  endedAt: Millis | null;
  end: AttemptEnd | null;
  failure: Failure | null;
  recordsIn: number;
  bytesIn: number;
  /** When it last told of something new. Journals keep no progress: only live cases know. */
  progressAt: Millis | null;
  /** Ids of the entries that tell of it, oldest first. */
  readonly entries: number[];
}

export interface TaskCase {
  readonly task: TaskNumber;
  readonly stage: number;
  /** Those that are over too, oldest first, of all incarnations. */
  readonly attempts: AttemptCase[];
  /** Of this incarnation. */
  errors: number;
  losses: number;
  lossesInRow: number;
}

export interface Remade {
  readonly task: TaskNumber;
  readonly lost: string;
  readonly why: string;
  readonly entry: number;
}

export type JobPhase = "running" | "committing" | "stopping" | "finished";

const remadeMax = 1000;

export class RunCase {
  opened: RunOpened | null = null;
  limits: JobLimits = defaultLimits;
  stages: StageCase[] = [];
  readonly slots = new SlotsCase();
  /** Attempts in flight, told to stop or not. */
  readonly inFlight = new Map<AttemptId, AttemptCase>();
  /** Tasks that are under way or had trouble. */
  readonly tasks = new Map<TaskNumber, TaskCase>();
  readonly remade: Remade[] = [];
  /** Workers whose free slots waited for tasks of their own last, until when at the latest, and the entry that says so. */
  readonly slotsWait = new Map<string, { readonly untilMs: Millis; readonly entry: number }>();
  readonly incarnations: RunOpened[] = [];
  phase: JobPhase = "running";
  outcome: JobOutcome | null = null;
  /** The entry that ended the job's running: a cancellation, a commit, the end. */
  turningPoint: number | null = null;
  cancelReason: string | null = null;
  closed: { readonly at: number; readonly report: unknown } | null = null;
  retries = 0;
  backups = 0;
  /** Of the last entry, on the log's clock. */
  lastAt: Millis = 0;
  lastEntry: number | null = null;

  static from(records: Iterable<JournalRecord>): RunCase {
    const found = new RunCase();
    for (const record of records) found.add(record);
    return found;
  }

  add(record: JournalRecord): void {
    switch (record.kind) {
      case "opened":
        return this.open(record);
      case "entry":
        return this.observe(record.entry);
      case "closed":
        this.closed = { at: record.at, report: record.report };
        this.outcome = record.outcome;
        this.phase = "finished";
    }
  }

  /** Takes the next entry of the log. */
  observe(entry: LogEntry): void {
    this.lastAt = Math.max(this.lastAt, entry.at);
    this.lastEntry = entry.id;
    if (entry.machine !== "coordinator") this.slots.observe(entry);
    else if (entry.type === "event") this.onEvent(entry.body, entry.at, entry.id);
    else this.onEffect(entry.body, entry.at, entry.id);
  }

  get totalTasks(): number {
    return this.stages.reduce((sum, stage) => sum + stage.tasks, 0);
  }

  get finishedTasks(): number {
    return this.stages.reduce((sum, stage) => sum + stage.finished, 0);
  }

  stageOf(task: TaskNumber): StageCase | null {
    return this.stages.find((stage) => task >= stage.first && task < stage.first + stage.tasks) ?? null;
  }

  isFinished(task: TaskNumber): boolean {
    return this.stageOf(task)?.isFinished(task) === true;
  }

  /** All outputs that its tasks read are there. */
  isOpen(stage: StageCase): boolean {
    return stage.reads.every((read) => this.stages[read]!.isComplete);
  }

  /** Tasks that could run now and have no attempt. */
  readyIn(stage: StageCase): number {
    return this.isOpen(stage) ? stage.tasks - stage.finished - stage.busy : 0;
  }

  /** Those in flight that count. */
  *live(): IterableIterator<AttemptCase> {
    for (const attempt of this.inFlight.values()) if (attempt.cancelReason === null) yield attempt;
  }

  private open(opened: RunOpened): void {
    for (const attempt of this.inFlight.values()) {
      attempt.end = "cut-off";
      attempt.endedAt = this.lastAt;
    }
    this.inFlight.clear();
    if (opened.run !== this.opened?.run) this.begin();
    for (const task of this.tasks.values()) Object.assign(task, { errors: 0, losses: 0, lossesInRow: 0 });
    this.opened = opened;
    this.incarnations.push(opened);
    this.closed = null;
    this.outcome = null;
    this.phase = "running";
    this.cancelReason = null;
    this.lastAt = opened.clock;
    this.slots.reset(opened.slots);
    let first = 0;
    this.stages = opened.stages.map((stage, index) => {
      const made = new StageCase(stage, index, first);
      first += stage.tasks;
      return made;
    });
  }

  /** Another run: what the one before it did is no part of this case. */
  private begin(): void {
    this.tasks.clear();
    this.remade.length = 0;
    this.slotsWait.clear();
    this.incarnations.length = 0;
    this.retries = 0;
    this.backups = 0;
  }

  private onEvent(event: CoordinatorEvent, at: Millis, entry: number): void {
    switch (event.kind) {
      case "JobSubmitted":
        this.limits = event.job.limits;
        return;
      case "OutputsAdopted":
        for (const { task, figures } of event.outputs) this.stageOf(task)?.adopt(task, figures.runMs);
        return;
      case "WorkerJoined":
        return this.slots.join(event.worker, event.slots);
      case "WorkerLost":
        return this.workerLost(event.worker, at, entry);
      case "AttemptStarted": {
        const attempt = this.inFlight.get(event.attempt);
        if (attempt === undefined) return;
        attempt.startedAt ??= at;
        attempt.slot = event.slot;
        attempt.entries.push(entry);
        return;
      }
      case "AttemptProgressed": {
        const attempt = this.inFlight.get(event.attempt);
        const { recordsIn, bytesIn } = event;
        if (attempt === undefined || (recordsIn === attempt.recordsIn && bytesIn === attempt.bytesIn)) return;
        Object.assign(attempt, { recordsIn, bytesIn, progressAt: at });
        return;
      }
      case "AttemptFinished":
        return this.finished(event.attempt, at, entry);
      case "AttemptFailed":
        return this.ended(event.attempt, at, entry, event.failure);
      case "CancelRequested":
        if (this.phase !== "running") return;
        this.cancelReason = event.reason;
        this.phase = "stopping";
        this.turningPoint = entry;
        return;
      default:
        return;
    }
  }

  private onEffect(effect: CoordinatorEffect, at: Millis, entry: number): void {
    switch (effect.kind) {
      case "AssignAttempt":
        return this.assigned(effect, at, entry);
      case "CancelAttempt": {
        const attempt = this.inFlight.get(effect.attempt);
        if (attempt === undefined || attempt.cancelReason !== null) return;
        attempt.cancelReason = effect.reason;
        attempt.entries.push(entry);
        this.settleBusy(attempt);
        return;
      }
      case "CommitOutput":
        this.phase = "committing";
        this.turningPoint = entry;
        return;
      case "FinishJob":
        this.phase = "finished";
        this.outcome = effect.outcome;
        this.turningPoint = entry;
        return;
      case "NoteDecision":
        return this.noted(effect.note, entry);
      default:
        return;
    }
  }

  private noted(note: Note, entry: number): void {
    if (note.kind === "retried") {
      this.retries++;
      const task = this.tasks.get(note.task);
      // A time limit fails an attempt before its end is reported: the failure is in the note alone.
      const attempt = task?.attempts.find(({ id }) => id === note.failed);
      if (attempt !== undefined) this.fail(attempt, note.failure, entry);
    } else if (note.kind === "backup-started") {
      this.backups++;
      this.inFlight.get(note.attempt)?.entries.push(entry);
    } else if (note.kind === "slots-wait") {
      this.slotsWait.set(note.worker, { untilMs: note.untilMs, entry });
    } else if (note.kind === "output-remade") {
      this.stageOf(note.task)?.becomeUnfinished(note.task);
      if (this.remade.length < remadeMax) this.remade.push({ ...note, entry });
    }
  }

  private assigned(effect: CoordinatorEffect & { kind: "AssignAttempt" }, at: Millis, entry: number): void {
    const named = parseAttemptId(effect.attempt);
    const stage = named === null ? null : this.stageOf(named.task);
    if (named === null || stage === null) return;
    const attempt: AttemptCase = {
      id: effect.attempt,
      task: named.task,
      number: named.attempt,
      worker: effect.worker,
      isBackup: effect.isBackup,
      assignedAt: at,
      startedAt: null,
      slot: null,
      cancelReason: null,
      endedAt: null,
      end: null,
      failure: null,
      recordsIn: 0,
      bytesIn: 0,
      progressAt: null,
      entries: [entry],
    };
    this.inFlight.set(attempt.id, attempt);
    let task = this.tasks.get(named.task);
    if (task === undefined) {
      task = { task: named.task, stage: stage.index, attempts: [], errors: 0, losses: 0, lossesInRow: 0 };
      this.tasks.set(named.task, task);
    }
    if (!task.attempts.some((other) => this.isLive(other))) stage.busy++;
    task.attempts.push(attempt);
    stage.begunAt ??= at;
  }

  private finished(id: AttemptId, at: Millis, entry: number): void {
    const attempt = this.leave(id, at, entry);
    if (attempt === null) return;
    attempt.end = attempt.cancelReason === null ? "finished" : "cancelled";
    if (attempt.cancelReason !== null) return;
    this.settleBusy(attempt);
    this.stageOf(attempt.task)!.becomeFinished(attempt.task, at - attempt.assignedAt, at);
    const task = this.tasks.get(attempt.task)!;
    task.lossesInRow = 0;
    if (task.attempts.length === 1) this.tasks.delete(attempt.task);
  }

  private ended(id: AttemptId, at: Millis, entry: number, failure: Failure): void {
    const attempt = this.leave(id, at, entry);
    if (attempt === null) return;
    attempt.end ??= "cancelled";
    if (attempt.cancelReason !== null || failure.kind === "cancelled") return;
    this.settleBusy(attempt);
    this.fail(attempt, failure, null);
  }

  private fail(attempt: AttemptCase, failure: Failure, entry: number | null): void {
    if (entry !== null) attempt.entries.push(entry);
    if (attempt.failure !== null || failure.kind === "cancelled") return;
    attempt.failure = failure;
    attempt.end = failure.kind;
    const task = this.tasks.get(attempt.task)!;
    if (failure.kind === "error") task.errors++;
    if (failure.kind !== "loss") return;
    task.losses++;
    if (attempt.startedAt !== null && failure.isBlameless !== true) task.lossesInRow++;
  }

  private workerLost(worker: string, at: Millis, entry: number): void {
    this.slots.leave(worker);
    for (const attempt of this.inFlight.values()) {
      if (attempt.worker !== worker) continue;
      this.leave(attempt.id, at, entry);
      attempt.end ??= "loss";
      if (attempt.cancelReason === null) this.settleBusy(attempt);
    }
  }

  /** It holds its slot no longer. Null for one that is not in flight: stale, and ignored. */
  private leave(id: AttemptId, at: Millis, entry: number): AttemptCase | null {
    const attempt = this.inFlight.get(id);
    if (attempt === undefined) return null;
    this.inFlight.delete(id);
    attempt.endedAt = at;
    attempt.entries.push(entry);
    return attempt;
  }

  private isLive = (attempt: AttemptCase): boolean =>
    attempt.cancelReason === null && this.inFlight.has(attempt.id);

  /** After one of its live attempts ended or was told to stop. */
  private settleBusy({ task }: AttemptCase): void {
    const others = this.tasks.get(task)!.attempts.some((attempt) => this.isLive(attempt));
    if (!others) this.stageOf(task)!.busy--;
  }
}
