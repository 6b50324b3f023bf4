// Reads the files of blocks of map tasks (block-file.ts) and believes none of their bytes unchecked. Whatever is
// missing or damaged becomes a BlocksLostError that names the attempts whose outputs must be made anew.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { crc32 } from "node:zlib";
import { ShoalError } from "../../errors.ts";
import { BlocksLostError, type MapOutput, type Meter, type ShuffleSpec } from "../contract.ts";
import { readBlock, type Batch } from "./block.ts";
import {
  blockLengthMax,
  magic,
  newIndex,
  trailerBytes,
  trailerMagic,
  type BlockIndex,
} from "./block-file.ts";
import { ByteReader, DamagedError } from "./bytes.ts";

/** Enough for the trailer and most footers: one read. */
const tailBytes = 64 << 10;

/** One map output, known to be there and to have an index that is whole. */
export interface OpenOutput {
  readonly output: MapOutput;
  /** The blocks of the partition that was asked for, or of all. */
  readonly index: BlockIndex;
  /** What the writer put into the footer beside the index. */
  readonly extra: Buffer;
}

/** The footers of all inputs, in order. `partition` null: the blocks of all partitions. */
export function openOutputs(
  inputs: readonly MapOutput[],
  spec: ShuffleSpec,
  partition: number | null,
  meter: Meter,
): OpenOutput[] {
  const opened: OpenOutput[] = [];
  const lost: string[] = [];
  const reasons: unknown[] = [];
  for (const output of inputs) {
    try {
      opened.push(withFile(output, meter, (source) => readFooter(source, output, spec, partition)));
    } catch (error) {
      if (!(error instanceof BlocksLostError)) throw error;
      lost.push(...error.lost);
      reasons.push(error);
    }
  }
  if (lost.length === 1) throw reasons[0];
  if (lost.length > 1) {
    const first = (reasons[0] as Error).message;
    throw new BlocksLostError(
      `${lost.length} map outputs are missing or damaged: ${first}; …`,
      lost,
      reasons[0],
    );
  }
  return opened;
}

/** Errors of opening and reading that say that the process is short of something, not that the file is lost. */
const shortages = new Set(["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EINTR"]);

