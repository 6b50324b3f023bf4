// Buffers on their way through messages. The structured clone makes plain Uint8Arrays of them; so what is a Buffer or
// holds some is wrapped before it is posted, and unwrapped where it arrives:
//
//   a Buffer itself        as its bytes, which may be moved
//   anything that holds    as what v8.serialize gives: a copy, which is moved
//
// Buffers inside of what is moved, or beside shared memory in one object, arrive as Uint8Arrays.

import { deserialize } from "node:v8";
import { serializeOwn } from "./values.ts";

const bufferKey = "shoal:buffer";
const bytesKey = "shoal:v8";

/** What of a message changes hands. */
export interface Moving {
  /** The user moves something: no copies are made then. */
  readonly isMove: boolean;
  readonly buffers: ArrayBuffer[];
}

export function wrapBuffers(value: unknown, moving: Moving): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Buffer.isBuffer(value)) return { [bufferKey]: value };
  if (moving.isMove || !holdsBuffer(value, new Set())) return value;
  const bytes = serializeOwn(value);
  if (bytes === null) return value;
  moving.buffers.push(bytes.buffer as ArrayBuffer);
  return { [bytesKey]: bytes };
}

/** Whether it is what `wrapBuffers` made of a value. */
export const isWrapped = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (bufferKey in value || bytesKey in value);

export function unwrapBuffers(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const wrapped = value as { readonly [bufferKey]?: unknown; readonly [bytesKey]?: unknown };
  const bytes = wrapped[bufferKey] ?? wrapped[bytesKey];
  if (!(bytes instanceof Uint8Array)) return value;
  if (wrapped[bytesKey] !== undefined) return deserialize(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Of each: the same list where there is nothing to wrap. */
export function wrapAll(values: readonly unknown[], moving: Moving): readonly unknown[] {
  return replaced(values, (value) => wrapBuffers(value, moving));
}

export function unwrapAll(values: readonly unknown[]): readonly unknown[] {
  return replaced(values, unwrapBuffers);
}

/** A copy that shares nothing; what is in `transfer` is moved into it. */
export function cloneAll(values: readonly unknown[], transfer: readonly ArrayBuffer[]): readonly unknown[] {
  const moving: Moving = { isMove: transfer.length > 0, buffers: [...transfer] };
  const wrapped = wrapAll(values, moving);
  return unwrapAll(structuredClone(wrapped, { transfer: moving.buffers }));
}

function replaced(values: readonly unknown[], by: (value: unknown) => unknown): readonly unknown[] {
  let made: unknown[] | null = null;
  for (const [n, value] of values.entries()) {
    const other = by(value);
    if (other !== value) (made ??= [...values])[n] = other;
  }
  return made ?? values;
}

/** Whether there is a Buffer in it. */
function holdsBuffer(value: object, seen: Set<object>): boolean {
  if (ArrayBuffer.isView(value)) return Buffer.isBuffer(value);
  if (seen.has(value)) return false;
  seen.add(value);
  if (Array.isArray(value)) return holdsAny(value, seen);
  if (value instanceof Map) return holdsAny(value.keys(), seen) || holdsAny(value.values(), seen);
  if (value instanceof Set) return holdsAny(value, seen);
  for (const key in value) {
    const item = (value as Readonly<Record<string, unknown>>)[key];
    if (typeof item === "object" && item !== null && holdsBuffer(item, seen)) return true;
  }
  return false;
}

function holdsAny(items: Iterable<unknown>, seen: Set<object>): boolean {
  if (Array.isArray(items)) {
    // The hot one: a batch of map().
    for (let n = 0; n < items.length; n++) {
      const item: unknown = items[n];
      if (typeof item === "object" && item !== null && holdsBuffer(item, seen)) return true;
    }
    return false;
  }
  for (const item of items)
    if (typeof item === "object" && item !== null && holdsBuffer(item, seen)) return true;
  return false;
}
