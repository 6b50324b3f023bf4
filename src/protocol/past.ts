// What a journal says of a job's past: which tasks are finished and count, which attempt numbers were used. Pure.
//
// Not here: whether the outputs are still there (store), whether they still fit the program and the input (model).
//
// An AttemptFinished is believed once the next entry shows that the coordinator did (report/observer.ts does so too): it
// answers a stale one with EventIgnored. The very last one of a process that was killed is believed if its attempt was
// live. A process that dies before it has said what it takes over leaves the past as it was.

import { parseAttemptId, type AttemptId, type TaskNumber } from "../base/ids.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../core/coordinator/events.ts";
import type { LogEntry } from "../core/log.ts";
import type { AttemptFigures, JobOutcome } from "../core/types.ts";
import type { JournalRecord, RunOpened } from "./journal.ts";

export interface FinishedTask {
  readonly attempt: AttemptId;
  readonly figures: AttemptFigures;
}

export interface Past {
  /** Of the last incarnation. */
  readonly opened: RunOpened;
  readonly finished: ReadonlyMap<TaskNumber, FinishedTask>;
  /** The highest attempt number of each task that had one. */
  readonly used: ReadonlyMap<TaskNumber, number>;
  /** Content hashes of splits (JournalRecord "hashed"). */
  readonly hashes: ReadonlyMap<TaskNumber, string>;
  /** How the last incarnation ended, or null if it was cut off. */
  readonly closed: JobOutcome | null;
  /** The highest id of an entry. */
  readonly lastEntry: number;
}

interface Unsettled extends FinishedTask {
  readonly entry: number;
  readonly task: TaskNumber;
}

export class PastFold {
  private opened: RunOpened | null = null;
  private finished = new Map<TaskNumber, FinishedTask>();
  private used = new Map<TaskNumber, number>();
  private hashes = new Map<TaskNumber, string>();
  private closed: JobOutcome | null = null;
  private lastEntry = 0;
  /** What this incarnation has taken over so far; null once that is settled. */
  private adopted: Map<TaskNumber, FinishedTask> | null = null;
  private readonly cancelled = new Set<AttemptId>();
  private unsettled: Unsettled | null = null;

  /** Takes the next record. Of entries only the coordinator's matter. */
  take(record: JournalRecord): void {
    switch (record.kind) {
      case "opened":
        return this.open(record);
      case "entry":
        return this.enter(record.entry);
      case "hashed":
        for (const [task, hash] of record.splits) this.hashes.set(task, hash);
        return;
      case "closed":
        this.settle(false);
        this.closed = record.outcome;
        return;
      default: // of a later version
    }
  }

  /** An entry of that id was of a worker. */
  skip(id: number): void {
    this.lastEntry = Math.max(this.lastEntry, id);
  }

  /** Null if no process has begun yet. */
  past(): Past | null {
    this.settle(false);
    const { opened, finished, used, hashes, closed, lastEntry } = this;
    return opened === null ? null : { opened, finished, used, hashes, closed, lastEntry };
  }

  private open(opened: RunOpened): void {
    this.settle(false);
    if (this.opened?.run !== opened.run) {
      this.finished = new Map();
      this.used = new Map();
      this.hashes = new Map();
    }
    this.opened = opened;
    this.closed = null;
    this.adopted = new Map();
    this.cancelled.clear();
  }

  private enter(entry: LogEntry): void {
    this.lastEntry = Math.max(this.lastEntry, entry.id);
    if (entry.machine !== "coordinator") return;
    const isRefused =
      entry.type === "effect" && entry.body.kind === "EventIgnored" && entry.cause === this.unsettled?.entry;
    this.settle(isRefused);
    if (entry.type === "event") this.onEvent(entry.id, entry.body);
    else this.onEffect(entry.body);
  }

  private onEvent(entry: number, event: CoordinatorEvent): void {
    if (event.kind === "JobSubmitted") return;
    if (event.kind === "OutputsAdopted") {
      for (const { task, attempt, figures } of event.outputs) {
        this.adopted?.set(task, { attempt, figures });
        this.use(attempt);
      }
      for (const { first, last, attempts } of event.attemptsUsed ?? []) {
        for (let task = first; task <= last; task++)
          this.used.set(task, Math.max(attempts, this.used.get(task) ?? 0));
      }
      return;
    }
    if (this.adopted !== null) {
      this.finished = this.adopted;
      this.adopted = null;
    }
    if (event.kind === "AttemptFinished") {
      const { attempt, figures } = event;
      const task = parseAttemptId(attempt)?.task;
      if (task !== undefined) this.unsettled = { entry, task, attempt, figures };
    }
  }

  private onEffect(effect: CoordinatorEffect): void {
    switch (effect.kind) {
      case "AssignAttempt":
        this.use(effect.attempt);
        return;
      case "CancelAttempt":
        this.cancelled.add(effect.attempt);
        return;
      case "DiscardOutput":
        this.cancelled.delete(effect.attempt);
        this.lose(effect.attempt);
        return;
      case "NoteDecision":
        if (effect.note.kind === "output-remade") this.lose(effect.note.lost);
        return;
      default:
        return;
    }
  }

  private settle(isRefused: boolean): void {
    const { unsettled } = this;
    this.unsettled = null;
    if (unsettled === null) return;
    const { task, attempt, figures } = unsettled;
    if (isRefused || this.cancelled.delete(attempt) || this.finished.has(task)) return;
    this.finished.set(task, { attempt, figures });
  }

  private lose(attempt: AttemptId): void {
    const task = parseAttemptId(attempt)?.task;
    if (task !== undefined && this.finished.get(task)?.attempt === attempt) this.finished.delete(task);
  }

  private use(attempt: AttemptId): void {
    const named = parseAttemptId(attempt);
    if (named !== null) this.used.set(named.task, Math.max(named.attempt, this.used.get(named.task) ?? 0));
  }
}
