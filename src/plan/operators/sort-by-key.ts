import type { Dataset } from "../dataset.ts";
import { shuffle, type Operator, type ShuffleOptions } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /**
     * The records in global order of their keys (strings by UTF-8 bytes): the output files, one after the other, are
     * sorted. Records of equal keys keep their input order.
     */
    sortByKey<K, V>(
      this: Dataset<readonly [K, V]>,
      options?: ShuffleOptions & { readonly descending?: boolean },
    ): Dataset<[K, V]>;
  }
}

export const sortByKey: Operator = {
  name: "sortByKey",
  method: (on: Dataset<unknown>, options?: ShuffleOptions & { readonly descending?: boolean }) =>
    shuffle(on, "sortByKey", "sort", [], options),
};
