// The map side of `sort`: sorted runs, one each time that the memory budget is used up, and samples of the keys.
//
// A run is a window of the file, all in partition 0. The footer's extra part has the first key of each block, by
// which a range finds its blocks, and the samples (samples.ts).

import type { Push } from "../../plan/operator.ts";
import { pairOf } from "../../plan/pair.ts";
import type { ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { formOf, holdKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { BlockFileWriter } from "./block-file.ts";
import { ByteWriter } from "./bytes.ts";
import { keySize, recordBytes, sizeOf } from "./estimate.ts";
import { ownKey } from "./key-table.ts";
import { cutBlocks, tickEvery } from "./map-side.ts";
import { newLogs, sortedLogs } from "./record-log.ts";
import { runBlockBytes } from "./run-set.ts";
import { Sampler, samplesMaxFor, writeKeys, writeSamples } from "./samples.ts";

/** Longer first keys are left out of the index: such a block is read to see what it holds. */
const firstKeyLengthMax = 256;
/** Smaller than other blocks: a range reads all of the two blocks at its ends. */
const blockBytesMax = 128 << 10;

export function createSortWriter(spec: ShuffleSpec, file: string, host: TaskHost): ShuffleWriter {
  const blocks = new BlockFileWriter(file, spec, host.meter);
  const logs = newLogs();
  const sampler = new Sampler(samplesMaxFor(spec.partitions));
  const firstForms: KeyForm[] = [];
  const firstKeys: (HeldKey | undefined)[] = [];
  const blockBytes = Math.min(blockBytesMax, runBlockBytes(host.memoryBytes));
  let size = 0;
  let run = 0;
  let untilTick = tickEvery;

  const closeRun = (isLast: boolean): void => {
    for (const { form, keys, values } of sortedLogs(logs, spec.descending)) {
      cutBlocks(
        keys,
        values,
        (someKeys, someValues) => {
          const first = someKeys[0]!;
          firstForms.push(form);
          firstKeys.push(
            typeof first === "string" && first.length > firstKeyLengthMax ? undefined : ownKey(first),
          );
          blocks.add(0, run, form, someKeys, someValues, "values");
          host.tick();
        },
        blockBytes,
      );
    }
    for (const log of logs) log.clear();
    size = 0;
    run++;
    if (!isLast) blocks.flush(true);
  };
  const push: Push = (record) => {
    if (--untilTick === 0) {
      untilTick = tickEvery;
      host.tick();
    }
    const pair = pairOf(record, "sortByKey");
    const form = formOf(pair[0]);
    const key = holdKey(pair[0]);
    const value = pair[1];
    sampler.add(form, key);
    const log = logs[form];
    log.keys.push(ownKey(key));
    log.values.push(value);
    size += recordBytes + keySize(key) + (typeof value === "number" ? 0 : sizeOf(value));
    if (size >= host.memoryBytes) closeRun(false);
  };
  return {
    push,
    async finish() {
      closeRun(true);
      const extra = new ByteWriter(1 << 12);
      writeKeys(extra, firstForms, firstKeys);
      writeSamples(extra, sampler.samples);
      blocks.finish(extra.view());
    },
    async abort() {
      blocks.abort();
    },
  };
}
