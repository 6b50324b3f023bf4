// How long a call of a target is expected to take: an exponentially weighted mean of what its calls took, per item.
//
// Owner of: the estimates.

import type { DispatcherLimits, TargetNumber } from "./events.ts";

/** The weight of the newest. */
const gain = 1 / 8;
/** A quarter of an hour is as good as for ever. */
const longestMicros = 1_000_000_000;

export class Estimates {
  private readonly microsPerItem = new Map<TargetNumber, number>();
  private readonly unknownMicros: number;

  /** A target that was never called is taken to fill a slot: its first calls tell. */
  constructor({ heldMicros }: DispatcherLimits) {
    this.unknownMicros = heldMicros;
  }

  of(target: TargetNumber, items: number): number {
    const micros = this.microsPerItem.get(target);
    if (micros === undefined) return this.unknownMicros;
    // Whole ones, so that sums over what a slot holds do not drift; and not nothing, so that more is always more.
    return Math.max(1, Math.min(Math.ceil(micros * items), longestMicros));
  }

  learn(target: TargetNumber, items: number, micros: number): void {
    const taken = micros / items;
    const before = this.microsPerItem.get(target);
    this.microsPerItem.set(target, before === undefined ? taken : before + (taken - before) * gain);
  }
}
