import type { Dataset } from "../dataset.ts";
import { isThenable, narrow, requireFunction, type Operator } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** Each record becomes [key, record]. `key` may be async. */
    keyBy<K>(key: (record: T) => K): Dataset<[Awaited<K>, T]>;
  }
}

export const keyBy: Operator = {
  name: "keyBy",
  method: (on: Dataset<unknown>, key: unknown) => narrow(on, "keyBy", [requireFunction("keyBy", key)]),
  step: ([key], _options, next) => ({
    push(record) {
      const result = key!(record);
      return isThenable(result)
        ? Promise.resolve(result).then((k) => next([k, record]))
        : next([result, record]);
    },
  }),
};
