// What a run looks like from outside: while it goes on (Progress) and when it is over (Report). Plain data.
//
// Not here: how the figures come about (observer.ts, timeline.ts), how they print (render.ts, explain.ts).
//
// Where the time went. A run of `wallMs` on `slots` slots has slots × wallMs core-milliseconds to give. Each
// of them was spent on exactly one thing, decided by sweeping over the log from entry to entry:
//
//   busy        computing that counted: the run time of the attempts that won, less their waiting for data
//   startUp     slot time before the job's first attempt began (program start, bundling, listing the input),
//               and later the time in which a slot that was given an attempt could not yet begin it
//   serial      other slots' time while the only stage that could run had a single task, and all slots' time
//               after the last task until the end of the run (commit, collecting the result)
//   waiting     attempts that won, waiting for input bytes
//   stragglers  free slots at a stage's end, while its last tasks ran and nothing else could run
//   retries     attempts that came to nothing: failed, cancelled, lost, beaten by a backup or as a backup,
//               and finished ones whose output was lost and made anew
//   idle        the rest: fewer tasks than slots, and gaps between one attempt's end and the next one's start
//
// Times are wall times of attempts, not CPU times: a core that the operating system gave to another program
// counts as busy. So `speedup` is against one slot of the machine as it was during this run.

import type { Millis } from "../core/types.ts";

export const causes = ["startUp", "serial", "waiting", "stragglers", "retries", "idle"] as const;
export type Cause = (typeof causes)[number];

export interface TaskTally {
  readonly finished: number;
  /** Tasks with an attempt that runs now. */
  readonly running: number;
  readonly total: number;
}

export interface StageProgress {
  /** From 0. */
  readonly index: number;
  readonly name: string;
  /** Stages of the job. */
  readonly count: number;
  readonly tasks: TaskTally;
  readonly recordsIn: number;
  readonly bytesIn: number;
  /**
   * Bytes that the stage will have read at its end, where that is known beforehand: stages that read a
   * source.
   */
  readonly bytesTotal: number | null;
  /** Estimated time to the stage's end, or null while there is nothing to estimate it from. */
  readonly etaMs: Millis | null;
}

/** A run that goes on. Figures include what the attempts that run now have done so far. */
export interface Progress {
  readonly job: string;
  readonly elapsedMs: Millis;
  /** The stage that runs now; of several the first. */
  readonly stage: StageProgress;
  /** Over all stages. */
  readonly tasks: TaskTally;
  /** Records and bytes read from the job's input: the stages that read a source. */
  readonly recordsIn: number;
  readonly bytesIn: number;
  /** Bytes of input of the current stage in the last few seconds, per second. */
  readonly bytesPerSecond: number;
  /** Time to the job's end: known only in its last stage; before that see `stage.etaMs`. */
  readonly etaMs: Millis | null;
  readonly retries: number;
  readonly backups: number;
}

export interface StageReport {
  readonly name: string;
  /** Of this process: from the stage's first attempt to its last task's end; 0 for a stage that never began. */
  readonly wallMs: Millis;
  readonly tasks: number;
  readonly finishedTasks: number;
  /** Of these, how many an earlier process of the job had finished. */
  readonly keptTasks: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Run times of the tasks' winning attempts. */
  readonly medianTaskMs: Millis;
  readonly longestTaskMs: Millis;
}

export interface Report {
  readonly job: string;
  /** "running" when asked for before the end. */
  readonly outcome: "succeeded" | "failed" | "cancelled" | "running";
  readonly wallMs: Millis;
  readonly slots: number;
  /** slots × wallMs, in core-milliseconds; equals busyMs and all of `lost` together, exactly. */
  readonly capacityMs: number;
  readonly busyMs: number;
  /** busyMs / wallMs: how many times faster than one slot without any loss. */
  readonly speedup: number;
  /** Core-milliseconds, integers. */
  readonly lost: Readonly<Record<Cause, number>>;
  /**
   * The same as shares of the wall time (0 to 1): a cause's core-milliseconds / capacityMs. They add up to 1.
   */
  readonly shares: Readonly<Record<Cause | "busy", number>>;
  /**
   * Wall time that more slots cannot shorten: before the first attempt, stages of one task, after the last
   * task.
   */
  readonly unsharedMs: { readonly startUp: number; readonly oneTask: number; readonly end: number };
  readonly stages: readonly StageReport[];
  readonly input: { readonly files: number; readonly records: number; readonly bytes: number };
  /** Of the last stage: what went into the sink, and what the sink wrote. */
  readonly output: { readonly records: number; readonly bytes: number };
  readonly spills: number;
  readonly spilledBytes: number;
  readonly skipped: number;
  readonly retries: number;
  readonly backups: number;
  /** Outputs that were lost and made anew. */
  readonly remade: number;
  /** The user's counters. Only tasks that finished count, each once. */
  readonly counters: Readonly<Record<string, number>>;
}
