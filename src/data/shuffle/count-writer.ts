// The map side of `count`: counts keys in a table, and writes [key, count] whenever the table is full.
//
// Sums of integers do not depend on their grouping, so the memory budget may decide when that is.

import type { Push } from "../../plan/operator.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey } from "../keys/key.ts";
import { CountTable } from "./count-table.ts";
import { entryBytes, keySize, windowBytes } from "./estimate.ts";
import { ownKey, ownText, tablesOf } from "./key-table.ts";
import { MapSide, tickEvery } from "./map-side.ts";

export function createCountWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const tables = tablesOf((index) => new CountTable(index));
  const texts = tables[0];
  const placesOfTexts = texts.index.map;
  let countsOfTexts = texts.counts;
  const sizeMax = Math.min(host.memoryBytes, windowBytes);
  let size = 0;
  let untilTick = tickEvery;

  const closeWindow = (isLast: boolean): void => {
    for (const { index, counts } of tables) {
      if (index.size > 0)
        side.add(index.form, index.keys(), Array.from(counts.subarray(0, index.size)), "values");
    }
    for (const table of tables) table.clear();
    size = 0;
    side.closeWindow(isLast);
  };
  const grow = (bytes: number): void => {
    size += bytes + entryBytes;
    if (size >= sizeMax) closeWindow(false);
  };
  const pushOther = (record: unknown): void => {
    const table = tables[formOf(record)];
    const key = holdKey(record);
    const place = table.index.find(key);
    if (place !== undefined) {
      table.counts[place]! += 1;
      return;
    }
    table.start(table.index.add(ownKey(key)), 1);
    grow(keySize(key));
  };
  // Called for every word of every text: a Map's lookup and an addition, and nothing else that matters.
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    if (typeof record !== "string") return pushOther(record);
    const place = placesOfTexts.get(record);
    if (place !== undefined) {
      countsOfTexts[place]! += 1;
      return;
    }
    texts.start(texts.index.add(ownText(record)), 1);
    countsOfTexts = texts.counts;
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
