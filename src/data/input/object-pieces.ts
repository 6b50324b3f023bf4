// Objects are read, and kept on a machine's disk, in pieces of one size. Each has a name, the same on every machine: so
// a machine can be asked what it has of a split.

import type { Split } from "../contract.ts";
import { pieceDigest } from "../../store/objects/cache.ts";
import { piecesOf } from "./cut.ts";
import type { FileRef, ObjectRef } from "./file.ts";

export const pieceBytes = 2 ** 20;

/** Of the piece with that number, of an object of that size. */
export function pieceName({ place, etag }: ObjectRef, index: number, size: number): string {
  const { scheme, store, bucket, key } = place;
  const from = index * pieceBytes;
  return JSON.stringify([scheme, store.endpoint, bucket, key, etag, from, Math.min(size, from + pieceBytes)]);
}

/** A piece that a task reads: what its name is known by (ObjectCache.digests), and its length. */
export interface ReadPiece {
  readonly digest: number;
  readonly bytes: number;
}

/** Whether some of it may be in objects. Cheap. */
export const mayHaveObjects = ({ data }: { readonly data: unknown }): boolean =>
  (data as { readonly mounts?: unknown } | null)?.mounts !== undefined;

/** The pieces of objects that the split's bytes are in. None of what is in files. */
export function objectPieces(split: { readonly data: unknown }): ReadPiece[] {
  if (!mayHaveObjects(split)) return [];
  return piecesOf(split as Pick<Split, "data">).flatMap(({ file, from, to }) =>
    piecesBetween(file, from, to),
  );
}

function piecesBetween({ object, size }: FileRef, from: number, to: number): ReadPiece[] {
  if (object === undefined || to <= from) return [];
  const first = Math.floor(from / pieceBytes);
  const count = Math.ceil(to / pieceBytes) - first;
  return Array.from({ length: count }, (_, i) => ({
    digest: pieceDigest(pieceName(object, first + i, size)),
    bytes: Math.min(pieceBytes, size - (first + i) * pieceBytes),
  }));
}
