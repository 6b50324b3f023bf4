// What records cost in memory, by estimate. Deterministic: the same records give the same figure in every process, so
// that what depends on it (where a window ends) depends on data alone.

/** A Map's entry, its object, and a string's header, on a 64-bit heap: measured, rounded up. */
export const entryBytes = 96;
/** A record in an array of keys and an array of values. */
export const recordBytes = 40;

/**
 * Map-side folding is done in windows: when the estimated size of one reaches this, it is encoded and a new one
 * begins. A constant, since the grouping of a fold (and so the last bits of a sum) depends on it.
 */
export const windowBytes = 16 * 2 ** 20;

/** A block holds about this much, or one record that is larger. */
export const blockBytes = 2 ** 20;

const nodesMax = 1_000_000;

/** The size of a value on the heap, beyond the slot that holds it. 0 for what fits into the slot. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return 24 + value.length;
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? 32 : 0;
  return sizeOfObject(value);
}

/** Walks what the object holds; an object held twice counts twice, up to a limit that also ends cycles. */
function sizeOfObject(root: object): number {
  const open: unknown[] = [root];
  let size = 0;
  for (let n = 0; open.length > 0 && n < nodesMax; n++) {
    const value = open.pop();
    if (typeof value === "string") {
      size += 24 + value.length;
    } else if (typeof value === "object" && value !== null) {
      size += 32 + sizeOfShell(value, open);
    } else {
      size += 8;
    }
  }
  return size;
}

/** The size of the object itself; pushes what it holds. */
function sizeOfShell(value: object, open: unknown[]): number {
  if (Array.isArray(value)) {
    for (const item of value) open.push(item);
    return 16;
  }
  if (ArrayBuffer.isView(value)) return 64 + value.byteLength;
  if (value instanceof Map) {
    for (const [key, item] of value) open.push(key, item);
    return 64 + value.size * 32;
  }
  if (value instanceof Set) {
    for (const item of value) open.push(item);
    return 64 + value.size * 24;
  }
  if (value instanceof ArrayBuffer) return 64 + value.byteLength;
  if (value instanceof Date || value instanceof RegExp) return 64;
  for (const key of Object.keys(value)) open.push((value as Record<string, unknown>)[key]);
  return 0;
}

/** The size of a held key. */
export const keySize = (key: string | number): number => (typeof key === "string" ? 24 + key.length : 8);
