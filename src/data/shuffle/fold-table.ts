// Folds by key: values of a key are folded one by one, from the left, as they come.

import type { UserFunction } from "../../plan/nodes.ts";
import type { Batch } from "./block.ts";
import { entryBytes, keySize, sizeOf } from "./estimate.ts";
import { KeyKeeper, ownKey, type KeyIndex, type KeyTable } from "./key-table.ts";
import { syncResult } from "./map-side.ts";
import type { HeldKey } from "../keys/key.ts";

export class FoldTable implements KeyTable {
  readonly index: KeyIndex;
  /** By place. Numbers lie in it without a box as long as all are numbers. */
  values: unknown[] = [];
  /** How often the value at a place was folded, and what it was last believed to hold. */
  private folds: number[] = [];
  private sizes: number[] = [];
  private readonly fold: UserFunction;
  private readonly keeper = new KeyKeeper();

  constructor(index: KeyIndex, fold: UserFunction) {
    this.index = index;
    this.fold = fold;
  }

  /** Adds one value; returns by how many bytes the table grew, by estimate. */
  addOne(key: HeldKey, value: unknown): number {
    const place = this.index.find(key);
    return place === undefined ? this.start(key, ownKey(key), value) : this.foldIn(place, value);
  }

  add({ keys, values }: Batch): number {
    const { index, keeper } = this;
    let grown = 0;
    keeper.begin();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const place = index.find(key);
      grown +=
        place === undefined ? this.start(key, keeper.keep(key), values[i]) : this.foldIn(place, values[i]);
    }
    keeper.end(keys.length);
    return grown;
  }

  private start(key: HeldKey, kept: HeldKey, value: unknown): number {
    const size = typeof value === "number" ? 0 : sizeOf(value);
    this.index.add(kept);
    this.values.push(value);
    this.folds.push(0);
    this.sizes.push(size);
    return entryBytes + keySize(key) + size;
  }

  private foldIn(place: number, value: unknown): number {
    const { fold } = this;
    const result = fold(this.values[place], value);
    if (typeof result === "number") {
      this.values[place] = result;
      return 0;
    }
    this.values[place] = syncResult(result);
    // Objects are measured at the 1st, 2nd, 4th, 8th … fold: enough to see them grow, cheap for those that do not.
    const folds = ++this.folds[place]!;
    if (typeof result === "object" && (folds & (folds - 1)) !== 0) return 0;
    const before = this.sizes[place]!;
    const size = sizeOf(result);
    this.sizes[place] = size;
    return size - before;
  }

  at(place: number): unknown {
    return this.values[place];
  }

  clear(): void {
    this.index.map.clear();
    this.values = [];
    this.folds = [];
    this.sizes = [];
  }
}
