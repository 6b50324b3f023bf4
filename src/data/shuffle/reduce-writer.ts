// The map side of `reduce`: folds the values of each key in windows that depend on the records alone (estimate.ts),
// and writes [key, fold of a window].

import { pairOf } from "../../plan/pair.ts";
import type { Push } from "../../plan/operator.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey } from "../keys/key.ts";
import { entryBytes, keySize, sizeOf, windowBytes } from "./estimate.ts";
import { KeyTable, ownKey } from "./key-table.ts";
import { MapSide, syncResult, tickEvery } from "./map-side.ts";

/** The fold of a key so far, and what it is believed to hold. */
export interface Fold {
  value: unknown;
  folds: number;
  size: number;
}

/** Folds `value` in; returns by how much the estimate of the entry's size grew. */
export function foldInto(entry: Fold, value: unknown, fold: (a: unknown, b: unknown) => unknown): number {
  const result = syncResult(fold(entry.value, value));
  entry.value = result;
  entry.folds++;
  if (typeof result === "number") return 0;
  // Objects are measured at the 1st, 2nd, 4th, 8th … fold: enough to see them grow, cheap for those that do not.
  if (typeof result === "object" && (entry.folds & (entry.folds - 1)) !== 0) return 0;
  const before = entry.size;
  entry.size = sizeOf(result);
  return entry.size - before;
}

export const newFold = (value: unknown): Fold => ({ value, folds: 0, size: typeof value === "number" ? 0 : sizeOf(value) });

export function createReduceWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const table = new KeyTable<Fold>();
  const fold = spec.fns[0]!;
  let size = 0;
  let untilTick = tickEvery;

  const closeWindow = (isLast: boolean): void => {
    table.forEachForm((form, keys, entries) => side.add(form, keys, entries.map(({ value }) => value)));
    table.clear();
    size = 0;
    side.closeWindow(isLast);
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const pair = pairOf(record, "reduceByKey");
    const form = formOf(pair[0]);
    const key = holdKey(pair[0]);
    const entry = table.get(form, key);
    if (entry !== undefined) {
      size += foldInto(entry, pair[1], fold);
    } else {
      const made = newFold(pair[1]);
      table.set(form, ownKey(key), made);
      size += entryBytes + keySize(key) + made.size;
    }
    if (size >= windowBytes) closeWindow(false);
  };
  return {
    push,
    async finish() {
      closeWindow(true);
      side.finish();
    },
    async abort() {
      side.abort();
    },
  };
}
