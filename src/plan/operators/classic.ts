// The two halves of the classic form as narrow operators: (name, contents) → pairs, and (key, values) → [key, result].

import type { Dataset } from "../dataset.ts";
import { isThenable, narrow, type Operator } from "../operator.ts";
import type { UserFunction } from "../nodes.ts";
import { flatMap } from "./flat-map.ts";

/** Spreads a [name, contents] record over the arguments of the user's map, and passes on each pair that it returns. */
export const spreadMap: Operator = {
  name: "spreadMap",
  method: (on: Dataset<unknown>, map: UserFunction) => narrow(on, "spreadMap", [map]),
  step: ([map], options, next) => {
    const spread = (record: unknown): unknown => {
      const [name, contents] = record as readonly [string, string];
      return map!(name, contents);
    };
    return flatMap.step!([spread], options, next);
  },
};

/** Gives a key and its values to the user's reduce, and passes on [key, result]. */
export const spreadReduce: Operator = {
  name: "spreadReduce",
  method: (on: Dataset<unknown>, reduce: UserFunction) => narrow(on, "spreadReduce", [reduce]),
  step: ([reduce], _options, next) => ({
    push(record) {
      const [key, values] = record as readonly [unknown, unknown];
      const result = reduce!(key, values);
      return isThenable(result)
        ? Promise.resolve(result).then((value) => next([key, value]))
        : next([key, result]);
    },
  }),
};
