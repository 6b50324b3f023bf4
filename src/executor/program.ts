// The contract of what runs in a slot: a module that exports `createProgram(data): Program`.
//
// The executor is the one that users get; the conformance suite brings its own.

import type { AttemptFigures } from "../core/types.ts";
import type { Assignment } from "../protocol/assignment.ts";

export interface Program {
  /**
   * Runs one attempt; resolves with its figures, or throws. What is thrown becomes the attempt's Failure (failureOf).
   */
  run(assignment: Assignment, host: ProgramHost): Promise<AttemptFigures>;
  /** Answers a request that is no attempt: describe the job, cut the input. */
  call?(method: string, argument: unknown): Promise<unknown>;
}

export interface ProgramHost {
  readonly signal: AbortSignal;
  /** Totals so far. Cheap; may be called often. */
  progress(recordsIn: number, bytesIn: number): void;
}

/** What a driver needs to have a program run in its slots. */
export interface ProgramRef {
  /** URL of the module that exports `createProgram`. */
  readonly module: string;
  /** Its argument: plain data. */
  readonly data: unknown;
  /** The user's code, for drivers that bring it to other machines. */
  readonly bundle?: { readonly file: string; readonly hash: string };
}
