// The driver contract.
//
// A driver runs one coordinator and its workers: it performs their effects and comes back with events. The machines
// (core/) decide everything; a driver decides nothing. Three drivers obey the same machines, and one conformance
// suite (test/conformance) holds them to this page.
//
// A driver's duties, in order:
//  1. Give each machine its events through the one event loop (loop.ts), which keeps the drain rule: all effects of
//     an event are performed, in order, before the next event is given.
//  2. Give `JobSubmitted` first, then the events of `job.adopt`, then `WorkerJoined` for each worker; carry
//     AssignAttempt, CancelAttempt and DiscardOutput to the worker named, and its reports back. Per worker, order
//     is kept.
//  3. Run attempts with the program, one at a time in a slot, each with an abort signal. What an attempt writes goes
//     where only it can write.
//  4. Turn the end of a slot, asked or not, into `SlotExited`, and the end of a worker into `WorkerLost`. Never
//     guess: a busy slot is not a dead one.
//  5. Keep one timer for the earliest of the machines' deadlines; give `TimePassed` when it is due.
//  6. On CommitOutput call `job.commit` with exactly the winners, once, and answer with its outcome.
//  7. On FinishJob resolve `run` with the outcome, after every slot that still runs an attempt of the job is idle or
//     ended. On `close`, end all slots; afterwards nothing of the driver keeps the process alive.
//  8. Show every event and effect to `job.observe`, in the order in which they happen.

import type { AttemptId, JobId } from "../base/ids.ts";
import type { CoordinatorEvent } from "../core/coordinator/events.ts";
import type { LogEntry } from "../core/log.ts";
import type { JobOutcome, JobSpec, StageIndex } from "../core/types.ts";
import type { ProgramRef } from "../executor/program.ts";

export interface Driver {
  readonly name: "threads" | "sim" | "nats";
  /** Asks the program something that is no attempt, in some slot. Rejects with what the program threw. */
  call(program: ProgramRef, method: string, argument: unknown): Promise<unknown>;
  /** Starts the slots now, if that has not been done: something is going to run. */
  warm?(): void;
  /** Lets the slots load the program now, rather than when it is first used. */
  preload?(program: ProgramRef): void;
  /**
   * The blocks of earlier incarnations of a run that workers still hold: their sizes by attempt. Who holds some of `wanted`
   * may be away for a moment, and is waited for. Absent: those that are in the run's directory are all.
   */
  held?(run: JobId, wanted: ReadonlySet<AttemptId>): Promise<ReadonlyMap<AttemptId, number>>;
  /** Runs one job to its end. Never rejects for anything that happens to the job: that is an outcome. */
  run(job: DriverJob): Promise<JobOutcome>;
  /**
   * What runs at this moment, with the JavaScript stack of each attempt, also of one that loops for ever. Takes up to
   * a second; an attempt that ends meanwhile is left out. Never rejects: what cannot be learnt is null.
   */
  inspect?(): Promise<LiveState>;
  /** For how long what carries its messages has been away, in milliseconds; null: it is there. Absent: nothing can be. */
  awayMs?(): number | null;
  /** Ends all slots. Idempotent. */
  close(): Promise<void>;
}

/** A driver's slots at one moment. Plain data. */
export interface LiveState {
  /** Those that run, in order of their slots. */
  readonly attempts: readonly LiveAttempt[];
  readonly memory: LiveMemory;
}

export interface LiveAttempt {
  readonly attempt: AttemptId;
  readonly stage: StageIndex;
  readonly slot: number;
  /** On the log's clock; so is `LiveMemory.at`. */
  readonly startedAt: number;
  readonly recordsIn: number;
  readonly bytesIn: number;
  /**
   * Its JavaScript stack, innermost frame first, in the form of an Error's `stack` without the message, mapped to the
   * user's TypeScript. Null: no JavaScript ran (it waits for something), or the stack could not be taken.
   */
  readonly stack: string | null;
}

export interface LiveMemory {
  readonly at: number;
  /** Of the process that the client runs in; of all slots too, if they are threads. */
  readonly rssBytes: number;
  readonly slots: readonly {
    readonly slot: number;
    readonly heapBytes: number;
    readonly bufferBytes: number;
    /** Of the slot's own process, or null if it is a thread. */
    readonly rssBytes: number | null;
  }[];
}

export type OutputsAdopted = CoordinatorEvent & { readonly kind: "OutputsAdopted" };

/** A job as a driver gets it. */
export interface DriverJob {
  readonly spec: JobSpec;
  readonly program: ProgramRef;
  /** What is finished already, from earlier incarnations of the job: given to the coordinator before any worker joins. */
  readonly adopt?: readonly OutputsAdopted[];
  /** What the program needs to know of a task beyond its number: plain data, put into its assignments. */
  payload(stage: StageIndex, index: number): unknown;
  /**
   * The pieces of objects that a task reads: each with the digest under which a machine that has kept a copy knows it.
   * Absent: no task reads any.
   */
  pieces?(stage: StageIndex, index: number): readonly { readonly digest: number; readonly bytes: number }[];
  /** Publishes the output of exactly these attempts, all or nothing. */
  commit(winners: readonly AttemptId[]): Promise<void>;
  /** The file in which the client expects what a winner hands over; null or absent: a sink wrote it where it belongs. */
  resultFile?(attempt: AttemptId): string | null;
  /** User code printed this in a slot of another machine. */
  print?(text: string): void;
  /** Something of the driver's own that people should know. */
  note?(line: string): void;
  /** What people call it, where that is not its id. */
  readonly title?: string;
  /** Told why no worker takes part in it, in a sentence; null: one does. */
  waits?(why: string | null): void;
  /** Deletes what an attempt wrote. Best effort, must not throw. */
  discard(attempt: AttemptId): void;
  /** Aborting it cancels the job. */
  readonly signal: AbortSignal;
  /** Sees every event and effect, in order, up to the one that finishes the job. Must be quick and must not throw. */
  observe(entry: LogEntry): void;
}

/** Why a job was cancelled, as text for people. */
export const reasonOf = ({ reason }: AbortSignal): string =>
  reason === undefined ? "cancelled" : reason instanceof Error ? reason.message : String(reason);
