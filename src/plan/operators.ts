// Installs the operators of the list as methods of Dataset, and finds them by name.

import { Dataset } from "./dataset.ts";
import type { Operator } from "./operator.ts";
import * as list from "./operators/list.ts";

const byName = new Map(Object.values<Operator>(list).map((operator) => [operator.name, operator]));

export const operatorNamed = (name: string): Operator | undefined => byName.get(name);

for (const { name, method } of byName.values()) {
  Object.defineProperty(Dataset.prototype, name, {
    value(this: Dataset<unknown>, ...args: unknown[]) {
      return method(this, ...args);
    },
    configurable: true,
    writable: true,
  });
}
