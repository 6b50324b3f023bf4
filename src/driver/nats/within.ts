// What is waited for, but not longer than so long.

import { setTimeout as wait } from "node:timers/promises";

/** Undefined: not in time. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const inTime = new AbortController();
  const late = wait(ms, undefined, { signal: inTime.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    inTime.abort();
  }
}
