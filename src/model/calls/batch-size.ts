// How many items of a map go into one call: as many as are expected to run for 50 ms, found out by growing.
//
// Owner of: the estimate. Pure.

const targetMicros = 50_000;
export const batchMax = 4096;
/** A batch is at most so many times the one before it: one quick item says little about the next thousand. */
const growthMax = 8;
const gain = 1 / 4;

export class BatchSize {
  private readonly fixed: number | null;
  private microsPerItem: number | null = null;
  private last = 1;

  constructor(fixed: number | null) {
    this.fixed = fixed;
  }

  /** For the next batch. */
  get size(): number {
    if (this.fixed !== null) return this.fixed;
    if (this.microsPerItem === null) return 1;
    const wanted = Math.floor(targetMicros / Math.max(this.microsPerItem, 0.001));
    return Math.max(1, Math.min(wanted, this.last * growthMax, batchMax));
  }

  learn(items: number, runMicros: number): void {
    if (items === 0) return;
    const taken = runMicros / items;
    this.microsPerItem =
      this.microsPerItem === null ? taken : this.microsPerItem + (taken - this.microsPerItem) * gain;
    this.last = Math.max(this.last, items);
  }
}
