import type { Dataset, Widened } from "../dataset.ts";
import { requireFunction, shuffle, type Operator, type ShuffleOptions } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /**
     * One record a key: its values folded by `fn(a, b)`, in input order. `fn` must be associative, since the values
     * are folded in parts where they are made; the parts depend on the input alone, so that the result is the same
     * bytes for any number of slots and any memory budget, even for sums of floating-point numbers.
     */
    reduceByKey<K, V>(
      this: Dataset<readonly [K, V]>,
      fn: (a: Widened<V>, b: Widened<V>) => Widened<V>,
      options?: ShuffleOptions,
    ): Dataset<[K, Widened<V>]>;
  }
}

export const reduceByKey: Operator = {
  name: "reduceByKey",
  method: (on: Dataset<unknown>, fn: unknown, options?: ShuffleOptions) =>
    shuffle(on, "reduceByKey", "reduce", [requireFunction("reduceByKey", fn)], options),
};
