// Samples of a map task's keys, from which the bounds of a sort's ranges are chosen.
//
// Which records are taken depends on their number within the task alone: record i is taken if a hash of i is below a
// limit, and whenever there are too many, the limit is halved. So samples depend neither on the memory budget nor on
// slots, and a pattern in the input (every second record …) does not mislead them. Each stands for `weight` records.

import type { HeldKey, KeyForm } from "../keys/key.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { DamagedError } from "./bytes.ts";
import { readColumn, writeColumn } from "./column.ts";
import { ownKey } from "./key-table.ts";

/** Samples of one task at most. */
const samplesMax = 1024;
/** A sample is the beginning of its key: enough to part ranges, and a key of 64 MB does no harm. */
const sampleLengthMax = 256;

/** Keys with their forms; what stands for each is `weight` records. */
export interface Samples {
  readonly forms: KeyForm[];
  readonly keys: HeldKey[];
  readonly weight: number;
}

export class Sampler {
  private taken: { readonly hash: number; readonly form: KeyForm; readonly key: HeldKey }[] = [];
  private limit = 2 ** 32;
  private count = 0;

  add(form: KeyForm, key: HeldKey): void {
    const hash = spread(this.count++);
    if (hash >= this.limit) return;
    this.taken.push({ hash, form, key: beginningOf(key) });
    while (this.taken.length > samplesMax) {
      this.limit /= 2;
      this.taken = this.taken.filter((sample) => sample.hash < this.limit);
    }
  }

  get samples(): Samples {
    return {
      forms: this.taken.map(({ form }) => form),
      keys: this.taken.map(({ key }) => key),
      weight: 2 ** 32 / this.limit,
    };
  }
}

const beginningOf = (key: HeldKey): HeldKey =>
  typeof key === "string" && key.length > sampleLengthMax ? ownKey(key.slice(0, sampleLengthMax)) : ownKey(key);

/** 32 well-mixed bits of a record's number (murmur3's mixer). */
function spread(n: number): number {
  let h = (n | 0) ^ Math.imul(Math.floor(n / 4294967296), 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A list of keys of any forms; undefined where there is none. */
export function writeKeys(out: ByteWriter, forms: readonly KeyForm[], keys: readonly (HeldKey | undefined)[]): void {
  out.varint(keys.length);
  if (keys.length === 0) return;
  writeColumn(out, forms, String);
  writeColumn(out, keys, String);
}

export function readKeys(from: ByteReader): { forms: KeyForm[]; keys: (HeldKey | undefined)[] } {
  const count = from.varint();
  if (count === 0) return { forms: [], keys: [] };
  if (count > 2 ** 24) throw new DamagedError(`a list of ${count} keys`);
  return { forms: readColumn(from, count) as KeyForm[], keys: readColumn(from, count) as HeldKey[] };
}
