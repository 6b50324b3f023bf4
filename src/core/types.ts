// What the machines talk about: jobs as the coordinator sees them, the machine contract, outcomes as data.
//
// The coordinator knows numbers, not contents: a stage is a count of tasks and what must be finished before it. What
// a task reads and does (splits, functions, files) is the driver's and the executor's business, found by its number.

import type { AttemptId, JobId, TaskNumber, WorkerId } from "../base/ids.ts";
import type { ErrorData } from "../errors.ts";

/** Milliseconds, an integer, on the driver's one monotonic clock. */
export type Millis = number;

/**
 * A pure, synchronous state machine (DESIGN.md §4). `handle` is the only way its state changes; it has no clock, no
 * randomness of its own, no promise, no I/O. `now` never decreases. The driver performs all effects of an event, in
 * order, before it gives the next event.
 */
export interface Machine<Event, Effect> {
  handle(event: Event, now: Millis): Effect[];
  /** The earliest time at which the machine wants a `TimePassed` event, or null. Cheap: asked after every event. */
  nextDeadline(): Millis | null;
}

export type StageIndex = number;

export interface StageSpec {
  /** For people: "read.lines → flatMap → countByValue". */
  readonly name: string;
  readonly tasks: number;
  /** Stages whose outputs every task of this one reads; all of their tasks must be finished first. Lower indexes only. */
  readonly reads: readonly StageIndex[];
  /**
   * Where the output lives: "blocks" at the worker that made it, and gone with it (re-made when needed);
   * "kept" outside of workers, and safe once the attempt is finished (sinks, small results).
   */
  readonly output: "blocks" | "kept";
}

export interface JobLimits {
  /** Attempts of one task that may fail by an error of user code or data. Default 4. */
  readonly errorAttemptsMax: number;
  /** Attempts of one task that may fail because a worker or slot was lost. Default 16. */
  readonly lossAttemptsMax: number;
  /** Losses of a worker or slot in a row, by one task, after which it is a poison task. Default 3. */
  readonly poisonLossesMax: number;
  /** Wall time of one attempt, or null for no limit. */
  readonly taskTimeoutMs: number | null;
  /** A straggler gets a backup at this multiple of the median of its stage … Default 3. */
  readonly backupFactor: number;
  /** … but not before this age … Default 5,000. */
  readonly backupMinAgeMs: number;
  /** … and only when this share of its stage is finished. Default 0.9. */
  readonly backupAfterShare: number;
  /** Backups running at a time, as a share of all slots (at least one). Default 0.1. */
  readonly backupSlotShare: number;
  /**
   * How long a free slot may wait for tasks whose input is at its own worker, before it takes one whose input is at
   * another: as long as moving that input would take, at … Default 100,000 bytes a millisecond (100 MB/s).
   */
  readonly moveBytesPerMs: number;
  /** … but never longer than this. 0: it never waits. Default 3,000. */
  readonly placeWaitMsMax: number;
}

export const defaultLimits: JobLimits = {
  errorAttemptsMax: 4,
  lossAttemptsMax: 16,
  poisonLossesMax: 3,
  taskTimeoutMs: null,
  backupFactor: 3,
  backupMinAgeMs: 5000,
  backupAfterShare: 0.9,
  backupSlotShare: 0.1,
  moveBytesPerMs: 100_000,
  placeWaitMsMax: 3000,
};

export interface JobSpec {
  readonly id: JobId;
  readonly stages: readonly StageSpec[];
  readonly limits: JobLimits;
}

/** Figures of one finished attempt, measured where it ran. Opaque to the coordinator, folded by report/. */
export interface AttemptFigures {
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Times that the memory budget made the attempt write to disk early. */
  readonly spills: number;
  readonly spilledBytes: number;
  /** Records skipped as the job allows (invalid input with `invalid: "skip"`). */
  readonly skipped: number;
  /** Time within the attempt spent waiting for input bytes rather than computing. */
  readonly waitMs: number;
  /** From the start of the attempt in the slot to its end. */
  readonly runMs: number;
  /** User counters, by name (`taskContext().counter(name)`). */
  readonly counters: Readonly<Record<string, number>>;
}

/** Why an attempt did not finish. Data: it travels. */
export type Failure =
  /** User code or data: counts against `errorAttemptsMax`; `final` errors are not tried again. */
  | { readonly kind: "error"; readonly final: boolean; readonly error: ErrorData }
  /**
   * The slot under it was lost: counts against `lossAttemptsMax`, and against the poison rule unless it is blameless:
   * somebody else ended the slot or worker, as far as is known, or other attempts may as well have done it.
   */
  | { readonly kind: "loss"; readonly error: ErrorData; readonly isBlameless?: true }
  /** Inputs were missing or damaged: the named attempts' outputs are re-made; counts against nothing of this task. */
  | { readonly kind: "blocks"; readonly lost: readonly AttemptId[]; readonly error: ErrorData }
  /** It was told to stop. */
  | { readonly kind: "cancelled" };

export type JobOutcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly error: ErrorData; readonly task: TaskNumber | null }
  | { readonly kind: "cancelled"; readonly reason: string };

/** Where the finished output of a task is: which attempt made it, on which worker. */
export interface OutputLocation {
  readonly attempt: AttemptId;
  readonly worker: WorkerId;
}

/** The output of a task that an earlier incarnation of the job has finished. */
export interface AdoptedOutput extends OutputLocation {
  readonly task: TaskNumber;
  readonly figures: AttemptFigures;
}

/** Attempt numbers up to `attempts` of the tasks `first` to `last`, both inclusive, were used before. */
export interface AttemptsUsed {
  readonly first: TaskNumber;
  readonly last: TaskNumber;
  readonly attempts: number;
}
