// Opens what a split is made of, whatever it is: files as they are read, objects a few ahead of it.

import type { Meter, TaskHost } from "../contract.ts";
import type { Piece } from "./cut.ts";
import { LocalFile, type FileRef, type InputFile } from "./file.ts";
import { ObjectFile } from "./object-file.ts";

/** Bytes before `end` are wanted. INPUT_UNREADABLE, INPUT_NOT_A_FILE, INPUT_CHANGED. */
export const openInput = (ref: FileRef, meter: Meter, end: number, signal?: AbortSignal): InputFile =>
  ref.object === undefined
    ? LocalFile.open(ref, meter)
    : new ObjectFile(ref, ref.object, { meter, end, ...(signal === undefined ? {} : { signal }) });

/** Objects whose beginning is fetched while others are read: many small ones would be waited for one by one. */
const aheadMax = 8;

/** Each piece with its file, in order; `next` is told before a file is opened. Closes what it opened. */
export async function* openPieces(
  pieces: readonly Piece[],
  { meter, signal, tick }: TaskHost,
  next: (piece: Piece) => void = () => {},
): AsyncGenerator<{ readonly piece: Piece; readonly file: InputFile }> {
  const ahead = new Map<number, ObjectFile>();
  let current: InputFile | null = null;
  try {
    for (const [i, piece] of pieces.entries()) {
      tick();
      next(piece);
      for (let j = i; j < Math.min(pieces.length, i + aheadMax); j++) {
        const { file, from, to } = pieces[j]!;
        if (file.object === undefined || ahead.has(j)) continue;
        const opened = openInput(file, meter, to, signal) as ObjectFile;
        opened.fetch(from);
        ahead.set(j, opened);
      }
      current = ahead.get(i) ?? openInput(piece.file, meter, piece.to, signal);
      yield { piece, file: current };
      current.close();
      ahead.delete(i);
      current = null;
    }
  } finally {
    current?.close();
    for (const file of ahead.values()) file.close();
  }
}
