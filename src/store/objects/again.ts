// One request to a store, tried again while that can help.

import { isShoalError } from "../../errors.ts";
import { setTimeout as wait } from "node:timers/promises";

/** What a store calls that which has become one of our errors. */
export function storesWordFor(error: unknown): string | null {
  if (!isShoalError(error)) return null;
  return (error.details as { error?: string } | undefined)?.error ?? null;
}

const triesMax = 8;
const pauseMaxMs = 5000;

/** Some 15 seconds in all. */
export async function again<T>(
  act: () => Promise<T>,
  isTransient: (error: unknown) => boolean,
  failed: (error: unknown) => Error,
  signal?: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      signal?.throwIfAborted();
      if (tries >= triesMax || !isTransient(error)) throw failed(error);
    }
    await wait(Math.min(pauseMaxMs, 100 * 2 ** tries) * (0.5 + Math.random() / 2));
  }
}
