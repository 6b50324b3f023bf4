// Columns: an array of values as bytes, in the densest form that brings back exactly the same values.
//
//   same      one primitive, repeated                      bytes     a one-byte code, then as the form needs;
//   int       32-bit integers, zigzag, seven bits a byte             the number of values is kept by the block
//   double    any numbers, IEEE, little-endian
//   latin1    strings of characters up to U+00FF      ┐
//   utf8      strings that are well-formed            ├ lengths in code units, then all characters in one piece
//   utf16     strings with lone surrogates            ┘
//   v8        anything that is portable, as one array through node:v8
//   v8each    the same, each value by itself: two values that are one object must come back as two, since a fold
//             may change its argument
//
// Not here: checksums and framing (block.ts). What is read was checked; still no length is believed.

import { DefaultDeserializer, serialize } from "node:v8";
import { ShoalError } from "../../errors.ts";
import { isWellFormed } from "../keys/text.ts";
import { requirePortable } from "../portable.ts";
import { DamagedError, type ByteReader, type ByteWriter } from "./bytes.ts";

const form = { same: 0, int: 1, double: 2, latin1: 3, utf8: 4, utf16: 5, v8: 6, v8each: 7 } as const;

/** Writes `values`, one or more. `nameOf(i)` names value i in the VALUE_INVALID that is thrown if it is not portable. */
export function writeColumn(out: ByteWriter, values: readonly unknown[], nameOf: (index: number) => string): void {
  const first = values[0];
  if (isSame(values, first)) {
    out.u8(form.same);
    writeDistinct(out, [first], nameOf);
  } else {
    writeDistinct(out, values, nameOf);
  }
}

function isSame(values: readonly unknown[], first: unknown): boolean {
  if (values.length < 2 || (typeof first === "object" && first !== null)) return false;
  for (let i = 1; i < values.length; i++) {
    if (values[i] !== first && !Object.is(values[i], first)) return false;
  }
  return first !== 0 || values.every((value) => Object.is(value, first));
}

function writeDistinct(out: ByteWriter, values: readonly unknown[], nameOf: (index: number) => string): void {
  switch (typeof values[0]) {
    case "string":
      if (values.every((value) => typeof value === "string")) return writeStrings(out, values as readonly string[]);
      break;
    case "number":
      if (values.every((value) => typeof value === "number")) return writeNumbers(out, values as readonly number[]);
      break;
    default:
  }
  writeAny(out, values, nameOf);
}

/** Returns whether the order of the strings by code units is that by code points (text.ts). */
export function writeStrings(out: ByteWriter, values: readonly string[]): void {
  const joined = values.length === 1 ? values[0]! : values.join("");
  const encoding = !/[^\0-\xff]/.test(joined) ? "latin1" : isWellFormed(joined) ? "utf8" : "utf16le";
  const capacity = encoding === "latin1" ? joined.length : encoding === "utf8" ? Buffer.byteLength(joined) : joined.length * 2;
  out.u8(encoding === "latin1" ? form.latin1 : encoding === "utf8" ? form.utf8 : form.utf16);
  writeLengths(out, values);
  out.varint(capacity);
  out.reserve(capacity);
  out.length += out.buffer.write(joined, out.length, encoding);
}

function writeLengths(out: ByteWriter, values: readonly string[]): void {
  out.reserve(values.length * 5);
  const { buffer } = out;
  let at = out.length;
  for (let i = 0; i < values.length; i++) {
    let length = values[i]!.length;
    for (; length >= 0x80; length >>>= 7) buffer[at++] = (length & 0x7f) | 0x80;
    buffer[at++] = length;
  }
  out.length = at;
}

const isInt = (value: number): boolean => (value | 0) === value && (value !== 0 || 1 / value > 0);

export function writeNumbers(out: ByteWriter, values: readonly number[]): void {
  if (values.every(isInt)) {
    out.u8(form.int);
    out.reserve(values.length * 5);
    const { buffer } = out;
    let at = out.length;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      let rest = ((value << 1) ^ (value >> 31)) >>> 0;
      for (; rest >= 0x80; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
      buffer[at++] = rest;
    }
    out.length = at;
    return;
  }
  out.u8(form.double);
  out.reserve(values.length * 8);
  const view = new DataView(out.buffer.buffer, out.buffer.byteOffset);
  for (let i = 0; i < values.length; i++) view.setFloat64(out.length + i * 8, values[i]!, true);
  out.length += values.length * 8;
}

