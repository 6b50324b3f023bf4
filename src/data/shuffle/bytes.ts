// Bytes being written and read: a growing buffer, and a cursor that checks every length before it believes it.

import { readSync } from "node:fs";

/** Thrown when bytes are not what was written. Whoever knows which file they came from turns it into its own error. */
export class DamagedError extends Error {
  override readonly name = "DamagedError";
}

export class ByteWriter {
  buffer: Buffer;
  length = 0;

  constructor(capacity = 1 << 16) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes room for `more` bytes; `buffer` may be another one afterwards. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.length = this.buffer.writeUInt32LE(value, this.length);
  }

  u64(value: number): void {
    this.u32(value % 4294967296);
    this.u32(Math.floor(value / 4294967296));
  }

  /** A safe integer ≥ 0, seven bits a byte, lowest first (LEB128). */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.length++] = rest;
  }

  bytes(source: Uint8Array): void {
    this.reserve(source.length);
    this.buffer.set(source, this.length);
    this.length += source.length;
  }

  /** A short text: its length in bytes, then UTF-8. */
  text(value: string): void {
    const bytes = Buffer.from(value, "utf8");
    this.varint(bytes.length);
    this.bytes(bytes);
  }

  /** A view of what was written. */
  view(from = 0): Buffer {
    return this.buffer.subarray(from, this.length);
  }
}

export class ByteReader {
  readonly buffer: Buffer;
  at: number;
  readonly end: number;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  /** The place of the next `length` bytes, which are passed over. */
  skip(length: number): number {
    const from = this.at;
    if (!(length >= 0 && length <= this.end - from)) {
      throw new DamagedError(`${length} bytes expected where ${this.end - from} are left`);
    }
    this.at = from + length;
    return from;
  }

  u8(): number {
    return this.buffer[this.skip(1)]!;
  }

  u32(): number {
    return this.buffer.readUInt32LE(this.skip(4));
  }

  u64(): number {
    const low = this.u32();
    return this.u32() * 4294967296 + low;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1, n = 0; n < 8; factor *= 0x80, n++) {
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw new DamagedError("a number is too large");
  }

  bytes(length: number): Buffer {
    const from = this.skip(length);
    return this.buffer.subarray(from, from + length);
  }

  text(): string {
    return this.bytes(this.varint()).toString("utf8");
  }
}

/** These bytes of a file, all of them. Throws DamagedError if it does not have them. */
export function readAt(fd: number, position: number, length: number): Buffer {
  if (position < 0 || length < 0) throw new DamagedError("it is too short");
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const read = readSync(fd, bytes, at, length - at, position + at);
    if (read === 0) throw new DamagedError("it ends early");
    at += read;
  }
  return bytes;
}
