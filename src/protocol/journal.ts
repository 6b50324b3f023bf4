// What a job's journal holds, record by record. Plain data, JSON; framing and files are store/journal's business.
//
//   opened  entry entry entry …  [killed]  opened  entry …  closed (failed)  opened  entry …  closed (succeeded)
//
// Each process that works on the job begins with `opened`; its incarnations are numbered from 1. Entries are those of
// the run's log (core/log.ts) but for progress, and without the inputs of AssignAttempt, which the outputs before it
// tell; their ids go on growing from one incarnation to the next. A job whose last record is not `closed` was cut off,
// or runs now (its lock tells). One that failed or was cancelled is closed, and goes on with the next `opened`; one that
// succeeded is over. What an incarnation takes over from the last is in its OutputsAdopted events.
//
// A reader skips kinds that it does not know.

import type { LogEntry } from "../core/log.ts";
import type { JobOutcome } from "../core/types.ts";
import type { ParameterValue } from "../plan/job.ts";

export const journalFormat = 1;

export interface JournalStage {
  readonly name: string;
  readonly tasks: number;
  readonly reads: readonly number[];
  readonly output: "blocks" | "kept";
  /** Bytes that the stage reads from a source, or null. */
  readonly inputBytes: number | null;
}

export interface RunOpened {
  readonly kind: "opened";
  readonly format: typeof journalFormat;
  readonly run: string;
  readonly incarnation: number;
  /** Unix milliseconds, and the log's clock at that moment: entry times are on the log's clock of their incarnation. */
  readonly at: number;
  readonly clock: number;
  readonly pid: number;
  readonly job: string;
  readonly file: string;
  readonly directory: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** Hash of the bundle, and of the plan with the text of its functions. */
  readonly program: string;
  readonly fingerprint: string;
  /** The version of shoal. */
  readonly version?: string;
  readonly slots: number;
  readonly memoryBytes: number;
  readonly stages: readonly JournalStage[];
  /** What identifies each split's content: same key, same bytes (files, range, size, mtime). By task. */
  readonly splits: readonly { readonly label: string; readonly key: string }[];
  /** The aimed size of a split, where it is not the source's default for this input. */
  readonly splitBytes?: number;
  readonly inputFiles: number;
  readonly inputBytes: number;
  /** The output directory, or null for jobs that give a value. */
  readonly output: string | null;
}

export type JournalRecord =
  | RunOpened
  | { readonly kind: "entry"; readonly entry: LogEntry }
  /** Hashes of the contents of splits of small files, as [task, hash]: their keys change when they are only touched. */
  | { readonly kind: "hashed"; readonly splits: readonly (readonly [number, string])[] }
  /** `report` is reportJson's shape, plain data. */
  | {
      readonly kind: "closed";
      readonly at: number;
      readonly outcome: JobOutcome;
      readonly report: unknown;
      readonly cpu?: CpuUse;
    };

/** What the process used while the job was driven: all its threads, but not slots that are processes of their own. */
export interface CpuUse {
  readonly ms: number;
  /** That the process could have used. */
  readonly cores: number;
}
