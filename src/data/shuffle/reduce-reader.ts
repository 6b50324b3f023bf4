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
// Runs of a group hold lists, of a reduce too: one fold at first, then what is to be folded into it.
//
// The values of one key must fit into memory for `group`. meter.recordsIn counts partials: what the writers' recordsOut counted.

import { unreachable } from "../../base/assert.ts";
import type { UserFunction } from "../../plan/nodes.ts";
import type { Push } from "../../plan/operator.ts";
import type { MapOutput, RecordPosition, ShuffleReader, ShuffleSpec, TaskHost } from "../contract.ts";
import { printKey, userKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import type { ValueKind } from "./block.ts";
import { forEachBatch, openOutputs } from "./block-file-reader.ts";
import { CountTable } from "./count-table.ts";
import { FoldTable } from "./fold-table.ts";
import { sortedTables, tablesOf, type KeyTable, type KeyTables } from "./key-table.ts";
import { ListTable } from "./list-table.ts";
import { syncResult, tickEvery } from "./map-side.ts";
import type { Merge } from "./merge.ts";
import { RunSet } from "./run-set.ts";

/** How what belongs to a key is gathered. */
interface Gathering {
  readonly tables: KeyTables<KeyTable>;
  /** The tables after the first spill: from then on a key's partials may not be its first. */
  later(): KeyTables<KeyTable>;
  /** What runs hold: of a table, and of the tables after the first spill. */
  readonly kind: ValueKind;
  readonly laterKind: ValueKind;
  /** In the merge: what the first run that has a key holds of it, and then what each one after it does. */
  begin(held: unknown): unknown;
  next(state: unknown, held: unknown): unknown;
}

function gatheringOf(spec: ShuffleSpec): Gathering {
  switch (spec.how) {
    case "count": {
      const tables = tablesOf((index) => new CountTable(index));
      return {
        tables,
        later: () => tables,
        kind: "values",
        laterKind: "values",
        begin: (count) => count,
        next: (sum, count) => (sum as number) + (count as number),
      };
    }
    case "reduce":
      return folding(spec.fns[0]!);
    case "group": {
      const tables = tablesOf((index) => new ListTable(index, true));
      return {
        tables,
        later: () => tables,
        kind: "lists",
        laterKind: "lists",
        begin: (list) => list,
        next: joined,
      };
    }
    case "sort":
      throw new RangeError("a sort has no keys to gather");
    default:
      return unreachable(spec.how, "gatheringOf");
  }
}

function folding(fold: UserFunction): Gathering {
  const foldAll = (state: unknown, values: readonly unknown[], from: number): unknown => {
    for (let i = from; i < values.length; i++) state = syncResult(fold(state, values[i]));
    return state;
  };
  return {
    tables: tablesOf((index) => new FoldTable(index, fold)),
    later: () => tablesOf((index) => new ListTable(index, false)),
    kind: "singles",
    laterKind: "lists",
    begin: (list) => foldAll((list as unknown[])[0], list as unknown[], 1),
    next: (state, list) => foldAll(state, list as unknown[], 0),
  };
}

function joined(list: unknown, more: unknown): unknown {
  for (const value of more as unknown[]) (list as unknown[]).push(value);
  return list;
}

/** The key pushed last. */
interface Place {
  form: KeyForm;
  key: HeldKey;
}

export function createReduceReader(
  spec: ShuffleSpec,
  partition: number,
  inputs: readonly MapOutput[],
  scratch: string,
  host: TaskHost,
): ShuffleReader {
  const last: Place = { form: 0, key: "" };
  return {
    async read(push) {
      const outputs = openOutputs(inputs, spec, partition, host.meter);
      const gathering = gatheringOf(spec);
      const runs = new RunSet(scratch, `reduce-${partition}`, host, false);
      let { tables } = gathering;
      let size = 0;
      try {
        forEachBatch(outputs, host.meter, (batch) => {
          host.tick();
          size += tables[batch.form].add(batch);
          if (size > host.memoryBytes) {
            unload(tables, runs, runs.isEmpty ? gathering.kind : gathering.laterKind);
            tables = gathering.later();
            size = 0;
          }
        });
        if (runs.isEmpty) return await emitTables(tables, last, push, host);
        unload(tables, runs, gathering.laterKind);
        await emitMerged(runs.merge(), gathering, last, push, host);
      } finally {
        runs.close();
      }
    },
    async position(): Promise<RecordPosition> {
      return { file: null, unit: "key", at: printKey(userKey(last.form, last.key)) };
    },
  };
}

/** Writes the tables as a sorted run and empties them. */
function unload(tables: KeyTables<KeyTable>, runs: RunSet, kind: ValueKind): void {
  const run = runs.begin(kind);
  for (const { form, keys, places } of sortedTables(tables)) {
    const table = tables[form];
    for (let i = 0; i < keys.length; i++) run.add(form, keys[i]!, table.at(places[i]!));
  }
  run.end();
  for (const table of tables) table.clear();
}

async function emitTables(
  tables: KeyTables<KeyTable>,
  last: Place,
  push: Push,
  host: TaskHost,
): Promise<void> {
  let untilTick = tickEvery;
  for (const { form, keys, places } of sortedTables(tables)) {
    const table = tables[form];
    last.form = form;
    for (let i = 0; i < keys.length; i++) {
      if (--untilTick === 0) {
        untilTick = tickEvery;
        host.tick();
      }
      const key = keys[i]!;
      last.key = key;
      const waiting = push([userKey(form, key), table.at(places[i]!)]);
      if (waiting !== undefined) await waiting;
    }
  }
}

async function emitMerged(
  merge: Merge,
  gathering: Gathering,
  last: Place,
  push: Push,
  host: TaskHost,
): Promise<void> {
  let untilTick = tickEvery;
  let isMore = merge.advance();
  while (isMore) {
    const { form, key } = merge;
    let result = gathering.begin(merge.value);
    last.form = form;
    last.key = key;
    while ((isMore = merge.advance()) && merge.form === form && isSameKey(key, merge.key)) {
      result = gathering.next(result, merge.value);
      untilTick--;
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
