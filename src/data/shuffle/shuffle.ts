// The shuffle: how records get from the tasks of one stage to those of the next, sorted by key. The two ends and the
// choice of a sort's ranges; what they are is in contract.ts, and how each kind works in its own file.
//
//   map side      count-writer · reduce-writer · group-writer · sort-writer   →  block-file
//   reduce side   reduce-reader (count, reduce, group) · sort-reader          ←  block-file-reader, run-set, merge

import { basename } from "node:path";
import { unreachable } from "../../base/assert.ts";
import type { MapOutput, ShuffleReader, ShuffleSpec, ShuffleWriter, TaskHost } from "../contract.ts";
import { createCountWriter } from "./count-writer.ts";
import { createGroupWriter } from "./group-writer.ts";
import { createReduceReader } from "./reduce-reader.ts";
import { createReduceWriter } from "./reduce-writer.ts";
import { createSortReader } from "./sort-reader.ts";
import { createSortWriter } from "./sort-writer.ts";

export { chooseBounds } from "./bounds.ts";
export { sortedPlaces } from "./sort-reader.ts";

/** Opens the file that one map attempt writes. Its base name is written into it, and checked when it is read. */
export function createShuffleWriter(
  spec: ShuffleSpec,
  file: string,
  _scratch: string,
  host: TaskHost,
): ShuffleWriter {
  switch (spec.how) {
    case "count":
      return createCountWriter(spec, file, host);
    case "reduce":
      return createReduceWriter(spec, file, host);
    case "group":
      return createGroupWriter(spec, file, host);
    case "sort":
      return createSortWriter(spec, file, host);
    default:
      return unreachable(spec.how, "createShuffleWriter");
  }
}

/**
 * Reads one partition: of a sort, the range between `bounds`, the file that chooseBounds wrote (given with the name
 * of its attempt, that one is named when it is lost; else it is taken from the file's name).
 */
export function createShuffleReader(
  spec: ShuffleSpec,
  partition: number,
  inputs: readonly MapOutput[],
  bounds: string | MapOutput | null,
  scratch: string,
  host: TaskHost,
): ShuffleReader {
  if (spec.how !== "sort") return createReduceReader(spec, partition, inputs, scratch, host);
  if (bounds === null) throw new RangeError("a sort is read with the bounds of its ranges");
  const output =
    typeof bounds === "string"
      ? { file: bounds, attempt: /t\d+\.\d+/.exec(basename(bounds))?.[0] ?? "" }
      : bounds;
  return createSortReader(spec, partition, inputs, output, scratch, host);
}
