// Several attempts, one result: the first that counts wins, the others are aborted.

import { ShoalError } from "../../errors.ts";
import { check, checkWhole } from "../option-checks.ts";

/** Makes an attempt that ends when its signal is aborted: `(signal) => search.with({ signal })(query)`. */
export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

/**
 * The first attempt that settles decides, with its value or its error; the others are aborted.
 *
 * @example
 * const answer = await race([(signal) => fast.with({ signal })(x), (signal) => thorough.with({ signal })(x)]);
 */
export async function race<T>(attempts: readonly Attempt<T>[]): Promise<T> {
  return await firstOf(attempts, (promises) => Promise.race(promises));
}

/** The first attempt that succeeds decides, the others are aborted; an AggregateError if none does. */
export async function any<T>(attempts: readonly Attempt<T>[]): Promise<T> {
  return await firstOf(attempts, (promises) => Promise.any(promises));
}

export interface HedgeOptions {
  /** The next attempt begins when those before it have not ended within so many milliseconds. */
  readonly afterMs: number;
  /** Attempts in all, at most. Default 2. 1 to 100. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

/**
 * One attempt, and if it is slow, another: the first that succeeds wins, the others are aborted. Only for functions that
 * may run twice (Dean and Barroso, The Tail at Scale, 2013).
 *
 * @example
 * const answer = await hedge((signal) => lookUp.with({ signal })(key), { afterMs: 20 });
 */
export async function hedge<T>(attempt: Attempt<T>, options: HedgeOptions): Promise<T> {
  const { afterMs, attempts = 2, signal } = options;
  const isTime = typeof afterMs === "number" && afterMs >= 0 && afterMs <= 2 ** 31 - 1;
  check(isTime, "afterMs", afterMs, "a number of milliseconds from 0 to 2147483647");
  checkWhole("attempts", attempts, 1, 100);
  signal?.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const stopping = new AbortController();
    const errors: unknown[] = [];
    let begun = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      settle();
      stopping.abort(new ShoalError("CANCELLED", "another attempt was faster"));
    };
    const onAbort = (): void => end(() => reject(signal!.reason));
    const begin = (): void => {
      clearTimeout(timer);
      if (++begun < attempts) timer = setTimeout(begin, afterMs);
      made(attempt, stopping.signal).then(
        (value) => end(() => resolve(value)),
        (error: unknown) => {
          errors.push(error);
          if (stopping.signal.aborted) return;
          if (begun < attempts)
            begin(); // it failed: the next one need not wait
          else if (errors.length === begun) end(() => reject(errors[0]));
        },
      );
    };
    signal?.addEventListener("abort", onAbort);
    begin();
  });
}

/** One that throws before it gives a promise rejects like others. */
async function made<T>(attempt: Attempt<T>, signal: AbortSignal): Promise<T> {
  return await attempt(signal);
}

async function firstOf<T>(
  attempts: readonly Attempt<T>[],
  first: (promises: Promise<T>[]) => Promise<T>,
): Promise<T> {
  check(attempts.length > 0, "attempts", attempts.length, "one or more");
  const stopping = new AbortController();
  try {
    return await first(attempts.map((attempt) => made(attempt, stopping.signal)));
  } finally {
    stopping.abort(new ShoalError("CANCELLED", "another attempt was faster"));
  }
}
