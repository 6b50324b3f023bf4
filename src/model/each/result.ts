// What `each` gives: one result for each job, and the summary.

import os from "node:os";
import type { EachOutput } from "./output-file.ts";

export interface EachResult {
  /** The job's number, from 1 in the order of the input. */
  readonly seq: number;
  readonly args: readonly string[];
  /** What the shell was given. */
  readonly command: string;
  /** Whether it ended by itself, with exit code 0. */
  readonly ok: boolean;
  /** Null if a signal ended it. 126 if the system could not start it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly isTimedOut: boolean;
  /** Why the system could not start it; else null. */
  readonly refusal: string | null;
  /** How often it was tried; the rest is about the last time. */
  readonly attempts: number;
  /** From 1. */
  readonly slot: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly runtimeMs: number;
  readonly stdout: EachOutput;
  readonly stderr: EachOutput;
}

export interface EachSummary {
  readonly succeeded: number;
  readonly failed: number;
  /** Left out, since the joblog has them. */
  readonly skipped: number;
  /** Killed by the halt rule or a cancellation, and not among the results. */
  readonly interrupted: number;
  /** Whether the halt rule ended the run. */
  readonly isHalted: boolean;
  readonly isCancelled: boolean;
  /**
   * GNU parallel's exit status: the number of failed jobs, 101 for more than 100; with a halt rule `fail=1` the failed job's
   * own, with `success=…` 0 if it was reached; with percentages the percentage that failed.
   */
  readonly exitStatus: number;
  readonly wallMs: number;
}

export const signalNumber = (signal: NodeJS.Signals | null): number =>
  signal === null ? 0 : os.constants.signals[signal];
