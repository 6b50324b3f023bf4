// Tails of a simulated pool beside the ideal's and beside those of random assignment, on the same calls.

import { rng } from "../../../base/rng.ts";
import { simulatePool, type PoolShape } from "./pool.ts";
import { idealQueue, randomQueues } from "./queues.ts";
import { quantile, workload, type Workload, type WorkloadShape } from "./workload.ts";

/** How calls find their slots. */
export type Discipline = "ideal" | "dispatcher" | "random";

/** Times from arrival to end, in microseconds. */
export function responsesOf(how: Discipline, calls: Workload, pool: PoolShape, seed = 1): Float64Array {
  if (how === "ideal") return idealQueue(calls, pool.slots);
  return how === "random"
    ? randomQueues(calls, pool.slots, rng(seed))
    : simulatePool(calls, pool).responseMicros;
}

/** The p99 of the time from arrival to end, in milliseconds. */
export const p99Ms = (how: Discipline, shape: WorkloadShape, pool: Omit<PoolShape, "slots"> = {}): number =>
  quantile(responsesOf(how, workload(shape), { ...pool, slots: shape.slots }, shape.seed + 1), 0.99) / 1000;

/** The highest load at which the p99 is at most ten times the mean service time, to within 0.001: bisection. */
export function highestLoad(
  how: Discipline,
  shape: Omit<WorkloadShape, "load">,
  pool: Omit<PoolShape, "slots"> = {},
): number {
  const p99MaxMs = (10 * (shape.meanMicros ?? 1000)) / 1000;
  let low = 0.05;
  let high = 0.999;
  while (high - low > 0.001) {
    const load = (low + high) / 2;
    if (p99Ms(how, { ...shape, load }, pool) <= p99MaxMs) low = load;
    else high = load;
  }
  return low;
}
