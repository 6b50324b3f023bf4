// How a worker serves blocks to another: the request, and the head of each answer. One request names several map
// outputs; the answers come in the order of the names, one after the other in one stream:
//
//   line of JSON: {"attempt":"t3.1","size":81920,"ranges":[[0,8],[4096,512],[16384,65536]]}
//   the bytes of the ranges, in order
//
// Of sorted runs a reader asks twice: for what is beside the blocks, and then for those that its range of keys needs.
//
// What is sent are pieces of the file as it was written, with their places in it: the reader puts them into a file of
// the same size, at the same places, and checks its checksums as it does those of its own (data/shuffle).

import type { AttemptId } from "../base/ids.ts";

export interface BlocksRequest {
  readonly run: string;
  /** Who asks; `token` is its right to. */
  readonly reader: AttemptId;
  readonly token: string;
  /** Whose outputs. At most `attemptsMax`. */
  readonly attempts: readonly AttemptId[];
  /** The partition that is wanted; null: only what is beside the blocks (samples, bounds, first keys). */
  readonly partition: number | null;
  /** Instead: these bytes of each, as its index tells. A range of a sort is no partition of the files that it is in. */
  readonly ranges?: Readonly<Record<AttemptId, Ranges>>;
}

/** Offset and length, ascending, without overlap. */
export type Ranges = readonly (readonly [number, number])[];

export type BlocksHead =
  | {
      readonly attempt: AttemptId;
      /** Of the whole file. */
      readonly size: number;
      readonly ranges: Ranges;
    }
  | { readonly attempt: AttemptId; readonly missing: string };

export const attemptsMax = 1000;
/** With ranges of each: so that a request stays small. */
export const rangedMax = 100;
export const headBytesMax = 1 << 24;

/**
 * The name that workers of a cluster have in common, in the certificate that `shoal cluster init` makes for them: so that one
 * is good for all of them, wherever they are.
 */
export const workersName = "worker.shoal.internal";
