// Options of calls.

import { check, checkWhole } from "../option-checks.ts";
import type { KeepLimits } from "../../protocol/calls.ts";

export interface CallOptions {
  /** Aborting it ends the call: one that waits is dropped, one that runs gets its own signal (callContext) aborted. */
  readonly signal?: AbortSignal;
  /** The call must end within so many milliseconds, waiting included; else DEADLINE_EXCEEDED. Default: no deadline. */
  readonly deadlineMs?: number;
  /** Calls of a higher priority run first. An integer from −1,000 to 1,000. Default 0. */
  readonly priority?: number;
  /** How often the call is tried again after it threw or lost its slot. 0 to 1,000. Default 0. Calls that move are not. */
  readonly retries?: number;
  /** Buffers among the arguments that change hands instead of being copied. See also move(). */
  readonly transfer?: readonly ArrayBuffer[];
}

/** What memo() adds: a call that is made in a slot is looked up by the program. */
export interface InnerOptions extends CallOptions {
  readonly keep?: KeepLimits;
}

/** Errors: BAD_OPTION, naming the option, what was received and what was expected. */
export function checkCallOptions({ signal, deadlineMs, priority, retries, transfer }: CallOptions): void {
  check(signal === undefined || signal instanceof AbortSignal, "signal", signal, "an AbortSignal");
  check(
    deadlineMs === undefined ||
      (typeof deadlineMs === "number" && deadlineMs > 0 && deadlineMs <= 2 ** 31 - 1),
    "deadlineMs",
    deadlineMs,
    "a number of milliseconds above 0 and up to 2147483647",
  );
  checkWhole("priority", priority, -1000, 1000);
  checkWhole("retries", retries, 0, 1000);
  check(transfer === undefined || Array.isArray(transfer), "transfer", transfer, "an array of ArrayBuffers");
}
