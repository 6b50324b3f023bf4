// The file of blocks that a map task writes: blocks in the order in which they were made, then an index of them.
//
//   magic and version (8) │ block │ block │ … │ footer │ trailer (32)
//   footer   name of the file · how · partitions · index · extra (a sort's samples)
//   index    a directory; for each partition that has blocks their offsets, lengths, records, windows, in write order
//   trailer  offset of the footer u64 · its length u32 · its crc32 u32 · length of the file u64 · crc32 of this u32 · magic
//
// The file knows its own name (it holds the attempt's), so that a file in the place of another is found out. It is
// not made durable: a map output that does not survive is made anew.
//
// Owner of: blocks that were encoded and not yet written. `flush` is where the memory budget makes them go.

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import { formatBytes } from "../../base/units.ts";
import { ShoalError } from "../../errors.ts";
import type { Meter, ShuffleSpec } from "../contract.ts";
import type { HeldKey, KeyForm } from "../keys/key.ts";
import { writeBlock, type ValueKind } from "./block.ts";
import { ByteWriter } from "./bytes.ts";

export const magic = Buffer.from("shoalb\0\x01", "latin1");
export const trailerMagic = 0x626c6873;
export const trailerBytes = 32;

/** readSync takes no more at once. */
export const blockLengthMax = 2 ** 31 - 1;

const chunkBytes = 1 << 20;

/** Where the blocks of a file are: parallel arrays, in write order. */
export interface BlockIndex {
  readonly partitions: number[];
  readonly offsets: number[];
  readonly lengths: number[];
  readonly records: number[];
  readonly windows: number[];
}

export const newIndex = (): BlockIndex => ({
  partitions: [],
  offsets: [],
  lengths: [],
  records: [],
  windows: [],
});

export class BlockFileWriter {
  readonly file: string;
  readonly index = newIndex();
  private readonly spec: ShuffleSpec;
  private readonly meter: Meter;
  private fd: number | null;
  private encoder = new ByteWriter(chunkBytes + (chunkBytes >> 2));
  private readonly chunks: Buffer[] = [];
  /** Bytes of encoded blocks that are held in memory. */
  pendingBytes = 0;
  private writtenBytes = 0;

  constructor(file: string, spec: ShuffleSpec, meter: Meter) {
    this.file = file;
    this.spec = spec;
    this.meter = meter;
    this.fd = wrapDisk(file, () => openSync(file, "w"));
    this.encoder.bytes(magic);
    this.pendingBytes = magic.length;
  }

  /** Encodes records as one block. */
  add(
    partition: number,
    window: number,
    form: KeyForm,
    keys: readonly HeldKey[],
    values: readonly unknown[],
    kind: ValueKind,
  ): void {
    const length = writeBlock(this.encoder, { partition, window }, form, keys, values, kind);
    if (length > blockLengthMax) {
      throw new ShoalError(
        "RECORD_TOO_LARGE",
        `a record of ${formatBytes(length)} cannot be exchanged between tasks`,
        { hint: "Emit several smaller records, or fold into less." },
      );
    }
    const { index } = this;
    index.partitions.push(partition);
    index.offsets.push(this.writtenBytes + this.pendingBytes);
    index.lengths.push(length);
    index.records.push(keys.length);
    index.windows.push(window);
    this.pendingBytes += length;
    this.meter.recordsOut += keys.length;
    if (this.encoder.length >= chunkBytes) this.seal();
  }

  private seal(): void {
    if (this.encoder.length === 0) return;
    this.chunks.push(this.encoder.view());
    this.encoder = new ByteWriter(chunkBytes + (chunkBytes >> 2));
  }

  /** Writes what is held in memory. `early`: because of the memory budget, before the end. */
  flush(early: boolean): void {
    this.seal();
    if (early && this.chunks.length > 0) {
      this.meter.spills++;
      this.meter.spilledBytes += this.pendingBytes;
    }
    for (const chunk of this.chunks) writeAll(this.fd!, chunk, this.file);
    this.chunks.length = 0;
    this.writtenBytes += this.pendingBytes;
    this.meter.bytesOut += this.pendingBytes;
    this.pendingBytes = 0;
  }

  finish(extra: Buffer): void {
    this.flush(false);
    const out = new ByteWriter();
    out.text(basename(this.file));
    out.text(this.spec.how);
    out.varint(this.spec.partitions);
    writeIndex(out, this.index);
    out.varint(extra.length);
    out.bytes(extra);
    const footerLength = out.length;
    out.u64(this.writtenBytes);
    out.u32(footerLength);
    out.u32(crc32(out.buffer.subarray(0, footerLength)));
    out.u64(this.writtenBytes + footerLength + trailerBytes);
    out.u32(crc32(out.view(footerLength)));
    out.u32(trailerMagic);
    writeAll(this.fd!, out.view(), this.file);
    this.meter.bytesOut += out.length;
    this.close();
  }

  /** Closes and deletes the file. Never throws: what it cannot delete, the end of the job does. */
  abort(): void {
    this.chunks.length = 0;
    try {
      this.close();
    } catch {
      // the file goes anyway
    }
    try {
      rmSync(this.file, { force: true });
    } catch {
      // nobody reads it
    }
  }

  private close(): void {
    const { fd } = this;
    this.fd = null;
    if (fd !== null) wrapDisk(this.file, () => closeSync(fd));
  }
}

/** A directory, partition and place of its entries, by which a reader of one of many partitions finds its own; then these. */
function writeIndex(out: ByteWriter, index: BlockIndex): void {
  const blocks = Array.from(index.partitions, (_, i) => i).sort(
    (a, b) => index.partitions[a]! - index.partitions[b]! || a - b,
  );
  const entries = new ByteWriter(blocks.length * 16 + 16);
  const directory = new ByteWriter(1 << 10);
  for (let i = 0; i < blocks.length;) {
    const partition = index.partitions[blocks[i]!]!;
    let end = i;
    while (end < blocks.length && index.partitions[blocks[end]!] === partition) end++;
    directory.u32(partition);
    directory.u32(entries.length);
    entries.varint(end - i);
    for (; i < end; i++) {
      const at = blocks[i]!;
      entries.varint(index.offsets[at]!);
      entries.varint(index.lengths[at]!);
      entries.varint(index.records[at]!);
      entries.varint(index.windows[at]!);
    }
  }
  out.u32(directory.length);
  out.u32(entries.length);
  out.bytes(directory.view());
  out.bytes(entries.view());
}

export function writeAll(fd: number, bytes: Buffer, file: string): void {
  wrapDisk(file, () => {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, Math.min(bytes.length - at, 2 ** 30));
  });
}

/** What the disk refuses is a SCRATCH_FAILED. */
export function wrapDisk<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShoalError("SCRATCH_FAILED", `cannot write ${file}: ${reason}`, { cause: error });
  }
}
