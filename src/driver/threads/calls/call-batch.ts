// A batch of map(): the function called with each item.

import { isMoved } from "../../../data/calls/moved.ts";
import { toThrown } from "../../../data/calls/thrown.ts";
import { requirePortable } from "../../../data/portable.ts";
import { ShoalError } from "../../../errors.ts";
import type { UserFunction } from "../../../executor/functions.ts";
import type { BatchResult } from "../../../protocol/calls.ts";

interface MutableResult extends BatchResult {
  runMicros: number;
  readonly values: unknown[];
  readonly failures: { at: number; thrown: ReturnType<typeof toThrown> }[];
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** One after the other. Synchronous as long as the function is. */
export function runBatch(
  fn: UserFunction,
  items: readonly unknown[],
  isUntilFailure: boolean,
): BatchResult | Promise<BatchResult> {
  const result: MutableResult = { values: [], failures: [], runMicros: 0 };
  const beginsAt = performance.now();
  for (let at = 0; at < items.length; at++) {
    try {
      const value = fn(items[at]);
      if (isPromise(value)) return goOn(fn, items, isUntilFailure, result, value, beginsAt);
      add(result, value);
    } catch (error) {
      fail(result, at, error);
      if (isUntilFailure) break;
    }
  }
  result.runMicros = (performance.now() - beginsAt) * 1000;
  return result;
}

async function goOn(
  fn: UserFunction,
  items: readonly unknown[],
  isUntilFailure: boolean,
  result: MutableResult,
  first: PromiseLike<unknown>,
  beginsAt: number,
): Promise<BatchResult> {
  const pending = result.values.length;
  const value: unknown = first;
  for (let at = pending; at < items.length; at++) {
    try {
      add(result, await (at === pending ? value : fn(items[at])));
    } catch (error) {
      fail(result, at, error);
      if (isUntilFailure) break;
    }
  }
  result.runMicros = (performance.now() - beginsAt) * 1000;
  return result;
}

function add(result: MutableResult, value: unknown): void {
  if (typeof value === "object" && value !== null) {
    if (isMoved(value) || Symbol.asyncIterator in value) {
      throw new ShoalError("VALUE_INVALID", "a function given to map() returned a moved value or a stream", {
        hint: "Return plain data from functions that are mapped; call the function directly to move or stream.",
      });
    }
    requirePortable(value, "the result");
  } else requirePortable(value, "the result");
  result.values.push(value);
}

function fail(result: MutableResult, at: number, error: unknown): void {
  result.values.push(undefined);
  result.failures.push({ at, thrown: toThrown(error) });
}
