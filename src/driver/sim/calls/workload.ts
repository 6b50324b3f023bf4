// Calls for a simulated pool: when each comes (open loop, Poisson) and how long each takes, from one seed.

import { rng, uniform, type Rng } from "../../../base/rng.ts";

/** How service times are spread about their mean. */
export type Service = keyof typeof draws;

export interface Workload {
  /** When each call comes, in order. */
  readonly arrivalMicros: Float64Array;
  /** How long each runs. */
  readonly serviceMicros: Float64Array;
}

export interface WorkloadShape {
  readonly service: Service;
  /** The mean of the service times. Default 1,000. */
  readonly meanMicros?: number;
  /** The share of the slots' time that the calls take: 0.85 is 85 %. */
  readonly load: number;
  readonly slots: number;
  readonly calls: number;
  readonly seed: number;
}

/** Equal seeds give the same calls for any load, only closer together: what differs is the load alone. */
export function workload({ service, meanMicros = 1000, load, slots, calls, seed }: WorkloadShape): Workload {
  const chances = rng(seed);
  const draw = draws[service];
  const gapMicros = meanMicros / (load * slots);
  const arrivalMicros = new Float64Array(calls);
  const serviceMicros = new Float64Array(calls);
  let at = 0;
  for (let call = 0; call < calls; call++) {
    at += gapMicros * exponential(chances);
    arrivalMicros[call] = at;
    serviceMicros[call] = meanMicros * draw(chances);
  }
  return { arrivalMicros, serviceMicros };
}

const exponential = (chances: Rng): number => -Math.log(1 - uniform(chances));

/** Service times of mean 1. */
const draws = {
  exponential,
  constant: () => 1,
  /** One in ten takes eleven times as long as the others. */
  bimodal: (chances: Rng) => (uniform(chances) < 0.9 ? 0.5 : 5.5),
  /** One in a thousand takes a thousand times as long as the others. */
  rare: (chances: Rng) => (uniform(chances) < 0.999 ? 0.5 : 500.5),
};

/** The `p`-quantile of `values` by nearest rank: quantile(response, 0.99) is the p99. */
export function quantile(values: Float64Array, p: number): number {
  const sorted = values.slice().sort();
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? NaN;
}
