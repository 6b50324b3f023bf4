// The reduce side of `sort`: merges one range of keys out of all sorted runs of all map tasks.
//
// Equal keys come by map task, then by run, then as they are in the run: in input order. More runs than can be merged
// at a time are merged in passes, neighbours with neighbours, through spilled runs.

import type { MapOutput, Meter, RecordPosition, ShuffleReader, ShuffleSpec, TaskHost } from "../contract.ts";
import { printKey, userKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { compareKeys } from "../keys/order.ts";
import type { Batch } from "./block.ts";
import {
  guardOutput,
  openOutputs,
  openSource,
  readIndexed,
  type BlockSource,
  type OpenOutput,
} from "./block-file-reader.ts";
import { joined } from "./block-places.ts";
import { readRange, type Bound } from "./bounds.ts";
import { ByteReader, DamagedError } from "./bytes.ts";
import { tickEvery } from "./map-side.ts";
import { Merge, type RunSource } from "./merge.ts";
import { fanIn, RunSet } from "./run-set.ts";
import { readKeys } from "./samples.ts";

/** Compares in the direction of the sort. */
type Compare = (formA: KeyForm, a: HeldKey, formB: KeyForm, b: HeldKey) => number;

export interface SortRange {
  readonly from: Bound | null;
  readonly to: Bound | null;
}

export function createSortReader(
  spec: ShuffleSpec,
  partition: number,
  inputs: readonly MapOutput[],
  bounds: MapOutput,
  scratch: string,
  host: TaskHost,
): ShuffleReader {
  const state = { form: 0 as KeyForm, key: "" as HeldKey };
  const sign = spec.descending ? -1 : 1;
  const compare: Compare = (formA, a, formB, b) => compareKeys(formA, a, formB, b) * sign;
  return {
    async read(push) {
      const range = readRange(bounds, partition, spec);
      const outputs = openOutputs(inputs, spec, null, host.meter);
      const pieces = outputs.flatMap((output) => piecesOf(output, range, compare));
      const runs = new RunSet(scratch, `sort-${partition}`, host, spec.descending);
      let merge: Merge | null = null;
      try {
        if (pieces.length <= fanIn) {
          merge = mergeOf(pieces, range, compare, spec, host);
        } else {
          for (let i = 0; i < pieces.length; i += fanIn) {
            spillMerged(mergeOf(pieces.slice(i, i + fanIn), range, compare, spec, host), runs);
          }
          merge = runs.merge();
        }
        let untilTick = tickEvery;
        while (merge.advance()) {
          if (--untilTick === 0) {
            untilTick = tickEvery;
            host.tick();
          }
          state.form = merge.form;
          state.key = merge.key;
          const waiting = push([userKey(merge.form, merge.key), merge.value]);
          if (waiting !== undefined) await waiting;
        }
      } finally {
        merge?.close();
        runs.close();
      }
    },
    async position(): Promise<RecordPosition> {
      return { file: null, unit: "key", at: printKey(userKey(state.form, state.key)) };
    },
  };
}

/**
 * Where in the files of `inputs` the blocks are that the reader of that range will read: for whom they are elsewhere, and
 * what is beside the blocks is here. Offset and length, ascending.
 */
export function sortedPlaces(
  spec: ShuffleSpec,
  partition: number,
  inputs: readonly MapOutput[],
  bounds: MapOutput,
  meter: Meter,
): Map<string, [number, number][]> {
  const sign = spec.descending ? -1 : 1;
  const compare: Compare = (formA, a, formB, b) => compareKeys(formA, a, formB, b) * sign;
  const range = readRange(bounds, partition, spec);
  const places = new Map<string, [number, number][]>();
  for (const output of openOutputs(inputs, spec, null, meter)) {
    const { offsets, lengths } = output.index;
    const blocks = piecesOf(output, range, compare).flatMap(({ start, end }) =>
      offsets.slice(start, end).map((offset, i): [number, number] => [offset, lengths[start + i]!]),
    );
    places.set(output.output.attempt, joined(blocks.sort(([a], [b]) => a - b)));
  }
  return places;
}

/** The blocks of one run that may hold keys of the range: from `start` to `end`, as places in the index. */
interface Piece {
  readonly opened: OpenOutput;
  readonly start: number;
  readonly end: number;
  readonly firstForms: readonly KeyForm[];
  readonly firstKeys: readonly (HeldKey | undefined)[];
}

function piecesOf(opened: OpenOutput, { from, to }: SortRange, compare: Compare): Piece[] {
  const { index, extra, output } = opened;
  const { forms, keys } = guardOutput(output, () => readKeys(new ByteReader(extra)));
  const count = index.offsets.length;
  if (forms.length !== count)
    guardOutput(output, () => {
      throw new DamagedError(`${forms.length} first keys for ${count} blocks`);
    });
  const pieces: Piece[] = [];
  for (let i = 0; i < count;) {
    let end = i + 1;
    while (end < count && index.windows[end] === index.windows[i]) end++;
    let start = i;
    let last = end;
    for (let b = i; b < end; b++) {
      const key = keys[b];
      if (key === undefined) continue;
      if (from !== null && compare(forms[b]!, key, from.form, from.key) < 0) start = b;
      if (to !== null && compare(forms[b]!, key, to.form, to.key) >= 0) {
        last = b;
        break;
      }
    }
    if (start < last) pieces.push({ opened, start, end: last, firstForms: forms, firstKeys: keys });
    i = end;
  }
  return pieces;
}

/** A merge of pieces; each file is open once, from its first block to the end of its last piece. */
function mergeOf(
  pieces: readonly Piece[],
  range: SortRange,
  compare: Compare,
  spec: ShuffleSpec,
  host: TaskHost,
): Merge {
  const open = new Map<OpenOutput, { source: BlockSource; users: number }>();
  for (const { opened } of pieces) {
    const known = open.get(opened);
    if (known !== undefined) known.users++;
    else open.set(opened, { source: openSource(opened.output, host.meter), users: 1 });
  }
  const sources = pieces.map((piece): RunSource => {
    const shared = open.get(piece.opened)!;
    let isClosed = false;
    const close = (): void => {
      if (isClosed) return;
      isClosed = true;
      if (--shared.users === 0) shared.source.close();
    };
    return rangeSource(piece, range, compare, shared.source, close, host);
  });
  return new Merge(sources, spec.descending);
}

function rangeSource(
  piece: Piece,
  { from, to }: SortRange,
  compare: Compare,
  source: BlockSource,
  close: () => void,
  host: TaskHost,
): RunSource {
  let next = piece.start;
  const read = (): Batch | null => {
    while (next < piece.end) {
      host.tick();
      const batch = readIndexed(source, piece.opened.output, piece.opened.index, next++);
      const { form, keys, values } = batch;
      const first = from === null ? 0 : lowerBound(batch, from, compare);
      const last = to === null ? keys.length : lowerBound(batch, to, compare);
      if (last < keys.length) next = piece.end;
      host.meter.recordsIn += Math.max(0, last - first);
      if (first === 0 && last === keys.length) return batch;
      if (first < last)
        return { form, plain: batch.plain, keys: keys.slice(first, last), values: values.slice(first, last) };
    }
    close();
    return null;
  };
  return { next: read, close };
}

/** How many keys of the sorted batch come before `bound`. */
function lowerBound({ form, keys }: Batch, bound: Bound, compare: Compare): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(form, keys[middle]!, bound.form, bound.key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function spillMerged(merge: Merge, runs: RunSet): void {
  try {
    const run = runs.begin("values");
    while (merge.advance()) run.add(merge.form, merge.key, merge.value);
    run.end();
  } finally {
    merge.close();
  }
}
