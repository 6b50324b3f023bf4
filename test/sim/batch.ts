// Many seeds, in processes of their own: each runs seeds as it is told, twice each, and tells what it found.

import { count, newTally, type Tally } from "./tally.ts";
import { runSeed } from "./run-seed.ts";

export interface Order {
  readonly from: number;
  readonly seeds: number;
  /** Each seed a second time, which must go the same. */
  readonly isTwice: boolean;
}

export interface Found {
  readonly seed: number;
  readonly checker: string;
  readonly message: string;
}

export interface Answer {
  readonly order: Order;
  readonly found: readonly Found[];
  readonly tally: Tally;
}

/** Runs them. Stops at the first violation if `stopsEarly`. */
export function runBatch(order: Order, stopsEarly = false): Answer {
  const found: Found[] = [];
  const tally = newTally();
  for (let seed = order.from; seed < order.from + order.seeds; seed++) {
    const run = runSeed(seed);
    count(tally, run);
    if (run.violation !== null) found.push({ seed, ...run.violation });
    else if (order.isTwice) {
      const { hash } = runSeed(seed);
      if (hash !== run.hash)
        found.push({ seed, checker: "determinism", message: `the trace was ${run.hash}, then ${hash}` });
    }
    if (stopsEarly && found.length > 0) break;
  }
  return { order, found, tally };
}
