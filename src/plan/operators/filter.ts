import type { Dataset } from "../dataset.ts";
import { isThenable, narrow, requireFunction, type Operator } from "../operator.ts";

declare module "../dataset.ts" {
  interface Dataset<T> {
    /** The records for which `keep` returns something truthy. May be async. A type guard narrows the record type. */
    filter<U extends T>(keep: (record: T) => record is U): Dataset<U>;
    filter(keep: (record: T) => unknown): Dataset<T>;
  }
}

export const filter: Operator = {
  name: "filter",
  method: (on: Dataset<unknown>, keep: unknown) => narrow(on, "filter", [requireFunction("filter", keep)]),
  step: ([keep], _options, next) => ({
    push(record) {
      const result = keep!(record);
      if (isThenable(result))
        return Promise.resolve(result).then((kept) => (kept ? next(record) : undefined));
      return result ? next(record) : undefined;
    },
  }),
};
