// The key of a call by the value of its arguments: equal values, equal keys; different values, different keys. (node:v8
// would not do: it writes 1 in two ways, depending on how it was computed, and strings too.)
//
// Values differ where a function could see it, as if each had been sent:
//   · 0 and −0, 1 and 1n, undefined and a missing argument, property or element
//   · the order of properties, and of the entries of a Map or Set
//   · the same object twice, and two equal ones
//   · Uint8Array and Buffer, and typed arrays in shared memory
// They do not differ by what a copy would not have: names of classes, symbols, the buffer around a typed array.
//
// What is hashed: the arguments one after the other, each a tag and what belongs to it, with lengths before all that has
// one; numbers as the 8 bytes of a double.

import { hash } from "node:crypto";
import { ShoalError } from "../../errors.ts";
import { errorClasses, typedArrays } from "../native-types.ts";
import { requirePortable } from "../portable.ts";

const tags = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  number: 4,
  notANumber: 5,
  latin1: 6,
  utf16: 7,
  bigint: 8,
  seen: 9,
  object: 10,
  array: 11,
  otherArray: 12,
  map: 13,
  set: 14,
  date: 15,
  regexp: 16,
  error: 17,
  buffer: 18,
  resizableBuffer: 19,
  /** And one for each type in viewTypes. */
  view: 32,
  sharedView: 64,
} as const;

const viewTypes = new Map<object, number>(
  [DataView, Buffer, ...typedArrays].map((type, n) => [type.prototype, n]),
);

const errorTypes: readonly object[] = [Error, ...errorClasses].map((type) => type.prototype);

const latin1Max = 0xff;
/** Shorter strings are copied by a loop: a call of native code costs more. */
const loopMax = 32;
/** Longer bytes are hashed where they are. */
const copiedBytesMax = 16_384;
/** As deep as portable values may be. */
const depthMax = 500;
/** Objects are looked for one by one while they are few. */
const listedMax = 16;
const roomMin = 4096;
const roomMax = 2 ** 20;

/** Thrown inside of this file only. */
const notPortable = new Error("not portable");

class KeyWriter {
  private bytes = Buffer.allocUnsafeSlow(roomMin);
  private view = new DataView(this.bytes.buffer);
  private at = 0;
  /** Objects in the order in which they were met. */
  private listed: object[] = [];
  private known: Map<object, number> | null = null;

  /** sha256 of `prefix` and the arguments. Throws notPortable. */
  keyOf(prefix: Uint8Array, args: readonly unknown[]): Buffer {
    try {
      this.at = 0;
      this.raw(prefix);
      this.count(args.length);
      for (let n = 0; n < args.length; n++) this.value(args[n], 0);
      return hash("sha256", this.bytes.subarray(0, this.at), "buffer");
    } finally {
      if (this.listed.length > 0) this.listed = [];
      this.known = null;
      if (this.bytes.length > roomMax) this.makeRoom(roomMin);
    }
  }

