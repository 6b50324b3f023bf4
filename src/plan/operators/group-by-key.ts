import type { Dataset } from "../dataset.ts";
import { shuffle, type Operator, type ShuffleOptions } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** One record a key: [key, its values in input order]. The values of one key must fit in memory. */
    groupByKey<K, V>(this: Dataset<readonly [K, V]>, options?: ShuffleOptions): Dataset<[K, V[]]>;
  }
}

export const groupByKey: Operator = {
  name: "groupByKey",
  method: (on: Dataset<unknown>, options?: ShuffleOptions) => shuffle(on, "groupByKey", "group", [], options),
};
