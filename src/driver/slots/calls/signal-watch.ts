// Calls that end with a signal: one listener for each signal, however many calls have it, since Node warns of more than
// ten. Owner of: which call waits for which signal.

import type { PendingCall } from "./pending-call.ts";

interface Watched {
  readonly calls: Set<PendingCall>;
  readonly listener: () => void;
}

export class SignalWatch {
  private readonly end: (pending: PendingCall) => void;
  private readonly watched = new Map<AbortSignal, Watched>();

  /** `end` is called for each call whose signal is aborted. */
  constructor(end: (pending: PendingCall) => void) {
    this.end = end;
  }

  /** Until `forget`. */
  add(signal: AbortSignal, pending: PendingCall): void {
    const found = this.watched.get(signal);
    if (found !== undefined) {
      found.calls.add(pending);
      return;
    }
    const calls = new Set([pending]);
    const listener = (): void => {
      for (const call of calls) this.end(call);
    };
    signal.addEventListener("abort", listener);
    this.watched.set(signal, { calls, listener });
  }

  forget(signal: AbortSignal, pending: PendingCall): void {
    const found = this.watched.get(signal);
    if (found === undefined || !found.calls.delete(pending) || found.calls.size > 0) return;
    this.watched.delete(signal);
    signal.removeEventListener("abort", found.listener);
  }
}
