// A batch of map(): the function called with each item.

import { isMoved } from "../../../data/calls/moved.ts";
import { requirePortable } from "../../../data/portable.ts";
import { ShoalError } from "../../../errors.ts";
import type { UserFunction } from "../../../executor/functions.ts";
import type { BatchResult, Thrown } from "../../../protocol/calls.ts";
import { isStream } from "./stream-source.ts";
import { userThrown } from "./user-thrown.ts";

interface MutableResult extends BatchResult {
  runMicros: number;
  readonly values: unknown[];
  readonly failures: { at: number; thrown: Thrown }[];
}

/** The call that the batch is. */
interface BatchRun {
  /** Nobody waits for it any more: what has not begun is left. */
  readonly isStopped: boolean;
  /** Runs a part of it that begins after an await. */
  within<T>(work: () => T): T;
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** One after the other. Synchronous as long as the function is. */
export function runBatch(
  fn: UserFunction,
  items: readonly unknown[],
  isUntilFailure: boolean,
  run: BatchRun,
): BatchResult | Promise<BatchResult> {
  const result: MutableResult = { values: [], failures: [], runMicros: 0 };
  const beginsAt = performance.now();
  for (let at = 0; at < items.length && !run.isStopped; at++) {
    try {
      const value = fn(items[at]);
      if (isPromise(value)) return goOn(fn, items, isUntilFailure, run, result, value, beginsAt);
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
  run: BatchRun,
  result: MutableResult,
  first: PromiseLike<unknown>,
  beginsAt: number,
): Promise<BatchResult> {
  const pending = result.values.length;
  const value: unknown = first;
  for (let at = pending; at < items.length && (at === pending || !run.isStopped); at++) {
    try {
      add(result, await (at === pending ? value : run.within(() => fn(items[at]))));
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
    if (isMoved(value) || isStream(value)) {
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
  result.failures.push({ at, thrown: userThrown(error) });
}
