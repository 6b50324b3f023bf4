// Options of calls.

import { ShoalError } from "../../errors.ts";
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
  check(isWithin(priority, -1000, 1000), "priority", priority, "an integer from -1000 to 1000");
  check(isWithin(retries, 0, 1000), "retries", retries, "an integer from 0 to 1000");
  check(transfer === undefined || Array.isArray(transfer), "transfer", transfer, "an array of ArrayBuffers");
}

const isWithin = (value: unknown, min: number, max: number): boolean =>
  value === undefined || (Number.isInteger(value) && (value as number) >= min && (value as number) <= max);

export function check(isRight: boolean, name: string, received: unknown, expected: string): void {
  if (isRight) return;
  const printed = typeof received === "string" ? JSON.stringify(received) : String(received);
  throw new ShoalError("BAD_OPTION", `${name} must be ${expected}, received ${printed}`);
}
