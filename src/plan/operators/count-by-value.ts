import type { Dataset } from "../dataset.ts";
import { shuffle, type Operator, type ShuffleOptions } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** How often each distinct record occurs: [record, count], by UTF-8 order of the records within each partition. */
    countByValue(options?: ShuffleOptions): Dataset<[T, number]>;
  }
}

export const countByValue: Operator = {
  name: "countByValue",
  method: (on: Dataset<unknown>, options?: ShuffleOptions) =>
    shuffle(on, "countByValue", "count", [], options),
};
