// What a batch of map() comes to when part or all of it fails. Pure.

import { toThrown } from "../../data/calls/thrown.ts";
import { requirePortable } from "../../data/portable.ts";
import { isShoalError, type ErrorCode } from "../../errors.ts";
import type { BatchResult } from "../../protocol/calls.ts";

type Failures = BatchResult["failures"];

/** The first result with the failures that were tried again replaced by what became of them. */
export function merged(before: BatchResult, again: BatchResult): BatchResult {
  const values = [...before.values];
  const stillFailed = new Map(again.failures.map(({ at, thrown }) => [at, thrown]));
  const failures = before.failures.flatMap(({ at }, n) => {
    values[at] = again.values[n];
    const thrown = stillFailed.get(n);
    return thrown === undefined ? [] : [{ at, thrown }];
  });
  return { values, failures, runMicros: before.runMicros + again.runMicros };
}

/** Items that cannot travel, each with its place in the input. `first`: that of the first one. */
export function invalidItems(items: readonly unknown[], first: number): { at: number; error: unknown }[] {
  return items.flatMap((item, at) => {
    try {
      requirePortable(item, `items[${first + at}]`);
      return [];
    } catch (error) {
      return [{ at, error }];
    }
  });
}

/** The result with failures put in between: `result` is of the other items. */
export function withInvalid(
  count: number,
  invalid: readonly { at: number; error: unknown }[],
  result: BatchResult,
): BatchResult {
  const isInvalid = new Set(invalid.map(({ at }) => at));
  const others = Array.from({ length: count }, (_, at) => at).filter((at) => !isInvalid.has(at));
  const values = Array.from<unknown>({ length: count });
  for (const [n, at] of others.entries()) values[at] = result.values[n];
  const failures = [
    ...invalid.map(({ at, error }) => ({ at, thrown: toThrown(error) })),
    ...result.failures.map(({ at, thrown }) => ({ at: others[at]!, thrown })),
  ].sort((a, b) => a.at - b.at);
  return { values, failures, runMicros: result.runMicros };
}

/** What ends a call as a whole, and need not happen to the next one. */
const ofOneCall: readonly ErrorCode[] = [
  "SLOT_LOST",
  "OUT_OF_MEMORY",
  "DEADLINE_EXCEEDED",
  "NEVER_SETTLES",
  "USER_ERROR",
];

/** The call was lost with all its items: the result where each of them failed; null: others would fail as well. */
export function allFailed(count: number, error: unknown): BatchResult | null {
  if (!ofOneCall.some((code) => isShoalError(error, code))) return null;
  const thrown = toThrown(error);
  const failures: Failures = Array.from({ length: count }, (_, at) => ({ at, thrown }));
  return { values: Array.from({ length: count }), failures, runMicros: 0 };
}
