// An entry of the result cache as bytes, and whether they still are what was written.
//
//   crc32 of the key and of all that follows (u32) · when it was made (f64, milliseconds since 1970) · the result
//
// All numbers are little-endian. The checksum covers the key: a result under another's key is damage too.

import { crc32 } from "node:zlib";

const headBytes = 12;

export interface Entry {
  readonly madeAt: number;
  /** A part of the bytes that were read. */
  readonly result: Uint8Array;
}

export function writeEntry(key: Uint8Array, result: Uint8Array, madeAt: number): Buffer {
  // Not of a pool: the database keeps the address while it writes.
  const bytes = Buffer.allocUnsafeSlow(headBytes + result.length);
  bytes.writeDoubleLE(madeAt, 4);
  bytes.set(result, headBytes);
  bytes.writeUInt32LE(checksum(key, bytes), 0);
  return bytes;
}

/** Null: the bytes are damaged. */
export function readEntry(key: Uint8Array, bytes: Buffer): Entry | null {
  if (bytes.length < headBytes || bytes.readUInt32LE(0) !== checksum(key, bytes)) return null;
  return { madeAt: bytes.readDoubleLE(4), result: bytes.subarray(headBytes) };
}

const checksum = (key: Uint8Array, bytes: Buffer): number => crc32(bytes.subarray(4), crc32(key));