  private value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "number":
        return this.number(value);
      case "string":
        return this.text(value);
      case "boolean":
        return this.tag(value ? tags.true : tags.false);
      case "undefined":
        return this.tag(tags.undefined);
      case "bigint":
        this.tag(tags.bigint);
        return this.text(value.toString(36));
      case "object":
        return value === null ? this.tag(tags.null) : this.object(value, depth);
      default:
        throw notPortable;
    }
  }

  private object(value: object, depth: number): void {
    if (depth > depthMax) throw notPortable;
    if (this.isSeen(value)) return;
    const type: unknown = Object.getPrototypeOf(value);
    if (type === Object.prototype || type === null) return this.properties(tags.object, value, depth);
    if (type === Array.prototype) return this.array(value as readonly unknown[], depth);
    if (ArrayBuffer.isView(value)) return this.memory(value, type as object);
    if (type === Map.prototype) {
      const map = value as ReadonlyMap<unknown, unknown>;
      this.tag(tags.map);
      this.count(map.size);
      for (const [key, item] of map) {
        this.value(key, depth + 1);
        this.value(item, depth + 1);
      }
    } else if (type === Set.prototype) {
      const set = value as ReadonlySet<unknown>;
      this.tag(tags.set);
      this.count(set.size);
      for (const item of set) this.value(item, depth + 1);
    } else if (type === Date.prototype) {
      this.tag(tags.date);
      this.number((value as Date).getTime());
    } else if (type === RegExp.prototype) {
      const { source, flags } = value as RegExp;
      this.tag(tags.regexp);
      this.text(source);
      this.text(flags);
    } else if (type === ArrayBuffer.prototype) this.arrayBuffer(value as ArrayBuffer);
    else this.error(value as Error, errorTypes.indexOf(type as object), depth);
  }

  /** Whether the object was met before; then that is what is written. */
  private isSeen(value: object): boolean {
    const { listed } = this;
    const index = this.known === null ? listed.indexOf(value) : (this.known.get(value) ?? -1);
    if (index >= 0) {
      this.tag(tags.seen);
      this.count(index);
      return true;
    }
    if (this.known !== null) this.known.set(value, this.known.size);
    else if (listed.push(value) > listedMax) this.known = new Map(listed.map((object, n) => [object, n]));
    return false;
  }

  private properties(tag: number, object: object, depth: number): void {
    const names = Object.keys(object);
    this.tag(tag);
    this.count(names.length);
    for (const name of names) {
      this.text(name);
      this.value((object as Readonly<Record<string, unknown>>)[name], depth + 1);
    }
  }

  private array(items: readonly unknown[], depth: number): void {
    const { length } = items;
    const names = Object.keys(items);
    // Indices come first and in order: if the last of so many names is the last index, all are indices.
    const isPlain = names.length === length && (length === 0 || names[length - 1] === String(length - 1));
    if (!isPlain) {
      this.properties(tags.otherArray, items, depth);
      return this.count(length);
    }
    this.tag(tags.array);
    this.count(length);
    for (let n = 0; n < length; n++) this.value(items[n], depth + 1);
  }

  private memory(view: ArrayBufferView, type: object): void {
    const number = viewTypes.get(type);
    if (number === undefined) throw notPortable;
    this.tag((view.buffer instanceof SharedArrayBuffer ? tags.sharedView : tags.view) + number);
    this.content(view);
  }

  private arrayBuffer(buffer: ArrayBuffer): void {
    const { resizable = false, maxByteLength = 0 } = buffer as {
      resizable?: boolean;
      maxByteLength?: number;
    };
    this.tag(resizable ? tags.resizableBuffer : tags.buffer);
    if (resizable) this.number(maxByteLength);
    this.content(new Uint8Array(buffer));
  }

  private content(view: ArrayBufferView): void {
    this.number(view.byteLength);
    if (view.byteLength > copiedBytesMax) this.raw(hash("sha256", view as Uint8Array, "buffer"));
    else this.raw(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  private error(error: Error, type: number, depth: number): void {
    if (type < 0) throw notPortable;
    // What portable.ts refuses, so that no two errors have the same key.
    const hasMore = Object.keys(error).some((name) => name !== "message" && name !== "stack");
    if (hasMore || Object.hasOwn(error, "name")) throw notPortable;
    this.tag(tags.error);
    this.count(type);
    for (const name of ["message", "stack", "cause"] as const) {
      const isThere = Object.hasOwn(error, name);
      this.tag(isThere ? tags.true : tags.false);
      if (isThere) this.value((error as unknown as Readonly<Record<string, unknown>>)[name], depth + 1);
    }
  }

  private number(value: number): void {
    if (Number.isNaN(value)) return this.tag(tags.notANumber); // there are many, and one is like the other
    this.ensure(9);
    this.bytes[this.at] = tags.number;
    this.view.setFloat64(this.at + 1, value, true);
    this.at += 9;
  }

  private text(value: string): void {
    const { length } = value;
    this.ensure(5 + 2 * length);
    const { bytes } = this;
    const start = this.at;
    let isLatin1 = true;
    if (length <= loopMax) {
      for (let n = 0; n < length && isLatin1; n++) {
        const unit = value.charCodeAt(n);
        bytes[start + 5 + n] = unit;
        isLatin1 = unit <= latin1Max;
      }
      // oxlint-disable-next-line no-control-regex -- which units Latin-1 has
    } else if (/[^\u0000-\u00ff]/.test(value)) isLatin1 = false;
    else bytes.write(value, start + 5, "latin1");
    if (!isLatin1) bytes.write(value, start + 5, "utf16le");
    bytes[start] = isLatin1 ? tags.latin1 : tags.utf16;
    this.view.setUint32(start + 1, length, true);
    this.at = start + 5 + (isLatin1 ? length : 2 * length);
  }

  private raw(bytes: Uint8Array): void {
    this.ensure(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  private tag(tag: number): void {
    this.ensure(1);
    this.bytes[this.at++] = tag;
  }

  private count(count: number): void {
    this.ensure(4);
    this.view.setUint32(this.at, count, true);
    this.at += 4;
  }

  private ensure(length: number): void {
    if (this.at + length > this.bytes.length) this.makeRoom(2 * (this.at + length));
  }

  private makeRoom(length: number): void {
    const bytes = Buffer.allocUnsafeSlow(length);
    bytes.set(this.bytes.subarray(0, Math.min(this.at, length)));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

const writer = new KeyWriter();

/**
 * 32 bytes that stand for `prefix` and the arguments by value. VALUE_INVALID, with the path to the culprit, for arguments
 * that cannot travel. `prefix` must have a length that is always the same.
 */
export function argumentKey(prefix: Uint8Array, args: readonly unknown[]): Buffer {
  try {
    return writer.keyOf(prefix, args);
  } catch (error) {
    if (error !== notPortable) throw error;
    for (const [n, arg] of args.entries()) requirePortable(arg, `args[${n}]`);
    throw new ShoalError("VALUE_INVALID", "the arguments are of a kind that cannot be compared by value");
  }
}
