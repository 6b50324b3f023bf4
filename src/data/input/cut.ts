// Cuts a list of files into splits: a function of the files alone, never of the number of slots, so that the output is
// the same bytes on one slot and on a hundred (DESIGN.md §7.1).

import { formatBytes } from "../../base/units.ts";
import type { Json } from "../../plan/nodes.ts";
import { noMounts, type MountTable } from "../../protocol/place.ts";
import { isUrl, placeOf, placeText } from "../../store/mounts.ts";
import type { Split, SplitSettings } from "../contract.ts";
import { showName, type FileRef } from "./file.ts";

const MiB = 2 ** 20;

/**
 * Size of a split for `inputBytes` of input: as many splits as MiB in each, so that small inputs use several cores and
 * large ones are not cut into crumbs, each of which would pass on its own partial results. 1 to 64 MiB.
 */
export const defaultSplitBytes = (inputBytes: number): number => {
  const splits = Math.max(1, Math.round(Math.sqrt(inputBytes / MiB)));
  return Math.min(64 * MiB, Math.max(MiB, Math.ceil(inputBytes / splits)));
};

/** Opening a file costs as much as reading some hundred KiB: very many small files are more than one split. */
const filesPerSplitMax = 4096;

/** Bytes [from, to) of a file. */
export interface Piece {
  readonly file: FileRef;
  readonly from: number;
  readonly to: number;
}

export const isWhole = ({ file, from, to }: Piece): boolean => from === 0 && to === file.size;

/** Packs consecutive small files together, and cuts larger ones where `canCut` says so into pieces of equal size. */
export function cutFiles(
  files: readonly FileRef[],
  splitBytes: number,
  canCut: (file: FileRef) => boolean,
): Piece[][] {
  const splits: Piece[][] = [];
  let pack: Piece[] = [];
  let packed = 0;
  const close = (): void => {
    if (pack.length > 0) splits.push(pack);
    pack = [];
    packed = 0;
  };
  for (const file of files) {
    if (file.size > splitBytes && canCut(file)) {
      close();
      const pieces = Math.ceil(file.size / splitBytes);
      const bound = (i: number): number => Math.floor((i * file.size) / pieces);
      for (let i = 0; i < pieces; i++) splits.push([{ file, from: bound(i), to: bound(i + 1) }]);
      continue;
    }
    if (packed + file.size > splitBytes || pack.length >= filesPerSplitMax) close();
    pack.push({ file, from: 0, to: file.size });
    packed += file.size;
  }
  close();
  return splits;
}

/** A split as it travels. Names are relative to `directory`, which is in each split once, as are mounts if it has objects. */
export function toSplit(
  pieces: readonly Piece[],
  { directory, mounts = noMounts }: Pick<SplitSettings, "directory" | "mounts">,
): Split {
  return {
    label: labelOf(pieces),
    bytes: pieces.reduce((sum, { from, to }) => sum + to - from, 0),
    data: {
      directory,
      ...(pieces.some(({ file }) => isMounted(file, directory)) ? { mounts: mounts as never } : {}),
      pieces: pieces.map(pieceData) as Json,
    },
  };
}

const isMounted = ({ name, path }: FileRef, directory: string): boolean =>
  placeText(placeOf(name, directory, noMounts)) !== path || isUrl(path);

type PieceData = readonly [
  name: string,
  size: number,
  mtimeMs: number,
  ino: number,
  from: number,
  to: number,
  ...etag: string[],
];

/** A piece as it travels: equal for a piece of a file that has not changed. */
export const pieceData = ({ file, from, to }: Piece): PieceData => [
  file.name,
  file.size,
  file.mtimeMs,
  file.ino,
  from,
  to,
  ...(file.object === undefined ? [] : [file.object.etag]),
];

interface SplitData {
  readonly directory: string;
  readonly mounts?: MountTable;
  readonly pieces: readonly PieceData[];
}

export function piecesOf(split: Pick<Split, "data">): Piece[] {
  const { directory, mounts = noMounts, pieces } = split.data as unknown as SplitData;
  return pieces.map(([name, size, mtimeMs, ino, from, to, etag]) => {
    const place = placeOf(name, directory, mounts);
    const file = { name, path: placeText(place), size, mtimeMs, ino };
    return { file: place.kind === "file" ? file : { ...file, object: { place, etag: etag! } }, from, to };
  });
}

function labelOf(pieces: readonly Piece[]): string {
  const first = pieces[0]!;
  const name = showName(first.file.name);
  if (pieces.length > 1) return `${pieces.length} files from ${name}`;
  return isWhole(first) ? name : `${name} ${formatBytes(first.from)} to ${formatBytes(first.to)}`;
}
