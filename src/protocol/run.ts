// What a client asks of the executor in a slot, and what it puts into each assignment of a job. Plain data.

import type { StagePlan } from "../plan/compile.ts";
import type { ParameterValue } from "../plan/job.ts";
import type { ParameterType } from "../plan/parameters.ts";
import type { MountTable, Place } from "./place.ts";

export interface ParameterDescription {
  readonly name: string;
  readonly type: ParameterType;
  readonly default: ParameterValue;
}

/** The answer to "describe". */
export interface JobDescription {
  /** The file's name without its extension; with `#2` for a second job in the file. */
  readonly name: string;
  /** The file in which the job is defined. */
  readonly file: string;
  readonly parameters: readonly ParameterDescription[];
}

/** The argument of "prepare". */
export interface PrepareRequest {
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** Overrides every partition count of the plan, or null. */
  readonly partitions: number | null;
  readonly splitBytes: number | null;
  readonly mounts: MountTable;
}

/** The answer to "prepare": the job as the coordinator's side needs it. */
export interface PreparedJob {
  /** SHA-256 over the plan and the text of its functions; every slot checks that it built the same one. */
  readonly fingerprint: string;
  readonly stages: readonly StagePlan[];
  readonly splits: readonly { readonly label: string; readonly bytes: number; readonly data: unknown }[];
  readonly inputFiles: number;
  readonly inputBytes: number;
  readonly inputRoots: readonly string[];
}

/** In every assignment of a job. */
export interface RunData {
  readonly job: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly fingerprint: string;
  readonly stages: readonly StagePlan[];
  /** Directory of map outputs and other files that live as long as the run. */
  readonly scratch: string;
  /** Where attempts stage their output files, or null for sinks that return a value. */
  readonly staging: Place | null;
  /**
   * Authorities, in PEM, against which workers that serve blocks are verified; null or absent: those that Node knows. Each
   * worker puts in its own.
   */
  readonly ca?: string | null;
  /** Bytes of records that one attempt may hold in memory. */
  readonly memoryBytes: number;
}

export interface AssignmentPayload {
  readonly run: RunData;
  /** For tasks of a stage that reads a source. */
  readonly split: PreparedJob["splits"][number] | null;
}
