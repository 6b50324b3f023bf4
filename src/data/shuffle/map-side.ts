// What the writers of a map task share: the records of a window go out, partition by partition, as blocks.

import { isThenable } from "../../plan/operator.ts";
import { ShoalError } from "../../errors.ts";
import type { ShuffleSpec, TaskHost } from "../contract.ts";
import { partitionOf } from "../keys/hash.ts";
import type { HeldKey, KeyForm } from "../keys/key.ts";
import { blockRecordsMax, type ValueKind } from "./block.ts";
import { BlockFileWriter } from "./block-file.ts";
import { blockBytes, keySize, sizeOf, windowBytes } from "./estimate.ts";

/** Records between two calls of host.tick(). */
export const tickEvery = 4096;

const noExtra = Buffer.alloc(0);

export class MapSide {
  readonly blocks: BlockFileWriter;
  readonly host: TaskHost;
  private readonly partitions: number;
  private window = 0;

  constructor(spec: ShuffleSpec, file: string, host: TaskHost) {
    this.blocks = new BlockFileWriter(file, spec, host.meter);
    this.host = host;
    this.partitions = spec.partitions;
  }

  /** Adds records of the current window, keys of one form: to each partition its own, in their order. */
  add(form: KeyForm, keys: readonly HeldKey[], values: readonly unknown[], kind: ValueKind): void {
    const { partitions } = this;
    if (partitions === 1) {
      this.addTo(0, form, keys, values, kind);
      return;
    }
    const partKeys = Array.from({ length: partitions }, (): HeldKey[] => []);
    const partValues = Array.from({ length: partitions }, (): unknown[] => []);
    for (let i = 0; i < keys.length; i++) {
      const partition = partitionOf(form, keys[i]!, partitions);
      partKeys[partition]!.push(keys[i]!);
      partValues[partition]!.push(values[i]);
    }
    for (let p = 0; p < partitions; p++) {
      if (partKeys[p]!.length > 0) this.addTo(p, form, partKeys[p]!, partValues[p]!, kind);
    }
  }

  private addTo(
    partition: number,
    form: KeyForm,
    keys: readonly HeldKey[],
    values: readonly unknown[],
    kind: ValueKind,
  ): void {
    cutBlocks(keys, values, (someKeys, someValues) =>
      this.blocks.add(partition, this.window, form, someKeys, someValues, kind),
    );
  }

  /** The window is complete. What is encoded stays in memory as long as the budget allows. */
  closeWindow(isLast: boolean): void {
    this.window++;
    if (!isLast && this.blocks.pendingBytes > this.host.memoryBytes - windowBytes) this.blocks.flush(true);
    this.host.tick();
  }

  finish(): void {
    this.blocks.finish(noExtra);
  }

  abort(): void {
    this.blocks.abort();
  }
}

/** Cuts records into blocks: about blockBytes each, or one record. A function of the records alone. */
export function cutBlocks(
  keys: readonly HeldKey[],
  values: readonly unknown[],
  add: (keys: readonly HeldKey[], values: readonly unknown[]) => void,
  bytesMax = blockBytes,
): void {
  let from = 0;
  let size = 0;
  for (let i = 0; i < keys.length; i++) {
    const value = values[i];
    const more = 16 + keySize(keys[i]!) + (typeof value === "number" ? 0 : sizeOf(value));
    if (i > from && (size + more > bytesMax || i - from >= blockRecordsMax)) {
      add(keys.slice(from, i), values.slice(from, i));
      from = i;
      size = 0;
    }
    size += more;
  }
  if (from === 0) add(keys, values);
  else add(keys.slice(from), values.slice(from));
}

/** What a fold returned. Folds are synchronous: between two of them nothing else may happen to their arguments. */
export function syncResult(result: unknown): unknown {
  if (typeof result !== "object" || !isThenable(result)) return result;
  Promise.resolve(result).catch(() => {}); // the message below is the one that helps
  throw new ShoalError(
    "RECORD_INVALID",
    "the function of reduceByKey() returned a promise; it must return the folded value itself",
    {
      hint: "Await in a map() before it, or collect the values with groupByKey() and await in a map() after it.",
    },
  );
}
