// Which partition a key belongs to: the same on every machine and every version of Node, so never V8's own hash.
//
// FNV-1a over UTF-16 code units (Fowler, Noll, Vo), finished by murmur3's mixer (Appleby), which spreads the low bits.

import { numberKey, type HeldKey, type KeyForm } from "./key.ts";

const eight = new DataView(new ArrayBuffer(8));

function mix(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 32 bits of the content of `text`, or of its first `length` code units. */
export function hashText(text: string, seed = 0x811c9dc5, length = text.length): number {
  let h = seed;
  for (let i = 0; i < length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

export function hashNumber(value: number): number {
  eight.setFloat64(0, value === value ? value : NaN); // one NaN for all
  return mix(Math.imul(eight.getUint32(0) ^ 0x811c9dc5, 0x01000193) ^ eight.getUint32(4));
}

/** 0 … partitions - 1. */
export const partitionOf = (form: KeyForm, key: HeldKey, partitions: number): number =>
  partitions === 1
    ? 0
    : (form === numberKey ? hashNumber(key as number) : hashText(key as string, 0x811c9dc5 + form)) %
      partitions;
