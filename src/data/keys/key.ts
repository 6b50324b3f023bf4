// Keys: what may be one, when two are equal, and the forms in which the engine holds them.
//
// Valid keys: undefined, null, booleans, numbers, bigints, Dates, strings, typed arrays (Buffer too), and arrays of
// these. Everything else is refused with KEY_INVALID and the path to the culprit.
//
// Equal is: same type, same value. 1, 1n and "1" are three keys. NaN equals NaN. 0 and -0 are two keys, since making
// them one would change a key of the output in silence. Typed arrays of different kinds differ, and so do a Buffer
// and a Uint8Array of the same bytes. Arrays count by their elements only.
//
// The engine holds a key in one of three forms, each with its own Map, column and sort:
//   text     a string, as it is: the fast path
//   number   a number, as it is
//   coded    anything else: a string of one-byte characters whose order is the order of the keys (coded.ts)

import { decodeKey, encodeKey } from "./coded.ts";

export const textKey = 0;
export const numberKey = 1;
export const codedKey = 2;
export type KeyForm = typeof textKey | typeof numberKey | typeof codedKey;

/** A key as the engine holds it; which form it has is known beside it. */
export type HeldKey = string | number;

/** Stands for -0 as a key of a Map, which takes 0 and -0 for the same. */
export const negativeZero: unique symbol = Symbol("-0");
export type NumberMapKey = number | typeof negativeZero;

export const toMapKey = (key: number): NumberMapKey => (key === 0 && 1 / key < 0 ? negativeZero : key);
export const fromMapKey = (key: NumberMapKey): number => (key === negativeZero ? -0 : key);

/** The form that `key` is held in. */
export const formOf = (key: unknown): KeyForm =>
  typeof key === "string" ? textKey : typeof key === "number" ? numberKey : codedKey;

/** `key` as it is held. Throws KEY_INVALID. */
export const holdKey = (key: unknown): HeldKey =>
  typeof key === "string" || typeof key === "number" ? key : encodeKey(key);

/** The user's key again, from its held form. */
export const userKey = (form: KeyForm, key: HeldKey): unknown =>
  form === codedKey ? decodeKey(key as string) : key;

const printMax = 120;

/** A key as text for error messages: short, on one line. */
export function printKey(key: unknown): string {
  const text = print(key);
  return text.length <= printMax ? text : `${text.slice(0, printMax)}… (${text.length} characters)`;
}

function print(key: unknown): string {
  switch (typeof key) {
    case "string":
      return JSON.stringify(key.length > printMax ? key.slice(0, printMax + 1) : key);
    case "bigint":
      return `${key}n`;
    case "number":
      return Object.is(key, -0) ? "-0" : String(key);
    case "object":
      break;
    default:
      return String(key);
  }
  if (key === null) return "null";
  if (key instanceof Date) return Number.isNaN(key.getTime()) ? "Invalid Date" : key.toISOString();
  if (Array.isArray(key)) return `[${key.slice(0, 20).map(print).join(", ")}${key.length > 20 ? ", …" : ""}]`;
  if (ArrayBuffer.isView(key)) {
    const beginning = Buffer.from(key.buffer, key.byteOffset, Math.min(key.byteLength, 20)).toString("hex");
    return `${key.constructor.name}(${beginning}${key.byteLength > 20 ? "…" : ""})`;
  }
  return Object.prototype.toString.call(key);
}
