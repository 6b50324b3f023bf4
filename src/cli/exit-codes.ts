// Exit codes, documented in docs/cli.md: what a script can tell from the number alone.

import { isShoalError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

export const exitCodes = {
  success: 0,
  /** The job failed: user code, values, lost slots, limits. */
  failed: 1,
  /** Wrong usage: an option, a parameter, the job's file or its plan. */
  usage: 2,
  input: 3,
  output: 4,
  /** A bug in shoal. */
  internal: 70,
  /** Ctrl-C or SIGTERM. */
  cancelled: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const usage: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BAD_OPTION",
  "BAD_PARAMETER",
  "JOB_NOT_FOUND",
  "NOT_A_JOB",
  "BUNDLE_FAILED",
  "PLAN_INVALID",
  "PLAN_DIFFERS",
  "RUN_UNKNOWN",
  "RUN_UNFINISHED",
  "WORKER_UNKNOWN",
  "CLUSTER_RUNNING",
]);

/** The exit code of a run that ended with `error`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isShoalError(error)) return exitCodes.internal;
  const { code } = error;
  if (code === "INTERNAL") return exitCodes.internal;
  if (code === "CANCELLED") return exitCodes.cancelled;
  if (usage.has(code)) return exitCodes.usage;
  if (code.startsWith("INPUT_") || code === "RECORD_TOO_LARGE") return exitCodes.input;
  if (code.startsWith("OUTPUT_")) return exitCodes.output;
  // What was tried in vain four times is as bad as its last cause.
  if (code === "ATTEMPTS_EXHAUSTED" && isShoalError(error.cause) && error.cause.code !== code) {
    const inner = exitCodeOf(error.cause);
    return inner === exitCodes.input || inner === exitCodes.output ? inner : exitCodes.failed;
  }
  return exitCodes.failed;
}
