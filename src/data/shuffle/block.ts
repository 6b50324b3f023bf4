// A block: the checksummed unit of a shuffle. A batch of records, as a column of keys and a column of values.
//
//   crc32 of the rest u32 · partition · window · form of the keys · plain · records · keys · values
//
// The partition and the window are in it so that a block read from the wrong place is found out.

import { crc32 } from "node:zlib";
import { codedKey, numberKey, printKey, textKey, userKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { isPlain } from "../keys/text.ts";
import { ByteReader, DamagedError, type ByteWriter } from "./bytes.ts";
import { columnForm } from "./column-form.ts";
import { readColumn, writeColumn, writeLists } from "./column.ts";

/** Records whose keys have one form. */
export interface Batch {
  readonly form: KeyForm;
  /** Whether all keys are plain (text.ts): they sort by `<`. */
  readonly plain: boolean;
  readonly keys: readonly HeldKey[];
  readonly values: readonly unknown[];
}

/** What the values of records are: values, lists of values, or values of which each is read back as a list of its own. */
export type ValueKind = "values" | "lists" | "singles";

/** Where a block belongs. */
export interface BlockPlace {
  readonly partition: number;
  /** Which window of its task, or which run of a sort, it is of. */
  readonly window: number;
}

/** Records in a block at most. */
export const blockRecordsMax = 1 << 16;

/** Appends the block to `out`; returns its length. */
export function writeBlock(
  out: ByteWriter,
  place: BlockPlace,
  form: KeyForm,
  keys: readonly HeldKey[],
  values: readonly unknown[],
  kind: ValueKind,
): number {
  const start = out.length;
  out.u32(0);
  out.varint(place.partition);
  out.varint(place.window);
  out.u8(form);
  const plainAt = out.length;
  out.u8(1);
  out.varint(keys.length);
  const keysAt = out.length;
  writeColumn(out, keys, String);
  // A column of one-byte strings is plain as a whole; others are looked at.
  const isPlainColumn = form !== textKey || out.buffer[keysAt] === columnForm.latin1;
  if (!isPlainColumn && !keys.every((key) => isPlain(key as string))) out.buffer[plainAt] = 0;
  const nameOf = (index: number): string => `the value of key ${printKey(userKey(form, keys[index]!))}`;
  if (kind === "values") writeColumn(out, values, nameOf);
  else writeLists(out, kind === "lists" ? (values as readonly unknown[][]) : null, values, nameOf);
  const length = out.length - start;
  out.buffer.writeUInt32LE(crc32(out.buffer.subarray(start + 4, out.length)), start);
  return length;
}

/** The batch of a block. Throws DamagedError if the bytes are not those that were written for that place. */
export function readBlock(bytes: Buffer, place: BlockPlace): Batch {
  if (bytes.length < 10) throw new DamagedError(`a block of ${bytes.length} bytes`);
  const from = new ByteReader(bytes);
  if (from.u32() !== crc32(bytes.subarray(4))) throw new DamagedError("the checksum of a block is wrong");
  const partition = from.varint();
  const window = from.varint();
  if (partition !== place.partition || window !== place.window) {
    throw new DamagedError(
      `a block of partition ${partition}, window ${window} is where ` +
        `one of partition ${place.partition}, window ${place.window} should be`,
    );
  }
  const form = from.u8();
  if (form !== textKey && form !== numberKey && form !== codedKey)
    throw new DamagedError(`keys have the unknown form ${form}`);
  const plain = from.u8() === 1;
  const count = from.varint();
  if (count < 1 || count > blockRecordsMax) throw new DamagedError(`a block of ${count} records`);
  const keys = readColumn(from, count);
  const values = readColumn(from, count);
  if (from.at !== from.end) throw new DamagedError("a block is longer than its contents");
  const type = form === numberKey ? "number" : "string";
  if (typeof keys[0] !== type) throw new DamagedError(`keys are not of type ${type}`);
  return { form, plain, keys: keys as HeldKey[], values };
}
