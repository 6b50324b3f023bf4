// Counts by key.

import { textKey } from "../keys/key.ts";
import type { Batch } from "./block.ts";
import { entryBytes, keySize } from "./estimate.ts";
import { KeyKeeper, type KeyIndex, type KeyTable } from "./key-table.ts";

export class CountTable implements KeyTable {
  readonly index: KeyIndex;
  /** By place. Replaced when it grows. */
  counts = new Float64Array(256);
  private readonly keeper = new KeyKeeper();

  constructor(index: KeyIndex) {
    this.index = index;
  }

  /** Sets the count at a new place. */
  start(place: number, count: number): void {
    if (place === this.counts.length) {
      const grown = new Float64Array(place * 2);
      grown.set(this.counts);
      this.counts = grown;
    }
    this.counts[place] = count;
  }

  add({ form, keys, values }: Batch): number {
    const { index, keeper } = this;
    const { map } = index;
    let grown = 0;
    keeper.begin();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const place = form === textKey ? map.get(key) : index.find(key);
      if (place !== undefined) {
        this.counts[place]! += values[i] as number;
      } else {
        this.start(index.add(keeper.keep(key)), values[i] as number);
        grown += entryBytes + keySize(key);
      }
    }
    keeper.end(keys.length);
    return grown;
  }

  at(place: number): unknown {
    return this.counts[place];
  }

  clear(): void {
    this.index.map.clear();
  }
}
