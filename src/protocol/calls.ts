// Messages between a program's agent and the slots that take its calls. What is small travels through shared memory
// instead where there is any (driver/slots/calls/shared-calls.ts), with the same meaning.
//
// A ticket is the call's number as the slot knows it: unique among the calls that it has.

import type { ErrorData } from "../errors.ts";

/** What a target is: an exported function of a bundle. */
export interface TargetRef {
  /** The bundle's file. */
  readonly bundle: string;
  /** URL of the module whose exports the bundle's `import … from "shoal"` gets. */
  readonly runtime: string;
  /** The user's module, for messages. */
  readonly module: string;
  /** The name that it exports. */
  readonly name: string;
}

/**
 * How arguments and results are meant.
 *   call    the arguments of one call; its result, or a stream
 *   each    one argument, an array: the function is called with each item; a batch of results
 *   until   as each, but nothing is called after one that throws
 */
export type CallForm = "call" | "each" | "until";
export const callForms: readonly CallForm[] = ["call", "each", "until"];

/** A thrown value as it travels. */
export interface Thrown {
  readonly error: ErrorData;
  /** The class of the language that it is an instance of; absent: Error, or none. */
  readonly type?: string;
  /** Its own properties that can travel as they are; `error` has the others as JSON. */
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly cause?: Thrown;
  /** Of an AggregateError. */
  readonly errors?: readonly Thrown[];
  /** What was thrown was no error, and can travel as it is. */
  readonly value?: { readonly value: unknown };
}

/** What a batch gives: results in order, undefined where the function threw; up to the first failure for "until". */
export interface BatchResult {
  readonly values: readonly unknown[];
  readonly failures: readonly { readonly at: number; readonly thrown: Thrown }[];
  /** How long all of them ran. */
  readonly runMicros: number;
}

export type ToCallSlot =
  /** What a target's number means. Comes before or after the first call of it, which waits for it. */
  | { readonly kind: "define"; readonly target: number; readonly ref: TargetRef }
  | {
      readonly kind: "invoke";
      readonly ticket: number;
      readonly target: number;
      readonly form: CallForm;
      readonly args: readonly unknown[];
    }
  /**
   * To whoever has a slot that is far away: take that call back if it has not begun. Answered by "taken-back" or "kept";
   * not at all when it has ended, which was said then.
   */
  | { readonly kind: "take-back"; readonly ticket: number }
  | { readonly kind: "abort-call"; readonly ticket: number; readonly reason: string }
  /** So many more items of a stream may come. */
  | { readonly kind: "pull"; readonly ticket: number; readonly count: number }
  /** Nobody reads the stream any more. */
  | { readonly kind: "stop"; readonly ticket: number }
  /** What became of a nested call. */
  | { readonly kind: "nested-ended"; readonly nested: number; readonly result: NestedResult };

export type NestedResult =
  { readonly kind: "value"; readonly value: unknown } | { readonly kind: "thrown"; readonly thrown: Thrown };

export type FromCallSlot =
  | {
      readonly kind: "returned";
      readonly ticket: number;
      readonly value: unknown;
      readonly runMicros: number | null;
    }
  | {
      readonly kind: "threw";
      readonly ticket: number;
      readonly thrown: Thrown;
      readonly runMicros: number | null;
    }
  /** It had not begun, and never will here. */
  | { readonly kind: "taken-back"; readonly ticket: number }
  /** It has begun: it cannot be taken back. */
  | { readonly kind: "kept"; readonly ticket: number }
  /** The call gives a stream: items follow as they are pulled. */
  | { readonly kind: "streaming"; readonly ticket: number }
  | { readonly kind: "items"; readonly ticket: number; readonly items: readonly unknown[] }
  /** It waits for other calls, or for its stream to be read. */
  | { readonly kind: "blocked"; readonly ticket: number }
  | { readonly kind: "unblocked"; readonly ticket: number }
  /** A call that user code in the slot makes. */
  | {
      readonly kind: "nested";
      readonly nested: number;
      /** Of the call that makes it; null: made outside of any. */
      readonly parent: number | null;
      readonly module: string;
      readonly name: string;
      readonly form: CallForm;
      readonly args: readonly unknown[];
      readonly options: NestedOptions;
    }
  | { readonly kind: "nested-cancelled"; readonly nested: number };

export interface NestedOptions {
  readonly deadlineMs?: number;
  readonly priority?: number;
  readonly retries?: number;
  /** The function is memoized: the program looks into its result cache first. */
  readonly keep?: KeepLimits;
}

/** How long and how much a memoized function's results are kept; absent: by default. */
export interface KeepLimits {
  readonly ttlMs?: number;
  readonly bytesMax?: number;
}
