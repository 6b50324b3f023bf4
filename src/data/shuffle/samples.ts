// Samples of a map task's keys, from which the bounds of a sort's ranges are chosen.
//
// A distinct key is taken if its hash is below a limit, with how often it occurs; whenever there are too many, the limit
// is halved (distinct sampling: Gibbons, VLDB 2001). What all tasks have below the lowest of their limits is then
// exactly what one task over the whole input would have taken: the bounds depend on the data and on the number of
// ranges alone, not on splits, slots or memory.

import { hashNumber, hashText } from "../keys/hash.ts";
import { negativeZero, numberKey, toMapKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { DamagedError } from "./bytes.ts";
import { readColumn, writeColumn } from "./column.ts";
import { ownKey } from "./key-table.ts";

/** Distinct keys that are taken for this many ranges, at most. */
export const samplesMaxFor = (partitions: number): number =>
  Math.min(16_384, Math.max(1024, 32 * partitions));
/** A sample is the beginning of its key: enough to part ranges, and a key of 64 MB does no harm. */
const sampleLengthMax = 256;
const hashes = 2 ** 32;

export interface Sample {
  readonly form: KeyForm;
  readonly key: HeldKey;
  readonly hash: number;
  /** Records with a key that begins so. */
  count: number;
}

export class Sampler {
  private readonly samplesMax: number;
  private readonly byForm = new Map<KeyForm, Map<HeldKey | typeof negativeZero, Sample>>();
  private size = 0;
  private limit = hashes;

  constructor(samplesMax: number) {
    this.samplesMax = samplesMax;
  }

  add(form: KeyForm, key: HeldKey): void {
    const hash = hashOf(form, key);
    if (hash < this.limit) this.take(form, beginningOf(key), hash, 1);
  }

  /** Takes over what another sampler took. */
  merge(samples: Iterable<Sample>, limit: number): void {
    this.lower(limit);
    for (const { form, key, hash, count } of samples)
      if (hash < this.limit) this.take(form, key, hash, count);
  }

  /** All that were taken, and the limit that their hashes are below. */
  get samples(): { readonly samples: readonly Sample[]; readonly limit: number } {
    return { samples: [...this.byForm.values()].flatMap((keys) => [...keys.values()]), limit: this.limit };
  }

  private take(form: KeyForm, key: HeldKey, hash: number, count: number): void {
    let keys = this.byForm.get(form);
    if (keys === undefined) this.byForm.set(form, (keys = new Map()));
    const at = form === numberKey ? toMapKey(key as number) : ownKey(key);
    const sample = keys.get(at);
    if (sample !== undefined) {
      sample.count += count;
      return;
    }
    keys.set(at, { form, key: ownKey(key), hash, count });
    this.size++;
    while (this.size > this.samplesMax) this.lower(this.limit / 2);
  }

  private lower(limit: number): void {
    if (limit >= this.limit) return;
    this.limit = limit;
    for (const keys of this.byForm.values()) {
      for (const [key, { hash }] of keys) if (hash >= limit && keys.delete(key)) this.size--;
    }
  }
}

const beginningOf = (key: HeldKey): HeldKey =>
  typeof key === "string" && key.length > sampleLengthMax ? key.slice(0, sampleLengthMax) : key;

const hashOf = (form: KeyForm, key: HeldKey): number =>
  form === numberKey
    ? hashNumber(key as number)
    : hashText(key as string, form, Math.min((key as string).length, sampleLengthMax));

export function writeSamples(out: ByteWriter, { samples, limit }: Sampler["samples"]): void {
  writeKeys(
    out,
    samples.map(({ form }) => form),
    samples.map(({ key }) => key),
  );
  for (const { count } of samples) out.varint(count);
  out.varint(Math.log2(limit));
}

export function readSamples(from: ByteReader): Sampler["samples"] {
  const { forms, keys } = readKeys(from);
  const samples = forms.map((form, i) => ({
    form,
    key: keys[i]!,
    hash: hashOf(form, keys[i]!),
    count: from.varint(),
  }));
  return { samples, limit: 2 ** from.varint() };
}

/** A list of keys of any forms; undefined where there is none. */
export function writeKeys(
  out: ByteWriter,
  forms: readonly KeyForm[],
  keys: readonly (HeldKey | undefined)[],
): void {
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
