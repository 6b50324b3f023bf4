// Columns of numbers. Forms: column-form.ts.

import { DamagedError, type ByteReader, type ByteWriter } from "./bytes.ts";
import { columnForm as form } from "./column-form.ts";

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

/** Numbers of 32 bits, seven bits a byte. */
export function readUint32s(from: ByteReader, count: number): number[] {
  if (count > from.end - from.at)
    throw new DamagedError(`a column of ${count} values has only ${from.end - from.at} bytes`);
  const { buffer, end } = from;
  const values: number[] = [];
  values.length = count;
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

export function readInts(from: ByteReader, count: number): number[] {
  const values = readUint32s(from, count);
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    values[i] = (value >>> 1) ^ -(value & 1);
  }
  return values;
}

export function readDoubles(from: ByteReader, count: number): number[] {
  const start = from.skip(count * 8);
  const view = new DataView(from.buffer.buffer, from.buffer.byteOffset);
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(view.getFloat64(start + i * 8, true));
  return values;
}
