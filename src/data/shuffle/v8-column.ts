// Columns of values that have no denser form: through node:v8, after a look at whether it would keep them as they are.

import { DefaultDeserializer, serialize } from "node:v8";
import { ShoalError } from "../../errors.ts";
import { requirePortable } from "../portable.ts";
import { DamagedError, type ByteReader, type ByteWriter } from "./bytes.ts";
import { columnForm as form } from "./column-form.ts";

export function writeAny(
  out: ByteWriter,
  values: readonly unknown[],
  nameOf: (index: number) => string,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const type = typeof value;
    if ((type === "object" && value !== null) || type === "function" || type === "symbol")
      checkPortable(value, i, nameOf);
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

export function readV8Array(from: ByteReader, count: number): unknown[] {
  const values = readV8(from);
  if (!Array.isArray(values) || values.length !== count) throw new DamagedError(`${count} values expected`);
  return values as unknown[];
}

export function readV8Each(from: ByteReader, count: number): unknown[] {
  const values: unknown[] = [];
  for (let i = 0; i < count; i++) values.push(readV8(from));
  return values;
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
    const base = DefaultDeserializer.prototype as unknown as {
      _readHostObject(this: OwnBytes): ArrayBufferView;
    };
    const view = base._readHostObject.call(this);
    const buffer = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
    if (Buffer.isBuffer(view)) return Buffer.from(buffer);
    const type = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView;
    return new type(buffer);
  }
}
