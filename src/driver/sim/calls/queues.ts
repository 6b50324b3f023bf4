// What a pool is measured against: queues without any cost. Times from arrival to end, in microseconds.
//
// Both are the recursion of the first-come-first-served queue (Lindley, 1952; with several servers, Kiefer and
// Wolfowitz, 1955): a call begins when it is there and the server is free, whichever is later.

import { below, type Rng } from "../../../base/rng.ts";
import type { Workload } from "./workload.ts";

/** One central queue: each call goes to the slot that is free first. The best that is possible without knowing the future. */
export function idealQueue({ arrivalMicros, serviceMicros }: Workload, slots: number): Float64Array {
  return responses(arrivalMicros, serviceMicros, slots, (freeAt) => {
    let first = 0;
    for (let slot = 1; slot < slots; slot++) if (freeAt[slot]! < freeAt[first]!) first = slot;
    return first;
  });
}

/** A queue for each slot, and each call in one of them at random. */
export function randomQueues(
  { arrivalMicros, serviceMicros }: Workload,
  slots: number,
  chances: Rng,
): Float64Array {
  return responses(arrivalMicros, serviceMicros, slots, () => below(chances, slots));
}

function responses(
  arrivals: Float64Array,
  services: Float64Array,
  slots: number,
  pick: (freeAt: Float64Array) => number,
): Float64Array {
  const freeAt = new Float64Array(slots);
  return arrivals.map((arrival, call) => {
    const slot = pick(freeAt);
    freeAt[slot] = Math.max(arrival, freeAt[slot]!) + services[call]!;
    return freeAt[slot]! - arrival;
  });
}
