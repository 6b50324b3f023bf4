// What identifies the input of each map task, so that a later process knows whether a finished one still counts.
//
//   key    from what the file system says: names, range, size, time of writing, inode; of an object, its ETag. Cheap;
//          changes when a file is touched.
//   hash   of the contents, of splits of whole small files. Made in the background once a job has run for a while: what
//          took less time is done again sooner than hashed.

import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { isWhole, pieceData, piecesOf, type Piece } from "../../data/input/cut.ts";
import type { PreparedJob } from "../../protocol/run.ts";

type PreparedSplit = PreparedJob["splits"][number];

export function splitKey(split: PreparedSplit): string {
  const pieces = filePieces(split);
  const identity = pieces === null ? split.data : pieces.map(pieceData);
  return createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
}

/** Bytes of files of one split, and of all splits together, that are hashed. */
const splitBytesMax = 8 * 2 ** 20;
const allBytesMax = 64 * 2 ** 20;
const chunkBytes = 2 ** 20;

/** The hash of the split's contents, or null for one that is not hashed or not as it was. */
export async function splitHash(split: PreparedSplit): Promise<string | null> {
  if (!isHashable(split)) return null;
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (const piece of filePieces(split)!) if (!(await hashFile(piece, hash, buffer))) return null;
  return hash.digest("hex").slice(0, 32);
}

/** Hashes of the splits that are small, by their index, while `isWanted`. `known` are left out. */
export async function* splitHashes(
  splits: readonly PreparedSplit[],
  known: ReadonlyMap<number, string>,
  isWanted: () => boolean,
): AsyncGenerator<readonly [number, string]> {
  let bytes = 0;
  for (const [index, split] of splits.entries()) {
    if (!isWanted() || bytes >= allBytesMax) return;
    if (known.has(index) || !isHashable(split)) continue;
    bytes += split.bytes;
    const hash = await splitHash(split).catch(() => null); // unreadable: its task says so
    if (hash !== null) yield [index, hash];
  }
}

function isHashable(split: PreparedSplit): boolean {
  const pieces = filePieces(split);
  return (
    pieces !== null &&
    split.bytes <= splitBytesMax &&
    pieces.every((piece) => isWhole(piece) && piece.file.object === undefined)
  );
}

async function hashFile(
  { file: ref }: Piece,
  hash: ReturnType<typeof createHash>,
  buffer: Buffer,
): Promise<boolean> {
  const file = await open(ref.path, "r");
  try {
    hash.update(JSON.stringify([ref.name, ref.size]));
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      hash.update(buffer.subarray(0, bytesRead));
    }
    const { size, mtimeMs, ino } = await file.stat();
    return bytes === ref.size && size === ref.size && mtimeMs === ref.mtimeMs && ino === ref.ino;
  } finally {
    await file.close();
  }
}

/** The pieces of files of a split, or null for a source that reads none. */
function filePieces(split: PreparedSplit): Piece[] | null {
  const data = split.data as { pieces?: unknown } | null;
  return Array.isArray(data?.pieces) ? piecesOf(split as never) : null;
}
