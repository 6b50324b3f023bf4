// flatMap: each record becomes any number of records.

import { ShoalError } from "../../errors.ts";
import type { Dataset } from "../dataset.ts";
import { isThenable, narrow, requireFunction, type Operator, type Push } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** Each record becomes any number of records: what `fn` returns, iterated. `fn` may be async, or a generator. */
    flatMap<U>(fn: (record: T) => Iterable<U> | AsyncIterable<U> | Promise<Iterable<U>>): Dataset<U>;
  }
}

export const flatMap: Operator = {
  name: "flatMap",
  method: (on: Dataset<unknown>, fn: unknown) => narrow(on, "flatMap", [requireFunction("flatMap", fn)]),
  step: ([fn], _options, next) => ({
    push(record) {
      const result = fn!(record);
      if (Array.isArray(result)) return pushArray(result, 0, next);
      return isThenable(result)
        ? Promise.resolve(result).then((items) => pushAll(items, next))
        : pushAll(result, next);
    },
  }),
};

function pushArray(items: readonly unknown[], from: number, next: Push): void | Promise<void> {
  for (let i = from; i < items.length; i++) {
    const waiting = next(items[i]);
    if (waiting !== undefined) return waiting.then(() => pushArray(items, i + 1, next));
  }
}

function pushAll(items: unknown, next: Push): void | Promise<void> {
  if (Array.isArray(items)) return pushArray(items, 0, next);
  if (typeof items === "object" && items !== null) {
    if (Symbol.iterator in items) return pushIterable(items as Iterable<unknown>, next);
    if (Symbol.asyncIterator in items) return pushAsync(items as AsyncIterable<unknown>, next);
  }
  throw new ShoalError(
    "RECORD_INVALID",
    "flatMap's function must return an iterable of records, such as an array; " +
      `it returned ${items === null ? "null" : typeof items}`,
    { hint: "Return [] for no records; to pass on a single value, use map()." },
  );
}

function pushIterable(items: Iterable<unknown>, next: Push): void | Promise<void> {
  const iterator = items[Symbol.iterator]();
  const drain = (): void | Promise<void> => {
    for (let step = iterator.next(); !step.done; step = iterator.next()) {
      const waiting = next(step.value);
      if (waiting !== undefined) return waiting.then(drain);
    }
  };
  return drain();
}

async function pushAsync(items: AsyncIterable<unknown>, next: Push): Promise<void> {
  for await (const item of items) await next(item);
}
