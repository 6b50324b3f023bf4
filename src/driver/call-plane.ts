// The call plane's contract: what the model asks of whoever runs functions for it.
//
// The dispatcher machine (core/dispatcher) decides which slot runs which call; an implementation performs its effects:
// `threads` (this machine's threads or processes), `inline` (the calling thread).
//
// Duties
//  1. Give the dispatcher its events one at a time, and perform all effects of one before the next.
//  2. Settle each call once, as SettleCall says: with its value, what it threw, or a ShoalError.
//  3. Turn the end of a slot, asked or not, into SlotExited, with the calls that it certainly had not begun; start another.
//  4. Keep the process alive while calls have not settled, and not longer.

import type { CallCounts } from "../core/dispatcher/state.ts";
import type { CallForm, KeepLimits, NestedOptions, NestedResult, TargetRef } from "../protocol/calls.ts";

/** A function that was made known. */
export interface Target {
  readonly number: number;
  readonly ref: TargetRef;
}

export interface CallRequest {
  readonly target: Target;
  readonly form: CallForm;
  /** Of form "call" the arguments; else one argument, the items. */
  readonly args: readonly unknown[];
  /** What of them changes hands. */
  readonly transfer: readonly ArrayBuffer[];
  /** Aborting it ends the call, which then rejects with the signal's reason. */
  readonly signal: AbortSignal | null;
  /** From now; null: no deadline. */
  readonly deadlineMs: number | null;
  /** What of that is over already. Default 0. */
  readonly waitedMs?: number;
  readonly priority: number;
  readonly retries: number;
  readonly isNested: boolean;
  /** The function is memoized. Of interest to slots only, whose calls the program looks up. */
  readonly keep?: KeepLimits | undefined;
  /** Where it was made, for the stacks of errors; null: not known. */
  readonly caller: Caller | null;
}

export interface Caller {
  /** Lines of a stack; null: not known. */
  frames(): string | null;
}

/** A call that was made. */
export interface CallHandle {
  /** Of form "call" the result, else a BatchResult. For a stream: undefined, once it has begun. */
  readonly promise: Promise<unknown>;
  /** Once the promise is fulfilled: whether that was a stream. */
  readonly isStream?: boolean;
  /** The stream that the call gives; throws USER_ERROR when read if it gives none. */
  stream(): AsyncGenerator<unknown, void, undefined>;
  /** Nobody reads the stream, or goes on reading it. Absent: it gives none. */
  stop?(): void;
}

export interface DrainResult {
  /** Calls that ended while draining, and calls that were cancelled at the deadline. */
  readonly ended: number;
  readonly cancelled: number;
}

export interface CallFigures extends Readonly<CallCounts> {
  readonly waiting: number;
  readonly running: number;
  readonly slots: number;
}

export type NestedRequest = {
  readonly module: string;
  readonly name: string;
  readonly form: CallForm;
  readonly args: readonly unknown[];
  readonly options: NestedOptions;
  readonly signal: AbortSignal;
};

export interface CallPlane {
  /** Makes a function known. Equal refs give equal targets. */
  target(ref: TargetRef): Target;
  start(request: CallRequest): CallHandle;
  /** Starts the slots, if that has not been done. */
  warm(): void;
  /** Slots that there are to be, now. */
  readonly width: number;
  figures(): CallFigures;
  /** Drops calls that wait, or aborts those that run; they reject with `reason`. Returns how many. */
  end(which: "waiting" | "running", reason: unknown): number;
  /** Takes no new calls; settles when all have ended, or were cancelled `deadlineMs` from now. */
  drain(deadlineMs: number | null): Promise<DrainResult>;
  /** Answers calls that user code in a slot makes. */
  onNested: (request: NestedRequest) => Promise<NestedResult>;
  /** Ends all slots; calls that have not settled reject with CLOSED. Idempotent. */
  close(): Promise<void>;
}
