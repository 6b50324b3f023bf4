// Lists of values by key, in the order in which they come.

import type { HeldKey } from "../keys/key.ts";
import type { Batch } from "./block.ts";
import { entryBytes, keySize, sizeOf } from "./estimate.ts";
import { KeyKeeper, ownKey, type KeyIndex, type KeyTable } from "./key-table.ts";

/** An array's own size. */
const listBytes = 48;

export class ListTable implements KeyTable {
  readonly index: KeyIndex;
  /** By place. */
  lists: unknown[][] = [];
  private readonly keeper = new KeyKeeper();
  /** Whether the values of batches are lists themselves, to be joined. */
  private readonly takesLists: boolean;

  constructor(index: KeyIndex, takesLists: boolean) {
    this.index = index;
    this.takesLists = takesLists;
  }

  /** Adds one value; returns by how many bytes the table grew, by estimate. */
  addOne(key: HeldKey, value: unknown): number {
    const size = 8 + (typeof value === "number" ? 0 : sizeOf(value));
    const place = this.index.find(key);
    if (place === undefined) return this.start(key, ownKey(key), [value]) + size;
    this.lists[place]!.push(value);
    return size;
  }

  add({ keys, values }: Batch): number {
    const { index, keeper, takesLists } = this;
    let grown = 0;
    keeper.begin();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const more = takesLists ? (values[i] as unknown[]) : [values[i]];
      for (const value of more) grown += 8 + (typeof value === "number" ? 0 : sizeOf(value));
      const place = index.find(key);
      if (place === undefined) {
        grown += this.start(key, keeper.keep(key), more);
      } else {
        const list = this.lists[place]!;
        for (const value of more) list.push(value);
      }
    }
    keeper.end(keys.length);
    return grown;
  }

  private start(key: HeldKey, kept: HeldKey, list: unknown[]): number {
    this.index.add(kept);
    this.lists.push(list);
    return entryBytes + listBytes + keySize(key);
  }

  at(place: number): unknown {
    return this.lists[place];
  }

  clear(): void {
    this.index.map.clear();
    this.lists = [];
  }
}
