// What a job's journal holds, record by record. Plain data, JSON; framing and files are store/journal's business.
//
//   opened  entry entry entry …  [killed]  opened  entry …  closed
//
// Each process that works on the job begins with `opened`; its incarnations are numbered from 1. Entries are those of
// the run's log (core/log.ts) but for progress; their ids go on growing from one incarnation to the next. A job whose
// last record is not `closed` was cut off, or runs now (its lock tells).

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
  readonly slots: number;
  readonly memoryBytes: number;
  readonly stages: readonly JournalStage[];
  /** What identifies each split's content: same key, same bytes (file, range, size, mtime or content hash). By task. */
  readonly splits: readonly { readonly label: string; readonly key: string }[];
  readonly inputFiles: number;
  readonly inputBytes: number;
  /** The output directory, or null for jobs that give a value. */
  readonly output: string | null;
}

export type JournalRecord =
  | RunOpened
  | { readonly kind: "entry"; readonly entry: LogEntry }
  /** `report` is reportJson's shape, plain data. */
  | { readonly kind: "closed"; readonly at: number; readonly outcome: JobOutcome; readonly report: unknown };
