// A set of small integers [0, capacity) that finds its next member at or after any place in O(log32 capacity), in
// capacity/8 bytes and a little more: a bitmap, over it a bitmap of its non-zero words, and so on up to one word.

export class IndexSet {
  readonly capacity: number;
  private count = 0;
  /** levels[0] has a bit per member, levels[n + 1] a bit per non-zero word of levels[n]. */
  private readonly levels: Uint32Array[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    let words = Math.max(1, Math.ceil(capacity / 32));
    this.levels.push(new Uint32Array(words));
    while (words > 1) {
      words = Math.ceil(words / 32);
      this.levels.push(new Uint32Array(words));
    }
  }

  get size(): number {
    return this.count;
  }

  has(index: number): boolean {
    return (this.levels[0]![index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  /** Adds; false if it was there already. */
  add(index: number): boolean {
    if (this.has(index)) return false;
    this.count++;
    let place = index;
    for (const level of this.levels) {
      const before = level[place >>> 5]!;
      level[place >>> 5] = before | (1 << (place & 31));
      if (before !== 0) break;
      place >>>= 5;
    }
    return true;
  }

  /** Adds all of [from, to). */
  addRange(from: number, to: number): void {
    for (let index = from; index < to; index++) this.add(index);
  }

  /** Removes; false if it was not there. */
  delete(index: number): boolean {
    if (!this.has(index)) return false;
    this.count--;
    let place = index;
    for (const level of this.levels) {
      const after = level[place >>> 5]! & ~(1 << (place & 31));
      level[place >>> 5] = after;
      if (after !== 0) break;
      place >>>= 5;
    }
    return true;
  }

  /** The least member at or after `from`, or -1. */
  nextFrom(from: number): number {
    let place = from;
    for (let height = 0; height < this.levels.length; height++) {
      const level = this.levels[height]!;
      const word = place >>> 5;
      if (word >= level.length) return -1;
      const bits = level[word]! & (-1 << (place & 31));
      if (bits !== 0) return this.descend(height, (word << 5) | lowestBit(bits));
      place = word + 1;
    }
    return -1;
  }

  private descend(height: number, found: number): number {
    let place = found;
    for (let below = height - 1; below >= 0; below--) {
      place = (place << 5) | lowestBit(this.levels[below]![place]!);
    }
    return place;
  }
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
