// Records of any portable kind in a file, on their way from a task to the client.
//
//   frame:  bytes of the payload (u32, little-endian) · crc32 of the payload (u32) · payload: an array, by node:v8
//
// v8.deserialize takes damage for data, so that nothing reaches it whose checksum is wrong.
//
// A record is copied when it is pushed: user code may go on to change it, and the file must not depend on where a frame
// happens to end. Primitives and arrays of primitives, which most records are, need no serializer for that.

import { open } from "node:fs/promises";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import { ShoalError } from "../../errors.ts";
import type { SinkWriter, TaskHost } from "../contract.ts";
import { requirePortable } from "../portable.ts";
import { FileWriter } from "./file-writer.ts";

const headerBytes = 8;
const frameBytesAim = 256 * 1024;
const batchMax = 8192;

export class RecordFileWriter implements SinkWriter {
  private readonly file: FileWriter;
  private readonly host: TaskHost;
  private batch: unknown[] = [];
  /** Records in a frame: follows the records' size, so that a frame has about `frameBytesAim`. */
  private batchSize = 16;

  constructor(path: string, host: TaskHost) {
    this.file = new FileWriter(path, host.meter);
    this.host = host;
  }

  push(record: unknown): void {
    requirePortable(record, "record");
    this.batch.push(typeof record === "object" && record !== null ? copyOf(record) : record);
    this.host.meter.recordsOut++;
    if (this.batch.length >= this.batchSize) this.flush();
  }

  finish(): Promise<void> {
    if (this.batch.length > 0) this.flush();
    this.file.finish();
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.file.abort();
    return Promise.resolve();
  }

  private flush(): void {
    const payload = serialized(this.batch);
    const header = Buffer.allocUnsafe(headerBytes);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt32LE(crc32(payload), 4);
    this.file.write(header);
    this.file.write(payload);
    this.batch = [];
    if (payload.length < frameBytesAim / 2) this.batchSize = Math.min(batchMax, this.batchSize * 2);
    else if (payload.length > frameBytesAim * 2) this.batchSize = Math.max(1, this.batchSize >> 2);
  }
}

/** Gives every record of the file to `take`, in order. */
export async function readRecordFile(path: string, take: (record: unknown) => void): Promise<void> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const header = Buffer.alloc(headerBytes);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(header, 0, headerBytes, at);
      const length = header.readUInt32LE(0);
      if (bytesRead < headerBytes || at + headerBytes + length > size) throw damaged(path, at);
      const payload = Buffer.allocUnsafeSlow(length);
      const read = await file.read(payload, 0, length, at + headerBytes);
      if (read.bytesRead < length || crc32(payload) !== header.readUInt32LE(4)) throw damaged(path, at);
      for (const record of deserialize(payload) as unknown[]) take(record);
      at += headerBytes + length;
    }
  } finally {
    await file.close();
  }
}

function copyOf(record: object): unknown {
  const isFlat =
    Array.isArray(record) && record.every(isPrimitive) && Object.keys(record).length === record.length;
  if (isFlat) return record.slice();
  return deserialize(serialized(record));
}

const isPrimitive = (value: unknown): boolean => typeof value !== "object" || value === null;

/** What requirePortable does not see, shows when it is done: detached buffers, proxies, named properties of arrays. */
function serialized(value: unknown): Buffer {
  try {
    return serialize(value);
  } catch (cause) {
    throw new ShoalError("VALUE_INVALID", `record: cannot be stored or sent: ${(cause as Error).message}`, {
      cause,
    });
  }
}

const damaged = (path: string, at: number): ShoalError =>
  new ShoalError("OUTPUT_FAILED", `the result file ${path} is damaged at byte ${at}`);
