// The map side of `group`. Without a combiner, records go out as they are; the memory budget may decide when. With
// one, the values of each key are combined in windows that depend on the records alone (estimate.ts).

import { isThenable, type Push } from "../../plan/operator.ts";
import { pairOf } from "../../plan/pair.ts";
import type { UserFunction } from "../../plan/nodes.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey, userKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { entryBytes, keySize, recordBytes, sizeOf, windowBytes } from "./estimate.ts";
import { KeyTable, ownKey } from "./key-table.ts";
import { MapSide, tickEvery } from "./map-side.ts";
import { newLogs } from "./record-log.ts";

export const createGroupWriter = (spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter =>
  spec.fns[0] === undefined ? createPlainWriter(spec, file, host) : createCombiner(spec, spec.fns[0], file, host);

function createPlainWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const logs = newLogs();
  const sizeMax = Math.min(host.memoryBytes, windowBytes);
  let size = 0;
  let untilTick = tickEvery;

  const closeWindow = (isLast: boolean): void => {
    for (const log of logs) {
      if (log.keys.length === 0) continue;
      side.add(log.form, log.keys, log.values);
      log.clear();
    }
    size = 0;
    side.closeWindow(isLast);
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const pair = pairOf(record, "groupByKey");
    const key = holdKey(pair[0]);
    const value = pair[1];
    const log = logs[formOf(pair[0])];
    log.keys.push(ownKey(key));
    log.values.push(value);
    size += recordBytes + keySize(key) + (typeof value === "number" ? 0 : sizeOf(value));
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

function createCombiner(spec: ShuffleSpec, combine: UserFunction, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const table = new KeyTable<unknown[]>();
  let size = 0;
  let untilTick = tickEvery;

  /** Combines key by key; waits only where the combiner returned a promise. */
  const combineFrom = (form: KeyForm, keys: readonly HeldKey[], values: unknown[], from: number): void | Promise<void> => {
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
    side.add(form, keys, values);
  };
  const closeWindow = (isLast: boolean): void | Promise<void> => {
    const steps: (() => void | Promise<void>)[] = [];
    table.forEachForm((form, keys, lists) => {
      steps.push(() => combineFrom(form, keys, lists as unknown[], 0));
    });
    steps.push(() => side.closeWindow(isLast));
    table.clear();
    size = 0;
    return inOrder(steps, 0);
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
    const values = table.get(form, key);
    if (values !== undefined) {
      values.push(value);
      size += 8;
    } else {
      table.set(form, ownKey(key), [value]);
      size += entryBytes + keySize(key);
    }
    if (typeof value !== "number") size += sizeOf(value);
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
