// What a slot is told to run. Plain data: it crosses threads and wires.

import type { AttemptId } from "../base/ids.ts";
import type { OutputLocation, StageIndex } from "../core/types.ts";

/** Who holds blocks that the slot has no file of. */
export interface Peer {
  /** URL of its block server. */
  readonly url: string;
  /** The right of this attempt to read blocks of this run there. */
  readonly token: string;
}

export interface Assignment {
  readonly attempt: AttemptId;
  readonly stage: StageIndex;
  /** The task's index within its stage. */
  readonly index: number;
  readonly worker: string;
  readonly slot: number;
  /** For each stage that the task reads, in the order of StageSpec.reads: the finished output of every task. */
  readonly inputs: readonly (readonly OutputLocation[])[];
  /** Where the inputs are, by worker. Absent: in files that all slots see. */
  readonly peers?: Readonly<Record<string, Peer>>;
  readonly isBackup: boolean;
  /** What the program needs to know of the task beyond its number (DriverJob.payload). */
  readonly payload: unknown;
}
