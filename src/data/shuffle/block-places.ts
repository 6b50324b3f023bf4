// Where in a file of blocks the bytes are that the reader of one partition needs: for who sends them to another machine.
//
// Nothing is believed more than is needed to find them: what is sent is checked by its reader, like a file of its own.

import { closeSync, fstatSync, openSync } from "node:fs";
import { magic, trailerBytes, trailerMagic } from "./block-file.ts";
import { readIndex } from "./block-file-reader.ts";
import { ByteReader, DamagedError, readAt } from "./bytes.ts";

export interface BlockPlaces {
  readonly size: number;
  /** Offset and length, ascending, without overlap. */
  readonly ranges: readonly (readonly [number, number])[];
}

/**
 * The places of the blocks of `partition` (null: of none) and of what a reader needs beside them. A file that is none of
 * blocks, as one of bounds, is needed as a whole. Throws if it cannot be read, and DamagedError if it is not whole.
 */
export function blockPlaces(file: string, partition: number | null): BlockPlaces {
  const fd = openSync(file, "r");
  try {
    const { size } = fstatSync(fd);
    if (size < magic.length + trailerBytes || !readAt(fd, 0, magic.length).equals(magic)) {
      return { size, ranges: size === 0 ? [] : [[0, size]] };
    }
    const trailer = new ByteReader(readAt(fd, size - trailerBytes, trailerBytes));
    const footerAt = trailer.u64();
    const footerLength = trailer.u32();
    if (footerAt + footerLength + trailerBytes !== size || lastWord(fd, size) !== trailerMagic) {
      throw new DamagedError("its end is not that of a file of blocks");
    }
    const footer = new ByteReader(readAt(fd, footerAt, footerLength));
    footer.text(); // its name
    footer.text(); // how
    footer.varint(); // partitions
    const places: [number, number][] = [[0, magic.length]];
    if (partition !== null) {
      const { offsets, lengths } = readIndex(footer, partition);
      const blocks = offsets.map((offset, i): [number, number] => [offset, lengths[i]!]);
      places.push(...blocks.sort(([a], [b]) => a - b));
    }
    places.push([footerAt, size - footerAt]);
    return { size, ranges: joined(places) };
  } finally {
    closeSync(fd);
  }
}

const lastWord = (fd: number, size: number): number => readAt(fd, size - 4, 4).readUInt32LE(0);

/** Neighbours made one. */
export function joined(places: readonly (readonly [number, number])[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const [offset, length] of places) {
    const last = ranges.at(-1);
    if (last === undefined || last[0] + last[1] < offset) ranges.push([offset, length]);
    else last[1] = Math.max(last[1], offset + length - last[0]);
  }
  return ranges;
}