function writeAny(out: ByteWriter, values: readonly unknown[], nameOf: (index: number) => string): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const type = typeof value;
    if ((type === "object" && value !== null) || type === "function" || type === "symbol") checkPortable(value, i, nameOf);
  }
  if (hasRepeatedObject(values)) {
    out.u8(form.v8each);
    for (const value of values) writeV8(out, value);
  } else {
    out.u8(form.v8);
    writeV8(out, values);
  }
}

function checkPortable(value: unknown, index: number, nameOf: (index: number) => string): void {
  try {
    requirePortable(value, "value");
  } catch {
    requirePortable(value, nameOf(index));
    throw new ShoalError("VALUE_INVALID", `${nameOf(index)} changed while it was checked`);
  }
}

function hasRepeatedObject(values: readonly unknown[]): boolean {
  const seen = new Set<unknown>();
  for (const value of values) {
    if (typeof value !== "object" || value === null) continue;
    if (seen.has(value)) return true;
    seen.add(value);
  }
  return false;
}

function writeV8(out: ByteWriter, value: unknown): void {
  const bytes = serialize(value);
  out.varint(bytes.length);
  out.bytes(bytes);
}

/** Reads `count` values. */
export function readColumn(from: ByteReader, count: number): unknown[] {
  const code = from.u8();
  switch (code) {
    case form.same: return new Array<unknown>(count).fill(readColumn(from, 1)[0]);
    case form.int: return readInts(from, count);
    case form.double: return readDoubles(from, count);
    case form.latin1: case form.utf8: case form.utf16: return readStrings(from, count, code);
    case form.v8: return readV8Array(from, count);
    case form.v8each: {
      const values: unknown[] = [];
      for (let i = 0; i < count; i++) values.push(readV8(from));
      return values;
    }
    default: throw new DamagedError(`a column has the unknown form ${code}`);
  }
}

function readUint32s(from: ByteReader, count: number): number[] {
  if (count > from.end - from.at) throw new DamagedError(`a column of ${count} values has only ${from.end - from.at} bytes`);
  const { buffer, end } = from;
  const values = new Array<number>(count);
  let at = from.at;
  for (let i = 0; i < count; i++) {
    let byte = at < end ? buffer[at++]! : 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (at >= end || shift > 28) throw new DamagedError("a number is cut off");
      byte = buffer[at++]!;
      value |= (byte & 0x7f) << shift;
    }
    values[i] = value;
  }
  from.at = at;
  return values;
}

function readInts(from: ByteReader, count: number): number[] {
  const values = readUint32s(from, count);
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    values[i] = (value >>> 1) ^ -(value & 1);
  }
  return values;
}

function readDoubles(from: ByteReader, count: number): number[] {
  const start = from.skip(count * 8);
  const view = new DataView(from.buffer.buffer, from.buffer.byteOffset);
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(view.getFloat64(start + i * 8, true));
  return values;
}

function readStrings(from: ByteReader, count: number, code: number): string[] {
  const lengths = readUint32s(from, count) as unknown[];
  const bytes = from.bytes(from.varint());
  const all = code === form.latin1 ? bytes.toString("latin1") : code === form.utf8 ? bytes.toString("utf8") : bytes.toString("utf16le");
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = at + (lengths[i] as number);
    lengths[i] = all.substring(at, end);
    at = end;
  }
  if (at !== all.length) throw new DamagedError(`strings of ${at} characters in all have ${all.length}`);
  return lengths as string[];
}

function readV8Array(from: ByteReader, count: number): unknown[] {
  const values = readV8(from);
  if (!Array.isArray(values) || values.length !== count) throw new DamagedError(`${count} values expected`);
  return values as unknown[];
}

function readV8(from: ByteReader): unknown {
  // A copy of its own: the reader's buffer is used again for the next block.
  const reader = new OwnBytes(Buffer.from(from.bytes(from.varint())));
  reader.readHeader();
  return reader.readValue();
}

/** Node's deserializer, but typed arrays come back on buffers of their own, as they were, not on the block's. */
class OwnBytes extends DefaultDeserializer {
  _readHostObject(): unknown {
    const base = DefaultDeserializer.prototype as unknown as { _readHostObject(this: OwnBytes): ArrayBufferView };
    const view = base._readHostObject.call(this);
    const buffer = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
    if (Buffer.isBuffer(view)) return Buffer.from(buffer);
    const type = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView;
    return new type(buffer);
  }
}
