import type { Dataset } from "../dataset.ts";
import { isThenable, narrow, requireFunction, type Operator, type Push } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** Each record through `fn`. `fn` may be async; records keep their order. */
    map<U>(fn: (record: T) => U): Dataset<Awaited<U>>;
  }
}

export const map: Operator = {
  name: "map",
  method: (on: Dataset<unknown>, fn: unknown) => narrow(on, "map", [requireFunction("map", fn)]),
  step: ([fn], _options, next) => ({ push: (record) => pushResult(fn!(record), next) }),
};

/** Passes on what a user function returned, or promised. */
export const pushResult = (result: unknown, next: Push): void | Promise<void> =>
  isThenable(result) ? Promise.resolve(result).then(next) : next(result);
