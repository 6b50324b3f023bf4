// Sorts keys of one form, stably: the part of the engine that spends most on comparing, so that it compares little.
//
// Most significant digits first (Bentley & Sedgewick's multikey idea, with a native sort at each level): the next few
// characters of each key are packed into one number together with the key's place, and the numbers are sorted by
// Float64Array's own sort, which knows nothing of strings. Keys that tie are sorted by their next characters, few of
// them by insertion. Packing the place makes it stable and tells afterwards whose number it is.
//
//   number = digit × 2^b + place       digit < 257^4 (four characters up to U+00FF, 0 where the key has ended),
//                                      or 65537^2 (two of any); place < 2^b; in all below 2^53
//
// The order of characters is that of code points (text.ts); -0 comes before 0, NaN last.

import { numberKey, type HeldKey, type KeyForm } from "./key.ts";

/** Keys that tie are sorted by insertion up to this many. */
const insertionMax = 16;

/** The places of `keys` in their order, or the reverse. Equal keys stay as they are in both. */
export function sortOrder(form: KeyForm, keys: readonly HeldKey[], isDescending: boolean): Uint32Array {
  const order = new Uint32Array(keys.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  if (keys.length < 2) return order;
  if (form === numberKey) sortNumbers(keys as readonly number[], order, isDescending);
  else new TextSort(keys as readonly string[], order, isDescending).run();
  return order;
}

/** The keys in their order. */
export const sortKeys = <K extends HeldKey>(form: KeyForm, keys: readonly K[]): K[] =>
  inOrder(keys, sortOrder(form, keys, false));

/** The items at the places in `order`. */
export function inOrder<T>(items: readonly T[], order: Uint32Array): T[] {
  const sorted: T[] = [];
  sorted.length = order.length;
  for (let i = 0; i < order.length; i++) sorted[i] = items[order[i]!]!;
  return sorted;
}

/** A code unit such that the order of these is the order of code points, from 0 to 65535. */
const rankOfUnit = (unit: number): number =>
  unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;

const narrowBase = 257;
const wideBase = 65537;

class TextSort {
  private readonly keys: readonly string[];
  private readonly order: Uint32Array;
  private readonly sign: number;
  private readonly packed: Float64Array;
  private readonly places: Uint32Array;
  /** Ranges of `order` that tie up to a depth and wait to be sorted: start, end, depth; start, … */
  private readonly waiting: number[] = [];

  constructor(keys: readonly string[], order: Uint32Array, isDescending: boolean) {
    this.keys = keys;
    this.order = order;
    this.sign = isDescending ? -1 : 1;
    this.packed = new Float64Array(keys.length);
    this.places = new Uint32Array(keys.length);
  }

  run(): void {
    this.sortOrWait(0, this.keys.length, 0);
    for (;;) {
      const depth = this.waiting.pop();
      if (depth === undefined) return;
      const end = this.waiting.pop()!;
      this.sortRange(this.waiting.pop()!, end, depth);
    }
  }

  private sortOrWait(start: number, end: number, depth: number): void {
    if (end - start <= insertionMax) this.insertionSort(start, end, depth);
    else this.waiting.push(start, end, depth);
  }

  /** Sorts keys start … end, which are equal up to `depth`. */
  private sortRange(start: number, end: number, depth: number): void {
    const bits = 32 - Math.clz32(end - start - 1);
    const scale = 2 ** bits;
    let base = narrowBase;
    let characters = bits <= 20 ? 4 : bits <= 28 ? 3 : 2;
    let spread = this.packNarrow(start, end, depth, characters, scale);
    if (spread < 0) {
      base = wideBase;
      characters = bits <= 20 ? 2 : 1;
      spread = this.packWide(start, end, depth, characters, scale);
    }
    if (spread === 0) {
      // All tie. The digit says whether they have ended; if not, they may have more in common.
      const digit = Math.floor(this.packed[0]! / scale);
      const top = base ** characters - 1;
      if ((this.sign > 0 ? digit : top - digit) % base !== 0) {
        this.waiting.push(start, end, this.commonDepth(start, end, depth + characters));
      }
      return;
    }
    const count = end - start;
    this.packed.subarray(0, count).sort();
    this.unpack(start, end, depth + characters, scale, base, base ** characters - 1);
  }

  /** Returns -1 if there is a character above U+00FF, 0 if all digits are the same, else 1. */
  private packNarrow(start: number, end: number, depth: number, characters: number, scale: number): number {
    const { keys, order, packed, sign } = this;
    const top = narrowBase ** characters - 1;
    let isSpread = 0;
    let first = -1;
    for (let i = start; i < end; i++) {
      const key = keys[order[i]!]!;
      const { length } = key;
      let digit = 0;
      for (let at = depth; at < depth + characters; at++) {
        const unit = at < length ? key.charCodeAt(at) + 1 : 0;
        if (unit > 256) return -1;
        digit = digit * narrowBase + unit;
      }
      if (digit !== first) {
        if (first >= 0) isSpread = 1;
        first = digit;
      }
      packed[i - start] = (sign > 0 ? digit : top - digit) * scale + (i - start);
    }
    return isSpread;
  }

  private packWide(start: number, end: number, depth: number, characters: number, scale: number): number {
    const { keys, order, packed, sign } = this;
    const top = wideBase ** characters - 1;
    let isSpread = 0;
    let first = -1;
    for (let i = start; i < end; i++) {
      const key = keys[order[i]!]!;
      let digit = 0;
      for (let at = depth; at < depth + characters; at++) {
        digit = digit * wideBase + (at < key.length ? rankOfUnit(key.charCodeAt(at)) + 1 : 0);
      }
      if (digit !== first) {
        if (first >= 0) isSpread = 1;
        first = digit;
      }
      packed[i - start] = (sign > 0 ? digit : top - digit) * scale + (i - start);
    }
    return isSpread;
  }

  /** Puts the places of the sorted numbers into `order`, and sorts on what ties and has not ended. */
  private unpack(start: number, end: number, depth: number, scale: number, base: number, top: number): void {
    const { order, packed, places, sign } = this;
    const count = end - start;
    for (let i = 0; i < count; i++) places[i] = order[start + i]!;
    let tieFrom = start;
    let tieDigit = -1;
    const sortTie = (tieEnd: number): void => {
      const hasEnded = (sign > 0 ? tieDigit : top - tieDigit) % base === 0;
      if (tieEnd - tieFrom > 1 && !hasEnded) this.sortOrWait(tieFrom, tieEnd, depth);
    };
    for (let i = 0; i < count; i++) {
      const digit = Math.floor(packed[i]! / scale);
      order[start + i] = places[packed[i]! - digit * scale]!;
      if (digit === tieDigit) continue;
      sortTie(start + i);
      tieFrom = start + i;
      tieDigit = digit;
    }
    sortTie(end);
  }

  /** Up to where keys start … end, which are equal up to `depth`, are equal. */
  private commonDepth(start: number, end: number, depth: number): number {
    const first = this.keys[this.order[start]!]!;
    let common = first.length;
    for (let i = start + 1; i < end; i++) {
      const key = this.keys[this.order[i]!]!;
      if (key.length < common) common = key.length;
      let at = depth;
      while (at < common && key.charCodeAt(at) === first.charCodeAt(at)) at++;
      common = at;
    }
    return Math.max(common, depth);
  }

  private insertionSort(start: number, end: number, depth: number): void {
    const { keys, order, sign } = this;
    for (let i = start + 1; i < end; i++) {
      const place = order[i]!;
      const key = keys[place]!;
      let hole = i;
      while (hole > start && compareFrom(keys[order[hole - 1]!]!, key, depth) * sign > 0) {
        order[hole] = order[hole - 1]!;
        hole--;
      }
      order[hole] = place;
    }
  }
}

/** Compares strings that are equal up to `depth`, by code points. */
function compareFrom(a: string, b: string, depth: number): number {
  const length = a.length < b.length ? a.length : b.length;
  for (let i = depth; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rankOfUnit(x) - rankOfUnit(y);
  }
  return a.length - b.length;
}

/** Two levels of 32 bits, or four of 16 when there are many: the bits of a double, in the order of doubles. */
function sortNumbers(keys: readonly number[], order: Uint32Array, isDescending: boolean): void {
  const digitBits = order.length <= 2 ** 21 ? 32 : 16;
  const view = new DataView(new ArrayBuffer(8));
  const packed = new Float64Array(order.length);
  const places = new Uint32Array(order.length);
  const top = 2 ** digitBits - 1;
  // Least significant digits first: each pass is stable, so the last one decides.
  for (let shift = 0; shift < 64; shift += digitBits) {
    const scale = 2 ** (32 - Math.clz32(order.length - 1));
    for (let i = 0; i < order.length; i++) {
      const key = keys[order[i]!]!;
      view.setFloat64(0, key === key ? key : NaN);
      let high = view.getUint32(0);
      let low = view.getUint32(4);
      if (high >>> 31 === 1 && key === key) {
        high = ~high >>> 0;
        low = ~low >>> 0;
      } else {
        high = (high ^ 0x80000000) >>> 0;
      }
      const half = shift < 32 ? low : high;
      const digit = digitBits === 32 ? half : (half >>> (shift & 31)) & 0xffff;
      packed[i] = (isDescending ? top - digit : digit) * scale + i;
    }
    packed.sort();
    places.set(order);
    for (let i = 0; i < order.length; i++) order[i] = places[packed[i]! % scale]!;
  }
}
