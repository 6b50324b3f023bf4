// Merges sorted runs into one sequence. Records of equal keys come in the order of the runs, and within a run in its
// own order: the merge of runs that are stably sorted parts of a sequence is the stable sort of the whole.
//
// A binary heap of cursors, one for each run; a run's order among equal keys is its place in the list.

import { comparePlain, compareKeys } from "../keys/order.ts";
import { numberKey, textKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import type { Batch } from "./block.ts";

/** A sorted run, block by block. */
export interface RunSource {
  /** The next batch, never empty, or null at the end. */
  next(): Batch | null;
  close(): void;
}

interface Cursor {
  readonly order: number;
  readonly source: RunSource;
  batch: Batch;
  at: number;
  form: KeyForm;
  key: HeldKey;
}

/** Moves through the merged records: `advance()`, then `form`, `key`, `value`. */
export class Merge {
  form: KeyForm = textKey;
  key: HeldKey = "";
  value: unknown = undefined;
  private readonly heap: Cursor[] = [];
  private readonly sources: readonly RunSource[];
  private readonly sign: number;
  private isStarted = false;

  constructor(sources: readonly RunSource[], isDescending: boolean) {
    this.sources = sources;
    this.sign = isDescending ? -1 : 1;
  }

  /** False at the end. */
  advance(): boolean {
    const { heap } = this;
    if (!this.isStarted) this.start();
    else this.step();
    const top = heap[0];
    if (top === undefined) return false;
    this.form = top.form;
    this.key = top.key;
    this.value = top.batch.values[top.at];
    return true;
  }

  close(): void {
    for (const source of this.sources) source.close();
  }

  private start(): void {
    this.isStarted = true;
    this.sources.forEach((source, order) => {
      const batch = source.next();
      if (batch !== null) this.heap.push({ order, source, batch, at: 0, form: batch.form, key: batch.keys[0]! });
    });
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  /** Passes over the record at the top. */
  private step(): void {
    const top = this.heap[0];
    if (top === undefined) return;
    if (++top.at === top.batch.keys.length) {
      const batch = top.source.next();
      if (batch === null) {
        const last = this.heap.pop()!;
        if (last === top) return;
        this.heap[0] = last;
        this.sink(0);
        return;
      }
      top.batch = batch;
      top.at = 0;
      top.form = batch.form;
    }
    top.key = top.batch.keys[top.at]!;
    this.sink(0);
  }

  private sink(from: number): void {
    const { heap } = this;
    const moving = heap[from]!;
    let hole = from;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.isBefore(heap[child]!, moving)) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = moving;
  }

  private isBefore(a: Cursor, b: Cursor): boolean {
    let order: number;
    if (a.form !== b.form || a.form === numberKey || !a.batch.plain || !b.batch.plain) {
      order = compareKeys(a.form, a.key, b.form, b.key);
    } else {
      order = comparePlain(a.key as string, b.key as string);
    }
    return order === 0 ? a.order < b.order : order * this.sign < 0;
  }
}
