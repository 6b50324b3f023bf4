// Arguments and results of calls as a few bytes of memory: primitives by tags of our own, everything else by node:v8.
// For values that are portable (portable.ts), small, and hold no shared memory; the rest travels as messages.
//
//   undefined null true false   tag
//   integers of 32 bits         tag, 4 bytes                numbers      tag, 8 bytes
//   strings                     tag, length in 2 bytes, Latin-1 or UTF-16 units
//   anything else               tag, length in 2 bytes, what v8.serialize gives
//
// A list of values is its count in one byte, then each. All numbers are little-endian.

import { DefaultSerializer, deserialize } from "node:v8";

const tags = {
  undefined: 0,
  null: 1,
  true: 2,
  false: 3,
  int32: 4,
  float64: 5,
  latin1: 6,
  utf16: 7,
  v8: 8,
} as const;

const latin1Max = 0xff;
/** Shorter strings are copied by a loop: a call of native code costs more. */
const loopMax = 24;

/** Bytes to write to and read from, as both of their views. */
export interface ValueBytes {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/**
 * Writes `values`, at most 255, from `start` on, up to `end`. Returns where it ended, or −1: they do not fit, or are not
 * for bytes (they hold shared memory).
 */
export function writeValues(to: ValueBytes, values: readonly unknown[], start: number, end: number): number {
  if (values.length > 255 || start >= end) return -1;
  to.bytes[start] = values.length;
  let at = start + 1;
  for (let n = 0; n < values.length && at >= 0; n++) at = writeValue(to, values[n], at, end);
  return at;
}

export function readValues(from: ValueBytes, start: number): unknown[] {
  const count = from.bytes[start]!;
  const values: unknown[] = [];
  let at = start + 1;
  for (let n = 0; n < count; n++) {
    values.push(readValue(from, at));
    at += valueLength(from, at);
  }
  return values;
}

/** As writeValues, of one value. */
export function writeValue(to: ValueBytes, value: unknown, at: number, end: number): number {
  switch (typeof value) {
    case "number":
      return writeNumber(to, value, at, end);
    case "string":
      return writeString(to, value, at, end);
    case "boolean":
      return writeTag(to, value ? tags.true : tags.false, at, end);
    case "undefined":
      return writeTag(to, tags.undefined, at, end);
    default:
      return value === null ? writeTag(to, tags.null, at, end) : writeV8(to, value, at, end);
  }
}

export function readValue({ bytes, view }: ValueBytes, at: number): unknown {
  switch (bytes[at]) {
    case tags.undefined:
      return undefined;
    case tags.null:
      return null;
    case tags.true:
      return true;
    case tags.false:
      return false;
    case tags.int32:
      return view.getInt32(at + 1, true);
    case tags.float64:
      return view.getFloat64(at + 1, true);
    case tags.latin1:
      return readLatin1(bytes, at + 3, view.getUint16(at + 1, true));
    case tags.utf16: {
      const length = view.getUint16(at + 1, true);
      return bytes.toString("utf16le", at + 3, at + 3 + length);
    }
    default: {
      // A copy: node:v8 does not read from shared memory, and the entry is used again.
      const length = view.getUint16(at + 1, true);
      return deserialize(Uint8Array.prototype.slice.call(bytes, at + 3, at + 3 + length));
    }
  }
}

function valueLength({ bytes, view }: ValueBytes, at: number): number {
  const tag = bytes[at]!;
  if (tag < tags.int32) return 1;
  if (tag === tags.int32) return 5;
  if (tag === tags.float64) return 9;
  return 3 + view.getUint16(at + 1, true);
}

function writeTag({ bytes }: ValueBytes, tag: number, at: number, end: number): number {
  if (at >= end) return -1;
  bytes[at] = tag;
  return at + 1;
}

function writeNumber({ bytes, view }: ValueBytes, value: number, at: number, end: number): number {
  if ((value | 0) === value && !Object.is(value, -0)) {
    if (at + 5 > end) return -1;
    bytes[at] = tags.int32;
    view.setInt32(at + 1, value, true);
    return at + 5;
  }
  if (at + 9 > end) return -1;
  bytes[at] = tags.float64;
  view.setFloat64(at + 1, value, true);
  return at + 9;
}

function writeString(to: ValueBytes, value: string, at: number, end: number): number {
  const { length } = value;
  if (at + 3 + length > end) return -1;
  const { bytes, view } = to;
  if (length <= loopMax) {
    for (let n = 0; n < length; n++) {
      const unit = value.charCodeAt(n);
      if (unit > latin1Max) return writeUtf16(to, value, at, end);
      bytes[at + 3 + n] = unit;
    }
  } else {
    // oxlint-disable-next-line no-control-regex -- which units Latin-1 has
    if (/[^\u0000-\u00ff]/.test(value)) return writeUtf16(to, value, at, end);
    bytes.write(value, at + 3, "latin1");
  }
  bytes[at] = tags.latin1;
  view.setUint16(at + 1, length, true);
  return at + 3 + length;
}

function writeUtf16({ bytes, view }: ValueBytes, value: string, at: number, end: number): number {
  const length = value.length * 2;
  if (at + 3 + length > end) return -1;
  bytes[at] = tags.utf16;
  view.setUint16(at + 1, length, true);
  bytes.write(value, at + 3, "utf16le");
  return at + 3 + length;
}

function readLatin1(bytes: Buffer, at: number, length: number): string {
  if (length > loopMax) return bytes.toString("latin1", at, at + length);
  let text = "";
  for (let n = 0; n < length; n++) text += String.fromCharCode(bytes[at + n]!);
  return text;
}

function writeV8({ bytes, view }: ValueBytes, value: unknown, at: number, end: number): number {
  const written = serializeOwn(value);
  if (written === null || at + 3 + written.length > end) return -1;
  bytes[at] = tags.v8;
  view.setUint16(at + 1, written.length, true);
  bytes.set(written, at + 3);
  return at + 3 + written.length;
}

/** As v8.serialize; null: it holds shared memory, which is not for bytes. */
export function serializeOwn(value: unknown): Buffer | null {
  const serializer = new BytesSerializer();
  serializer.writeHeader();
  try {
    serializer.writeValue(value);
  } catch (error) {
    if (error === sharedMemory) return null;
    throw error;
  }
  return serializer.releaseBuffer();
}

/** Thrown inside of this file only. */
const sharedMemory = new Error("shared memory is not for bytes");

/** As v8.serialize, which would copy shared memory in silence. */
class BytesSerializer extends DefaultSerializer {
  _writeHostObject(view: ArrayBufferView): void {
    if (view.buffer instanceof SharedArrayBuffer) throw sharedMemory;
    // @ts-expect-error -- the hook of DefaultSerializer is not in its types
    super._writeHostObject(view);
  }
}
