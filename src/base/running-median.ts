// The median of numbers that arrive one by one: two heaps, the lower half with its greatest on top, the upper half
// with its least on top. O(log n) to add, O(1) to ask. Numbers are never taken out.

export class RunningMedian {
  private readonly lower = new NumberHeap(-1);
  private readonly upper = new NumberHeap(1);

  get size(): number {
    return this.lower.size + this.upper.size;
  }

  add(value: number): void {
    if (this.lower.size === 0 || value <= this.lower.top) this.lower.push(value);
    else this.upper.push(value);
    if (this.lower.size > this.upper.size + 1) this.upper.push(this.lower.pop());
    else if (this.upper.size > this.lower.size) this.lower.push(this.upper.pop());
  }

  /** The middle number, of an even count the lower of the two; so always one of those that came. NaN if none came. */
  get median(): number {
    return this.lower.size === 0 ? NaN : this.lower.top;
  }
}

/** A binary heap of numbers: the least on top with sign 1, the greatest with sign -1. */
class NumberHeap {
  private readonly items: number[] = [];
  private readonly sign: 1 | -1;

  constructor(sign: 1 | -1) {
    this.sign = sign;
  }

  get size(): number {
    return this.items.length;
  }

  get top(): number {
    return this.items[0]! * this.sign;
  }

  push(value: number): void {
    const items = this.items;
    const key = value * this.sign;
    let hole = items.length;
    items.push(key);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (items[parent]! <= key) break;
      items[hole] = items[parent]!;
      hole = parent;
    }
    items[hole] = key;
  }

  pop(): number {
    const items = this.items;
    const top = items[0]!;
    const key = items.pop()!;
    const size = items.length;
    if (size === 0) return top * this.sign;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= key) break;
      items[hole] = items[child]!;
      hole = child;
    }
    items[hole] = key;
    return top * this.sign;
  }
}
