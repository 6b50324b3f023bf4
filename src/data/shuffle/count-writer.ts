// The map side of `count`: counts keys in a table, and writes [key, count] whenever the table is full.
//
// Sums of integers do not depend on their grouping, so the memory budget may decide when that is.

import type { Push } from "../../plan/operator.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey } from "../keys/key.ts";
import { entryBytes, keySize, windowBytes } from "./estimate.ts";
import { KeyTable, ownKey, ownText } from "./key-table.ts";
import { MapSide, tickEvery } from "./map-side.ts";

export interface Count {
  n: number;
}

export function createCountWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const table = new KeyTable<Count>();
  const { text } = table;
  const sizeMax = Math.min(host.memoryBytes, windowBytes);
  let size = 0;
  let untilTick = tickEvery;

  const closeWindow = (isLast: boolean): void => {
    table.forEachForm((form, keys, entries) => side.add(form, keys, entries.map(({ n }) => n)));
    table.clear();
    size = 0;
    side.closeWindow(isLast);
  };
  const grow = (bytes: number): void => {
    size += bytes + entryBytes;
    if (size >= sizeMax) closeWindow(false);
  };
  const pushOther = (record: unknown): void => {
    const form = formOf(record);
    const key = holdKey(record);
    const entry = table.get(form, key);
    if (entry !== undefined) {
      entry.n++;
      return;
    }
    table.set(form, ownKey(key), { n: 1 });
    grow(keySize(key));
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    if (typeof record !== "string") return pushOther(record);
    const entry = text.get(record);
    if (entry !== undefined) {
      entry.n++;
      return;
    }
    text.set(ownText(record), { n: 1 });
    grow(24 + record.length);
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