/** Runs `act`; whatever shows that the output is missing or damaged becomes a BlocksLostError. */
export function guardOutput<T>(output: MapOutput, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException | null)?.code;
    if (
      !(error instanceof DamagedError) &&
      (code === undefined || error instanceof ShoalError || !/^E[A-Z0-9]+$/.test(code))
    )
      throw error;
    if (code !== undefined && shortages.has(code)) {
      throw new ShoalError("SCRATCH_FAILED", `cannot read ${output.file}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const what = code === "ENOENT" ? "is missing" : `is damaged: ${(error as Error).message}`;
    throw new BlocksLostError(
      `the map output of ${output.attempt} ${what} (${output.file})`,
      [output.attempt],
      error,
    );
  }
}

/** A file of which pieces are read. */
export class BlockSource {
  private readonly fd: number;
  private readonly meter: Meter;
  readonly size: number;
  private buffer = Buffer.alloc(0);

  constructor(file: string, meter: Meter) {
    this.fd = openSync(file, "r");
    this.meter = meter;
    const stat = fstatSync(this.fd);
    this.size = stat.isFile() ? stat.size : 0;
  }

  /** The bytes; a view that is valid until the next read. */
  read(offset: number, length: number): Buffer {
    if (length > blockLengthMax || offset + length > this.size) {
      throw new DamagedError(`${length} bytes at ${offset} expected of a file of ${this.size}`);
    }
    if (this.buffer.length < length)
      this.buffer = Buffer.allocUnsafeSlow(Math.max(length, Math.min(this.buffer.length * 2, 1 << 20)));
    const since = performance.now();
    for (let at = 0; at < length;) {
      const n = readSync(this.fd, this.buffer, at, length - at, offset + at);
      if (n === 0) throw new DamagedError(`the file ends at ${offset + at} instead of ${this.size}`);
      at += n;
    }
    this.meter.waitMs += performance.now() - since;
    this.meter.bytesIn += length;
    return this.buffer.subarray(0, length);
  }

  close(): void {
    closeSync(this.fd);
  }
}

export const openSource = (output: MapOutput, meter: Meter): BlockSource =>
  guardOutput(output, () => new BlockSource(output.file, meter));

function withFile<T>(output: MapOutput, meter: Meter, act: (source: BlockSource) => T): T {
  const source = openSource(output, meter);
  try {
    return guardOutput(output, () => act(source));
  } finally {
    source.close();
  }
}

function readFooter(
  source: BlockSource,
  output: MapOutput,
  spec: ShuffleSpec,
  partition: number | null,
): OpenOutput {
  const { size } = source;
  if (size < magic.length + trailerBytes) throw new DamagedError(`the file has ${size} bytes`);
  if (!source.read(0, magic.length).equals(magic))
    throw new DamagedError("it does not begin as a file of blocks of this version");
  const tailAt = Math.max(0, size - tailBytes);
  const tail = source.read(tailAt, size - tailAt);
  const trailer = new ByteReader(tail, tail.length - trailerBytes);
  const footerAt = trailer.u64();
  const footerLength = trailer.u32();
  const footerCrc = trailer.u32();
  const fileLength = trailer.u64();
  const end = tail.length;
  if (trailer.u32() !== crc32(tail.subarray(end - trailerBytes, end - 8)) || trailer.u32() !== trailerMagic) {
    throw new DamagedError("its end is not that of a file of blocks");
  }
  if (fileLength !== size || footerAt + footerLength + trailerBytes !== size) {
    throw new DamagedError(`it has ${size} bytes instead of ${fileLength}`);
  }
  const isInTail = footerAt >= tailAt;
  const footer = isInTail
    ? tail.subarray(footerAt - tailAt, end - trailerBytes)
    : source.read(footerAt, footerLength);
  if (crc32(footer) !== footerCrc) throw new DamagedError("the checksum of its index is wrong");
  return parseFooter(new ByteReader(footer), output, spec, partition);
}

function parseFooter(
  from: ByteReader,
  output: MapOutput,
  spec: ShuffleSpec,
  partition: number | null,
): OpenOutput {
  const name = from.text();
  const how = from.text();
  const partitions = from.varint();
  if (name !== basename(output.file)) throw new DamagedError(`it was written as ${name}`);
  if (how !== spec.how || partitions !== spec.partitions) {
    throw new DamagedError(
      `it was written for "${how}" and ${partitions} partitions, not for "${spec.how}" and ${spec.partitions}`,
    );
  }
  const index = readIndex(from, partition);
  const extra = Buffer.from(from.bytes(from.varint()));
  if (from.at !== from.end) throw new DamagedError("its index is longer than its contents");
  return { output, index, extra };
}

/** The entries of one partition, or of all. */
export function readIndex(from: ByteReader, wanted: number | null): BlockIndex {
  const index = newIndex();
  const directoryLength = from.u32();
  const entriesLength = from.u32();
  const directory = from.bytes(directoryLength);
  const entries = from.bytes(entriesLength);
  const count = directoryLength / 8;
  if (!Number.isInteger(count)) throw new DamagedError("its directory is cut off");
  const partitionAt = (i: number): number => directory.readUInt32LE(i * 8);
  const add = (i: number): void =>
    addEntries(index, partitionAt(i), new ByteReader(entries, directory.readUInt32LE(i * 8 + 4)));
  if (wanted === null) {
    for (let i = 0; i < count; i++) add(i);
    return index;
  }
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (partitionAt(middle) < wanted) low = middle + 1;
    else high = middle;
  }
  if (low < count && partitionAt(low) === wanted) add(low);
  return index;
}

function addEntries(index: BlockIndex, partition: number, from: ByteReader): void {
  for (let left = from.varint(); left > 0; left--) {
    index.partitions.push(partition);
    index.offsets.push(from.varint());
    index.lengths.push(from.varint());
    index.records.push(from.varint());
    index.windows.push(from.varint());
  }
}

/** Calls `each` with every block of the opened outputs, in order: by input, then as they were written. Counts them. */
export function forEachBatch(
  outputs: readonly OpenOutput[],
  meter: Meter,
  each: (batch: Batch) => void,
): void {
  for (const { output, index } of outputs) {
    if (index.offsets.length === 0) continue;
    const source = openSource(output, meter);
    try {
      for (let i = 0; i < index.offsets.length; i++) {
        const batch = readIndexed(source, output, index, i);
        meter.recordsIn += batch.keys.length;
        each(batch);
      }
    } finally {
      source.close();
    }
  }
}

/** Block number `i` of the index. */
export const readIndexed = (source: BlockSource, output: MapOutput, index: BlockIndex, i: number): Batch =>
  guardOutput(output, () =>
    readBlock(source.read(index.offsets[i]!, index.lengths[i]!), {
      partition: index.partitions[i]!,
      window: index.windows[i]!,
    }),
  );
