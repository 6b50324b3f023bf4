// What user code can know about the call that it runs in. Owner of: the current call of this thread.

import { ShoalError } from "../errors.ts";

/** The call in which a remote function runs. */
export interface CallContext {
  /** The module, and the name that it exports. */
  readonly module: string;
  readonly name: string;
  readonly slot: number;
  /** Aborted when nobody waits for the result any more: the call was aborted, or its deadline passed. */
  readonly signal: AbortSignal;
}

let current: CallContext | null = null;

/**
 * The context of the call that runs. Ask for it before the first `await`: afterwards another call may run in this
 * thread. Throws PLAN_INVALID outside of one.
 *
 * @example
 * export function search(text: string) {
 *   const { signal } = callContext();
 *   for (const word of candidates) {
 *     if (signal.aborted) throw signal.reason;
 *     …
 *   }
 * }
 */
export function callContext(): CallContext {
  if (current !== null) return current;
  throw new ShoalError("PLAN_INVALID", "callContext() was called outside of a call", {
    hint: "Call it inside of a function that was called through use(), before its first await.",
  });
}

export function setCallContext(context: CallContext | null): void {
  current = context;
}
