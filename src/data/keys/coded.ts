// The coded form of a key: a string of one-byte characters ("latin1"), one for each key, whose order by characters is
// the order of the keys. It decodes to the same key. Modelled on FoundationDB's tuple layer.
//
//   undefined 08 · null 10 · false 18 · true 19 · number 20 + 8 · negative bigint 28 · bigint 29 · Date 30 + 8
//   string 40 + bytes + 00 · typed array 50 + kind + bytes + 00 · array 60 + elements + 00
//
// Bytes that must end by a 00 have their own 00 written as 00 FF; no tag is FF, and every tag is more than 00, so that
// the shorter of two comes first. Numbers are IEEE doubles, big-endian, with the sign flipped (all bits, if negative):
// -Infinity … -0, 0 … Infinity, NaN. Strings are UTF-8, with lone surrogates as three bytes each (WTF-8).
//
// At the top level strings and numbers are not coded (key.ts); the order of all keys is by these tags (order.ts).

import { ShoalError } from "../../errors.ts";
import { isWellFormed } from "./text.ts";

export const tags = {
  undefined: 0x08,
  null: 0x10,
  false: 0x18,
  true: 0x19,
  number: 0x20,
  negativeBigint: 0x28,
  bigint: 0x29,
  date: 0x30,
  string: 0x40,
  bytes: 0x50,
  array: 0x60,
} as const;

/** Arrays in arrays in … deeper than this are refused. */
const depthMax = 100;

/** In the order in which they sort; the index is written. Buffer is last so that the kinds of the language stay put. */
const byteKinds = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Buffer,
] as const;
type Elements = ArrayLike<number | bigint> & {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
};
const kindByPrototype = new Map<unknown, number>(byteKinds.map((kind, index) => [kind.prototype, index]));
const isRaw = (kind: number): boolean => kind <= 1 || kind === byteKinds.length - 1;
const isBig = (kind: number): boolean => kind === 9 || kind === 10;

const eight = new DataView(new ArrayBuffer(8));
const char = String.fromCharCode;

/** The coded form of `key`. Throws KEY_INVALID with the path to what cannot be part of a key. */
export const encodeKey = (key: unknown): string => encode(key, "key", []);

function encode(key: unknown, path: string, above: unknown[]): string {
  switch (typeof key) {
    case "string":
      return `${char(tags.string)}${escape(toUtf8(key))}\0`;
    case "number":
      return char(tags.number) + encodeDouble(key);
    case "boolean":
      return char(key ? tags.true : tags.false);
    case "undefined":
      return char(tags.undefined);
    case "bigint":
      return encodeBigint(key);
    case "object":
      break;
    default:
      throw keyInvalid(path, `a ${typeof key}`);
  }
  if (key === null) return char(tags.null);
  if (Array.isArray(key) && Object.getPrototypeOf(key) === Array.prototype)
    return encodeArray(key, path, above);
  if (key instanceof Date && Object.getPrototypeOf(key) === Date.prototype)
    return char(tags.date) + encodeDouble(key.getTime());
  const kind = kindByPrototype.get(Object.getPrototypeOf(key));
  if (kind !== undefined) return encodeBytes(key as Elements, kind);
  throw keyInvalid(path, describe(key));
}

function encodeArray(items: readonly unknown[], path: string, above: unknown[]): string {
  if (above.includes(items)) throw keyInvalid(path, "an array that contains itself");
  if (above.length >= depthMax) throw keyInvalid("key", `an array nested deeper than ${depthMax} levels`);
  above.push(items);
  let text = char(tags.array);
  for (let i = 0; i < items.length; i++) {
    if (!(i in items)) throw keyInvalid(`${path}[${i}]`, "a hole in an array");
    text += encode(items[i], `${path}[${i}]`, above);
  }
  above.pop();
  return `${text}\0`;
}

