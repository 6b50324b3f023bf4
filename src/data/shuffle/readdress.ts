// A finished file of blocks under another name: when the input has changed, a map task that is not done again may have
// another number. The file knows its own name (block-file.ts), so its footer is written anew.

import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import { trailerBytes, trailerMagic } from "./block-file.ts";
import { ByteReader, ByteWriter, DamagedError, readAt } from "./bytes.ts";

/**
 * Gives the blocks of `file`, which was renamed, its new name. Returns its size, which may be another. Throws if it is no
 * whole file of blocks; cut short, it is one that its reader finds damaged.
 */
export function readdressBlocks(file: string): number {
  const fd = openSync(file, "r+");
  try {
    const { size } = fstatSync(fd);
    const trailer = new ByteReader(readAt(fd, size - trailerBytes, trailerBytes));
    const offset = trailer.u64();
    const length = trailer.u32();
    const sum = trailer.u32();
    if (offset + length + trailerBytes !== size)
      throw new DamagedError("its trailer does not fit its length");
    const footer = readAt(fd, offset, length);
    if (crc32(footer) !== sum) throw new DamagedError("the checksum of its footer is wrong");
    const from = new ByteReader(footer);
    from.text();
    const out = new ByteWriter();
    out.text(basename(file));
    out.bytes(footer.subarray(from.at));
    const footerLength = out.length;
    out.u64(offset);
    out.u32(footerLength);
    out.u32(crc32(out.buffer.subarray(0, footerLength)));
    out.u64(offset + footerLength + trailerBytes);
    out.u32(crc32(out.view(footerLength)));
    out.u32(trailerMagic);
    ftruncateSync(fd, offset);
    const bytes = out.view();
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
    return offset + out.length;
  } finally {
    closeSync(fd);
  }
}
