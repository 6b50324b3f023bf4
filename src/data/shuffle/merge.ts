// Merges sorted runs into one sequence. Records of equal keys come in the order of the runs, and within a run in its
// own order: the merge of runs that are stably sorted parts of a sequence is the stable sort of the whole.
//
// A tree of losers (Knuth, TAOCP 3, 5.4.1): each inner node holds the run that lost there, the top the winner. To
// move on, only the winner's way up is played again: one comparison for each doubling of the number of runs.

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
  /** Its place in the list of runs. */
  readonly order: number;
  readonly source: RunSource;
  batch: Batch;
  at: number;
  form: KeyForm;
  key: HeldKey;
  isAtEnd: boolean;
}

const nothing: Batch = { form: textKey, plain: true, keys: [], values: [] };

/** Moves through the merged records: `advance()`, then `form`, `key`, `value`. */
export class Merge {
  form: KeyForm = textKey;
  key: HeldKey = "";
  value: unknown = undefined;
  private readonly sources: readonly RunSource[];
  private readonly sign: number;
  private readonly cursors: Cursor[] = [];
  /** Node n has the children 2n and 2n + 1; those from cursors.length on are the cursors themselves. Node 0: the winner. */
  private readonly tree: Cursor[] = [];
  private isStarted = false;

  constructor(sources: readonly RunSource[], isDescending: boolean) {
    this.sources = sources;
    this.sign = isDescending ? -1 : 1;
  }

  /** False at the end. */
  advance(): boolean {
    if (this.isStarted) this.step();
    else this.start();
    const winner = this.tree[0];
    if (winner === undefined || winner.isAtEnd) return false;
    this.form = winner.form;
    this.key = winner.key;
    this.value = winner.batch.values[winner.at];
    return true;
  }

  close(): void {
    for (const source of this.sources) source.close();
  }

  private start(): void {
    this.isStarted = true;
    for (const [order, source] of this.sources.entries()) {
      const cursor: Cursor = { order, source, batch: nothing, at: 0, form: textKey, key: "", isAtEnd: false };
      nextBatch(cursor);
      this.cursors.push(cursor);
    }
    if (this.cursors.length > 0) this.tree[0] = this.play(1);
  }

  /** Plays all below `node`: leaves the losers there and returns the winner. */
  private play(node: number): Cursor {
    const { cursors, tree } = this;
    if (node >= cursors.length) return cursors[node - cursors.length]!;
    const a = this.play(2 * node);
    const b = this.play(2 * node + 1);
    const isFirst = this.isBefore(a, b);
    tree[node] = isFirst ? b : a;
    return isFirst ? a : b;
  }

  /** Passes over the winner's record and plays its way up again. */
  private step(): void {
    const { tree } = this;
    let winner = tree[0];
    if (winner === undefined || winner.isAtEnd) return;
    if (++winner.at < winner.batch.keys.length) winner.key = winner.batch.keys[winner.at]!;
    else nextBatch(winner);
    for (let node = (winner.order + this.cursors.length) >>> 1; node > 0; node >>>= 1) {
      const loser = tree[node]!;
      if (this.isBefore(loser, winner)) {
        tree[node] = winner;
        winner = loser;
      }
    }
    tree[0] = winner;
  }

  private isBefore(a: Cursor, b: Cursor): boolean {
    if (a.isAtEnd || b.isAtEnd) return b.isAtEnd && !a.isAtEnd;
    const isSimple = a.form === b.form && a.form !== numberKey && a.batch.plain && b.batch.plain;
    const order = isSimple
      ? comparePlain(a.key as string, b.key as string)
      : compareKeys(a.form, a.key, b.form, b.key);
    return order === 0 ? a.order < b.order : order * this.sign < 0;
  }
}

function nextBatch(cursor: Cursor): void {
  const batch = cursor.source.next();
  cursor.batch = batch ?? nothing;
  cursor.at = 0;
  cursor.isAtEnd = batch === null;
  if (batch === null) return;
  cursor.form = batch.form;
  cursor.key = batch.keys[0]!;
}
