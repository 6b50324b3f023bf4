// The reduce side of `count`, `reduce` and `group`: one record for each key, in the order of the keys.
//
// Partials are gathered in a hash table in the order in which they come: map task by map task, window by window. When
// the table is full it is written out as a sorted run and begun anew; at the end the runs and the table are merged.
// What comes of a key is the same as without a spill:
//   count   sums of integers may be grouped as one likes
//   group   the lists of the runs, one after the other
//   reduce  the first run holds folds from the left, which may go on later; after it, partials are kept unfolded,
//           so that the merge folds them one by one in their order
//
// The values of one key must fit into memory for `group`, and for `reduce` what is left of them after the first run
// is read one by one. meter.recordsIn counts partials: what the writers' recordsOut counted.

import type { Push } from "../../plan/operator.ts";
import type { UserFunction } from "../../plan/nodes.ts";
import type { MapOutput, RecordPosition, ShuffleReader, ShuffleSpec, TaskHost } from "../contract.ts";
import { printKey, userKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import type { Batch } from "./block.ts";
import { forEachBatch, openOutputs } from "./block-file-reader.ts";
import type { Count } from "./count-writer.ts";
import { entryBytes, keySize, sizeOf } from "./estimate.ts";
import { KeyTable, ownKey } from "./key-table.ts";
import { syncResult, tickEvery } from "./map-side.ts";
import { Merge } from "./merge.ts";
import { foldInto, newFold, type Fold } from "./reduce-writer.ts";
import { RunSet } from "./run-set.ts";

/** How the partials of a key are gathered in the table, and later those of its runs. */
interface Gathering<E> {
  /** Adds a batch; returns by how much the table's estimated size grew. */
  add(table: KeyTable<E>, batch: Batch): number;
  /** What an entry is as records of a run: values, in order. */
  unload(entry: E): readonly unknown[];
  /** The result of an entry that never left the table. */
  result(entry: E): unknown;
  /** The result of the values of a key that were unloaded. */
  begin(value: unknown): unknown;
  next(state: unknown, value: unknown): unknown;
  /** Called after each spill: from now on a key's partials are not its first. */
  spilled?(): void;
}

export function createReduceReader(spec: ShuffleSpec, partition: number, inputs: readonly MapOutput[], scratch: string, host: TaskHost): ShuffleReader {
  const state = { form: 0 as KeyForm, key: "" as HeldKey };
  return {
    async read(push) {
      const outputs = openOutputs(inputs, spec, partition, host.meter);
      const gathering = gatheringOf(spec);
      const table = new KeyTable<unknown>();
      const runs = new RunSet(scratch, `reduce-${partition}`, host, false);
      let size = 0;
      try {
        forEachBatch(outputs, host.meter, (batch) => {
          host.tick();
          size += gathering.add(table, batch);
          if (size > host.memoryBytes) {
            unload(table, gathering, runs);
            gathering.spilled?.();
            size = 0;
          }
        });
        if (runs.isEmpty) return await emitTable(table, gathering, state, push, host);
        unload(table, gathering, runs);
        await emitMerged(runs.merge(), gathering, state, push, host);
      } finally {
        runs.close();
      }
    },
    async position(): Promise<RecordPosition> {
      return { file: null, unit: "key", at: printKey(userKey(state.form, state.key)) };
    },
  };
}

const gatheringOf = (spec: ShuffleSpec): Gathering<unknown> =>
  (spec.how === "count" ? counting : spec.how === "reduce" ? folding(spec.fns[0]!) : listing()) as Gathering<unknown>;

export const counting: Gathering<Count> = {
  add(table, { form, keys, values }) {
    let grown = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const entry = table.get(form, key);
      if (entry !== undefined) {
        entry.n += values[i] as number;
      } else {
        table.set(form, ownKey(key), { n: values[i] as number });
        grown += entryBytes + keySize(key);
      }
    }
    return grown;
  },
  unload: ({ n }) => [n],
  result: ({ n }) => n,
  begin: (value) => value,
  next: (state, value) => (state as number) + (value as number),
};

/** Entries are folds until the first spill, then lists of partials. */
function folding(fold: UserFunction): Gathering<Fold | unknown[]> {
  let isFirst = true;
  const lists = listing();
  return {
    add(table, batch) {
      if (!isFirst) return lists.add(table as KeyTable<unknown[]>, batch);
      const { form, keys, values } = batch;
      const folds = table as KeyTable<Fold>;
      let grown = 0;
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]!;
        const entry = folds.get(form, key);
        if (entry !== undefined) {
          grown += foldInto(entry, values[i], fold);
        } else {
          const made = newFold(values[i]);
          folds.set(form, ownKey(key), made);
          grown += entryBytes + keySize(key) + made.size;
        }
      }
      return grown;
    },
    unload: (entry) => (isFirst ? [(entry as Fold).value] : (entry as unknown[])),
    result: (entry) => (entry as Fold).value,
    begin: (value) => value,
    next: (state, value) => syncResult(fold(state, value)),
    spilled() {
      isFirst = false;
    },
  };
}

function listing(): Gathering<unknown[]> {
  return {
    add(table, { form, keys, values }) {
      let grown = 0;
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]!;
        const value = values[i];
        const list = table.get(form, key);
        if (list !== undefined) {
          list.push(value);
          grown += 8;
        } else {
          table.set(form, ownKey(key), [value]);
          grown += entryBytes + 32 + keySize(key);
        }
        if (typeof value !== "number") grown += sizeOf(value);
      }
      return grown;
    },
    unload: (list) => list,
    result: (list) => list,
    begin: (value) => [value],
    next(state, value) {
      (state as unknown[]).push(value);
      return state;
    },
  };
}

/** Writes the table as a sorted run and empties it. */
function unload(table: KeyTable<unknown>, gathering: Gathering<unknown>, runs: RunSet): void {
  const run = runs.begin();
  for (const { form, keys } of table.sorted()) {
    for (const key of keys) {
      for (const value of gathering.unload(table.get(form, key))) run.add(form, key, value);
    }
  }
  run.end();
  table.clear();
}

async function emitTable(table: KeyTable<unknown>, gathering: Gathering<unknown>,
  state: { form: KeyForm; key: HeldKey }, push: Push, host: TaskHost): Promise<void> {
  let untilTick = tickEvery;
  for (const { form, keys } of table.sorted()) {
    for (const key of keys) {
      if (--untilTick === 0) {
        untilTick = tickEvery;
        host.tick();
      }
      state.form = form;
      state.key = key;
      const waiting = push([userKey(form, key), gathering.result(table.get(form, key))]);
      if (waiting !== undefined) await waiting;
    }
  }
}

async function emitMerged(merge: Merge, gathering: Gathering<unknown>, state: { form: KeyForm; key: HeldKey }, push: Push, host: TaskHost): Promise<void> {
  let untilTick = tickEvery;
  let isMore = merge.advance();
  while (isMore) {
    const { form, key } = merge;
    let result = gathering.begin(merge.value);
    state.form = form;
    state.key = key;
    while ((isMore = merge.advance()) && merge.form === form && isSameKey(key, merge.key)) {
      result = gathering.next(result, merge.value);
      if (--untilTick === 0) {
        untilTick = tickEvery;
        host.tick();
      }
    }
    if (--untilTick <= 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const waiting = push([userKey(form, key), result]);
    if (waiting !== undefined) await waiting;
  }
}

/** For keys of one form: 0 and -0 are two, NaN is one. */
const isSameKey = (a: HeldKey, b: HeldKey): boolean => (typeof a === "string" ? a === b : Object.is(a, b));
