// Hash tables by key. A key has a place, 0, 1, 2 … in the order in which keys came, and what is gathered under it is
// at that place of an array: numbers lie side by side, without an object each. One table for each form of keys.
//
// Owner of: which key has which place. What is at the places belongs to count-table.ts, fold-table.ts, list-table.ts.

import {
  codedKey,
  fromMapKey,
  numberKey,
  textKey,
  toMapKey,
  type HeldKey,
  type KeyForm,
} from "../keys/key.ts";
import { sortedSections, type KeySection } from "../keys/sections.ts";
import type { Batch } from "./block.ts";

export class KeyIndex {
  readonly form: KeyForm;
  /** For hot paths on texts; others go through find and add. Numbers are under toMapKey. */
  readonly map = new Map<unknown, number>();

  constructor(form: KeyForm) {
    this.form = form;
  }

  get size(): number {
    return this.map.size;
  }

  find(key: HeldKey): number | undefined {
    return this.map.get(this.form === numberKey ? toMapKey(key as number) : key);
  }

  /** `key` must be new, and its own (ownKey). Returns its place. */
  add(key: HeldKey): number {
    const place = this.map.size;
    this.map.set(this.form === numberKey ? toMapKey(key as number) : key, place);
    return place;
  }

  /** By place. */
  keys(): HeldKey[] {
    const keys = [...this.map.keys()] as HeldKey[];
    return this.form === numberKey ? (keys as number[]).map(fromMapKey) : keys;
  }
}

/** What is gathered under keys of one form. */
export interface KeyTable {
  readonly index: KeyIndex;
  /** Adds partials, in their order; returns by how many bytes the table grew, by estimate. */
  add(batch: Batch): number;
  /** What is at a place: a count, a fold, a list. */
  at(place: number): unknown;
  clear(): void;
}

/** A table for each form, by its number. */
export type KeyTables<T extends KeyTable> = readonly [T, T, T];

export const tablesOf = <T extends KeyTable>(make: (index: KeyIndex) => T): KeyTables<T> => [
  make(new KeyIndex(textKey)),
  make(new KeyIndex(numberKey)),
  make(new KeyIndex(codedKey)),
];

/** All keys of the tables in order, with their places. */
export const sortedTables = (tables: KeyTables<KeyTable>): KeySection[] =>
  sortedSections([tables[0].index.keys(), tables[1].index.keys(), tables[2].index.keys()], false);

/** A string that stands on its own: one that was cut from a larger one keeps all of that in memory (V8, 13 characters up). */
export const ownText = (text: string): string => (text.length < 13 ? text : ` ${text}`.slice(1));

/** `key`, fit to be kept. */
export const ownKey = (key: HeldKey): HeldKey => (typeof key === "string" ? ownText(key) : key);

/**
 * Decides whether new keys of a batch are copied before they are kept. Its keys are cut from one large string: worth
 * keeping as a whole when most of them are new; judged by the batch before.
 */
export class KeyKeeper {
  private areMostNew = true;
  private added = 0;

  begin(): void {
    this.added = 0;
  }

  keep(key: HeldKey): HeldKey {
    this.added++;
    return this.areMostNew ? key : ownKey(key);
  }

  end(count: number): void {
    this.areMostNew = this.added * 2 > count;
  }
}