function encodeBytes(items: Elements, kind: number): string {
  let raw: string;
  if (isRaw(kind)) {
    raw = Buffer.from(items.buffer, items.byteOffset, items.byteLength).toString("latin1");
  } else {
    const bytes = Buffer.allocUnsafe(items.length * 8);
    for (let i = 0; i < items.length; i++) {
      if (isBig(kind))
        eight.setBigUint64(0, BigInt.asUintN(64, items[i] as bigint) ^ (kind === 9 ? 1n << 63n : 0n));
      else putDouble(items[i] as number);
      for (let b = 0; b < 8; b++) bytes[i * 8 + b] = eight.getUint8(b);
    }
    raw = bytes.toString("latin1");
  }
  return `${char(tags.bytes, kind + 1)}${escape(raw)}\0`;
}

function putDouble(value: number): void {
  if (Number.isNaN(value)) {
    eight.setUint32(0, 0xfff80000);
    eight.setUint32(4, 0);
    return;
  }
  eight.setFloat64(0, value);
  const high = eight.getUint32(0);
  if (high >>> 31 === 1) {
    eight.setUint32(0, ~high);
    eight.setUint32(4, ~eight.getUint32(4));
  } else {
    eight.setUint32(0, high ^ 0x80000000);
  }
}

function takeDouble(): number {
  const high = eight.getUint32(0);
  if (high === 0xfff80000) return NaN;
  if (high >>> 31 === 0) {
    eight.setUint32(0, ~high);
    eight.setUint32(4, ~eight.getUint32(4));
  } else {
    eight.setUint32(0, high ^ 0x80000000);
  }
  return eight.getFloat64(0);
}

function encodeDouble(value: number): string {
  putDouble(value);
  let text = "";
  for (let i = 0; i < 8; i++) text += char(eight.getUint8(i));
  return text;
}

/** Sign, number of bytes (four, complemented if negative), bytes (complemented if negative). */
function encodeBigint(value: bigint): string {
  const isNegative = value < 0n;
  const hex = (isNegative ? -value : value).toString(16);
  const bytes = Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, "hex");
  const all = Buffer.alloc(4 + bytes.length);
  all.writeUInt32BE(bytes.length);
  bytes.copy(all, 4);
  if (isNegative) for (let i = 0; i < all.length; i++) all[i] = ~all[i]!;
  return char(isNegative ? tags.negativeBigint : tags.bigint) + all.toString("latin1");
}

const escape = (text: string): string => (text.includes("\0") ? text.replaceAll("\0", "\0\xff") : text);

