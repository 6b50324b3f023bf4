// The map side of `group`: writes [key, values], a list. Without a combiner it does not matter which values go out
// together, and the memory budget may decide. With one, the values of each key are combined in windows that depend on
// the records alone (estimate.ts), and the list has the one combined value.

import { isThenable, type Push } from "../../plan/operator.ts";
import { pairOf } from "../../plan/pair.ts";
import type { UserFunction } from "../../plan/nodes.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey, userKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { keySize, recordBytes, sizeOf, windowBytes } from "./estimate.ts";
import { ownKey, tablesOf } from "./key-table.ts";
import { ListTable } from "./list-table.ts";
import { MapSide, tickEvery } from "./map-side.ts";
import { newLogs } from "./record-log.ts";

export const createGroupWriter = (spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter =>
  spec.fns[0] === undefined
    ? createPlainWriter(spec, file, host)
    : createCombiner(spec, spec.fns[0], file, host);

/** After this many records of a task it is decided whether keys repeat enough to be gathered. */
const trialRecords = 8192;
/** They do if no more than this share of the records brings a new key. */
const newShareMax = 0.7;

/**
 * Without a combiner. Values of a key are gathered in a table, and the key goes out once for all of them. If hardly
 * any key repeats, that is a detour: then records go out as they come. Both are the same to the reduce side.
 */
function createPlainWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const tables = tablesOf((index) => new ListTable(index, false));
  const logs = newLogs();
  const sizeMax = Math.min(host.memoryBytes, windowBytes);
  let isGathering = true;
  let untilDecided = trialRecords;
  let size = 0;
  let untilTick = tickEvery;

  const closeWindow = (isLast: boolean): void => {
    for (const { index, lists } of tables)
      if (index.size > 0) side.add(index.form, index.keys(), lists, "lists");
    for (const table of tables) table.clear();
    for (const log of logs) if (log.keys.length > 0) side.add(log.form, log.keys, log.values, "singles");
    for (const log of logs) log.clear();
    size = 0;
    side.closeWindow(isLast);
  };
  const decide = (): void => {
    isGathering =
      tables[0].index.size + tables[1].index.size + tables[2].index.size <= trialRecords * newShareMax;
    if (!isGathering) closeWindow(false); // what was gathered comes before what is logged
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const pair = pairOf(record, "groupByKey");
    const form = formOf(pair[0]);
    const key = holdKey(pair[0]);
    const value = pair[1];
    if (isGathering) {
      size += tables[form].addOne(key, value);
      if (--untilDecided === 0) decide();
    } else {
      logs[form].keys.push(ownKey(key));
      logs[form].values.push(value);
      size += recordBytes + keySize(key) + (typeof value === "number" ? 0 : sizeOf(value));
    }
    if (size >= sizeMax) closeWindow(false);
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

function createCombiner(
  spec: ShuffleSpec,
  combine: UserFunction,
  file: string,
  host: TaskHost,
): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const tables = tablesOf((index) => new ListTable(index, false));
  let size = 0;
  let untilTick = tickEvery;

  /** Combines key by key; waits only where the combiner returned a promise. */
  const combineFrom = (
    form: KeyForm,
    keys: readonly HeldKey[],
    values: unknown[],
    from: number,
  ): void | Promise<void> => {
    for (let i = from; i < keys.length; i++) {
      const combined = combine(userKey(form, keys[i]!), values[i]);
      if (typeof combined === "object" && isThenable(combined)) {
        return Promise.resolve(combined).then((value) => {
          values[i] = value;
          return combineFrom(form, keys, values, i + 1);
        });
      }
      values[i] = combined;
    }
    if (keys.length > 0) side.add(form, keys, values, "singles");
  };
  const closeWindow = (isLast: boolean): void | Promise<void> => {
    const steps = tables.map(({ index, lists }) => {
      const keys = index.keys();
      return () => combineFrom(index.form, keys, lists, 0);
    });
    for (const table of tables) table.clear();
    size = 0;
    return inOrder([...steps, () => side.closeWindow(isLast)], 0);
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const pair = pairOf(record, "groupByKey");
    size += tables[formOf(pair[0])].addOne(holdKey(pair[0]), pair[1]);
    if (size >= windowBytes) return closeWindow(false);
  };
  return {
    push,
    async finish() {
      await closeWindow(true);
      side.finish();
    },
    async abort() {
      side.abort();
    },
  };
}

/** Runs the steps one after the other; waits only where one returned a promise. */
function inOrder(steps: readonly (() => void | Promise<void>)[], from: number): void | Promise<void> {
  for (let i = from; i < steps.length; i++) {
    const waiting = steps[i]!();
    if (waiting !== undefined) return waiting.then(() => inOrder(steps, i + 1));
  }
}
