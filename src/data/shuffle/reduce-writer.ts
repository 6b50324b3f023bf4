// The map side of `reduce`: folds the values of each key in windows that depend on the records alone (estimate.ts),
// and writes [key, fold of a window].

import { pairOf } from "../../plan/pair.ts";
import type { Push } from "../../plan/operator.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey } from "../keys/key.ts";
import { windowBytes } from "./estimate.ts";
import { FoldTable } from "./fold-table.ts";
import { tablesOf } from "./key-table.ts";
import { MapSide, tickEvery } from "./map-side.ts";

export function createReduceWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const side = new MapSide(spec, file, host);
  const fold = spec.fns[0]!;
  const tables = tablesOf((index) => new FoldTable(index, fold));
  let size = 0;
  let untilTick = tickEvery;

  const closeWindow = (isLast: boolean): void => {
    for (const { index, values } of tables) {
      if (index.size > 0) side.add(index.form, index.keys(), values, "values");
    }
    for (const table of tables) table.clear();
    size = 0;
    side.closeWindow(isLast);
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const pair = pairOf(record, "reduceByKey");
    size += tables[formOf(pair[0])].addOne(holdKey(pair[0]), pair[1]);
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
