// Calls of memoized functions that are under way, by key, so that each is made once however many ask for it meanwhile.
//
// Who asks first leads: it makes the call. Others join: they wait for its outcome, each within its own deadline and until
// its own signal. If the leader is cut off by its own signal, deadline or connection, the outcome is "given up", and whoever
// waits asks anew.
//
// Owner of: the flights.

import { isShoalError, ShoalError } from "../../errors.ts";
import type { CallOptions } from "./options.ts";

export type Outcome =
  /** `copy` makes one for each who joined. */
  | { readonly kind: "value"; readonly copy: () => unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "given-up" };

export class Flight {
  readonly outcome: Promise<Outcome>;
  settle!: (outcome: Outcome) => void;

  constructor() {
    this.outcome = new Promise((resolve) => (this.settle = resolve));
  }
}

export class Flights {
  private readonly byKey = new Map<string, Flight>();

  get(key: string): Flight | undefined {
    return this.byKey.get(key);
  }

  begin(key: string): Flight {
    const flight = new Flight();
    this.byKey.set(key, flight);
    return flight;
  }

  /** Whoever asks from now on does not join it. */
  end(key: string, flight: Flight): void {
    if (this.byKey.get(key) === flight) this.byKey.delete(key);
  }
}

const ownCodes = ["CANCELLED", "CLOSED", "DRAINING", "DEADLINE_EXCEEDED", "QUEUE_FULL"] as const;

/** What a failed call means for those who joined it. */
export function failure(error: unknown, { signal }: CallOptions): Outcome {
  const isOwn = signal?.aborted === true || ownCodes.some((code) => isShoalError(error, code));
  return isOwn ? { kind: "given-up" } : { kind: "failed", error };
}

/**
 * The outcome, unless the signal is aborted or the deadline over first, which is at `endsAt` on `performance.now()`'s
 * clock. `name`: the function's, for the message.
 */
export async function joined(
  flight: Flight,
  { signal, deadlineMs }: CallOptions,
  endsAt: number,
  name: string,
): Promise<Outcome> {
  if (signal === undefined && deadlineMs === undefined) return await flight.outcome;
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  const cutOff = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal!.reason);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted === true) onAbort();
    if (deadlineMs === undefined) return;
    timer = setTimeout(() => reject(expired(name, deadlineMs, true)), endsAt - performance.now());
  });
  try {
    return await Promise.race([flight.outcome, cutOff]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

export const expired = (name: string, deadlineMs: number, hasBegun: boolean): ShoalError =>
  new ShoalError(
    "DEADLINE_EXCEEDED",
    `the call of ${name} ${hasBegun ? "waited for an equal one, which did not end" : "did not begin"} ` +
      `within its deadline of ${deadlineMs} ms`,
    { details: { hasBegun, deadlineMs } },
  );
