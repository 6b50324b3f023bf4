import type { Dataset } from "../dataset.ts";
import { narrow, shuffle, type Operator, type ShuffleOptions } from "../operator.ts";
import { pairOf } from "../pair.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** How many [key, value] records each key has: [key, count], sorted by key within each partition. */
    countByKey<K, V>(this: Dataset<readonly [K, V]>, options?: ShuffleOptions): Dataset<[K, number]>;
  }
}

/** Counts the keys: drops the values first, so that only keys are exchanged. */
export const countByKey: Operator = {
  name: "countByKey",
  method: (on: Dataset<unknown>, options?: ShuffleOptions) =>
    shuffle(narrow(on, "countByKey", []), "countByKey", "count", [], options),
  step: (_fns, _options, next) => ({ push: (record) => next(pairOf(record, "countByKey")[0]) }),
};