/** UTF-8 bytes as one-byte characters; a lone surrogate becomes the three bytes of its code point. */
function toUtf8(text: string): string {
  if (isWellFormed(text)) return Buffer.from(text, "utf8").toString("latin1");
  let out = "";
  for (const point of text) {
    const code = point.codePointAt(0)!;
    out +=
      code >= 0xd800 && code <= 0xdfff
        ? char(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
        : Buffer.from(point, "utf8").toString("latin1");
  }
  return out;
}

function fromUtf8(bytes: string): string {
  if (!/\xed[\xa0-\xbf]/.test(bytes)) return Buffer.from(bytes, "latin1").toString("utf8");
  return bytes
    .split(/(\xed[\xa0-\xbf][\x80-\xbf])/)
    .map((part, i) =>
      i % 2 === 0
        ? Buffer.from(part, "latin1").toString("utf8")
        : char(0xd000 | ((part.charCodeAt(1) & 0x3f) << 6) | (part.charCodeAt(2) & 0x3f)),
    )
    .join("");
}

/** KEY_INVALID at `path` ("key", "key[1]"). */
const keyInvalid = (path: string, received: string): ShoalError =>
  new ShoalError("KEY_INVALID", `${path} is ${received}, which cannot be a key`, {
    details: { path, received },
  });

/** For messages: what cannot be a key. */
function describe(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return "a plain object";
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an object";
}

/** The key that `text` was made from. Throws a RangeError if it was made from none. */
export function decodeKey(text: string): unknown {
  const from = { text, at: 0 };
  const key = decode(from, 0);
  if (from.at !== text.length) throw new RangeError("a coded key is followed by other bytes");
  return key;
}

interface Cursor {
  readonly text: string;
  at: number;
}

function decode(from: Cursor, depth: number): unknown {
  const tag = from.text.charCodeAt(from.at++);
  switch (tag) {
    case tags.undefined:
      return undefined;
    case tags.null:
      return null;
    case tags.false:
      return false;
    case tags.true:
      return true;
    case tags.number:
      return decodeDouble(from);
    case tags.date:
      return new Date(decodeDouble(from));
    case tags.bigint:
    case tags.negativeBigint:
      return decodeBigint(from, tag === tags.negativeBigint);
    case tags.string:
      return fromUtf8(unescape(from));
    case tags.bytes:
      return decodeBytes(from);
    case tags.array:
      return decodeArray(from, depth);
    default:
      throw new RangeError(`a coded key has the unknown tag ${tag}`);
  }
}

function decodeArray(from: Cursor, depth: number): unknown[] {
  if (depth >= depthMax) throw new RangeError("a coded key is nested too deeply");
  const items: unknown[] = [];
  while (from.text.charCodeAt(from.at) !== 0) items.push(decode(from, depth + 1));
  from.at++;
  return items;
}

function take(from: Cursor, length: number): string {
  if (from.at + length > from.text.length) throw new RangeError("a coded key is cut off");
  return from.text.slice(from.at, (from.at += length));
}

function decodeDouble(from: Cursor): number {
  const bytes = take(from, 8);
  for (let i = 0; i < 8; i++) eight.setUint8(i, bytes.charCodeAt(i));
  return takeDouble();
}

function decodeBigint(from: Cursor, isNegative: boolean): bigint {
  const flip = isNegative ? 0xff : 0;
  let length = 0;
  for (const c of take(from, 4)) length = length * 256 + (c.charCodeAt(0) ^ flip);
  const bytes = Buffer.from(take(from, length), "latin1");
  if (isNegative) for (let i = 0; i < bytes.length; i++) bytes[i] = ~bytes[i]!;
  const value = BigInt(`0x${bytes.toString("hex")}`);
  return isNegative ? -value : value;
}

function unescape(from: Cursor): string {
  const { text } = from;
  const start = from.at;
  let end = text.indexOf("\0", start);
  while (end !== -1 && text.charCodeAt(end + 1) === 0xff) end = text.indexOf("\0", end + 2);
  if (end === -1) throw new RangeError("a coded key is cut off");
  from.at = end + 1;
  const raw = text.slice(start, end);
  return raw.includes("\0") ? raw.replaceAll("\0\xff", "\0") : raw;
}

function decodeBytes(from: Cursor): unknown {
  const kind = from.text.charCodeAt(from.at++) - 1;
  const type = byteKinds[kind];
  if (type === undefined) throw new RangeError(`a coded key has an unknown kind of typed array, ${kind}`);
  const raw = unescape(from);
  if (type === Buffer) return Buffer.from(raw, "latin1");
  const length = isRaw(kind) ? raw.length : raw.length / 8;
  if (!Number.isInteger(length)) throw new RangeError("a coded key is cut off");
  const items = new (type as typeof Uint8Array)(length);
  for (let i = 0; i < length; i++) {
    if (isRaw(kind)) {
      items[i] = raw.charCodeAt(i);
      continue;
    }
    for (let b = 0; b < 8; b++) eight.setUint8(b, raw.charCodeAt(i * 8 + b));
    (items as unknown as Record<number, unknown>)[i] = isBig(kind)
      ? eight.getBigUint64(0) ^ (kind === 9 ? 1n << 63n : 0n)
      : takeDouble();
  }
  return items;
}
