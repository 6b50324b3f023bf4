// Columns: an array of values as bytes, in the densest form that brings back exactly the same values.
//
// Not here: checksums and framing (block.ts). What is read was checked; still no length is believed.

import { ShoalError } from "../../errors.ts";
import { DamagedError, type ByteReader, type ByteWriter } from "./bytes.ts";
import { columnForm as form } from "./column-form.ts";
import { readDoubles, readInts, writeNumbers } from "./number-column.ts";
import { assemble, fieldsMax, shapeOf, type Shape } from "./shape.ts";
import { readDictionary, readStrings, writeStrings } from "./text-column.ts";
import { readV8Array, readV8Each, writeAny } from "./v8-column.ts";

/** Writes `values`, one or more. `nameOf(i)` names value i in the VALUE_INVALID that is thrown if it is not portable. */
export function writeColumn(
  out: ByteWriter,
  values: readonly unknown[],
  nameOf: (index: number) => string,
): void {
  const first = values[0];
  if (isSame(values, first)) {
    out.u8(form.same);
    writeDistinct(out, [first], nameOf);
  } else {
    writeDistinct(out, values, nameOf);
  }
}

function isSame(values: readonly unknown[], first: unknown): boolean {
  if (values.length < 2 || (typeof first === "object" && first !== null)) return false;
  for (let i = 1; i < values.length; i++) {
    if (values[i] !== first && !Object.is(values[i], first)) return false;
  }
  return first !== 0 || values.every((value) => Object.is(value, first));
}

function writeDistinct(out: ByteWriter, values: readonly unknown[], nameOf: (index: number) => string): void {
  switch (typeof values[0]) {
    case "string":
      if (values.every((value) => typeof value === "string"))
        return writeStrings(out, values as readonly string[]);
      break;
    case "number":
      if (values.every((value) => typeof value === "number"))
        return writeNumbers(out, values as readonly number[]);
      break;
    case "object": {
      const shape = shapeOf(values);
      if (shape !== null) return writeShape(out, shape);
      break;
    }
    default:
  }
  writeAny(out, values, nameOf);
}

function writeShape(out: ByteWriter, { names, fields }: Shape): void {
  out.u8(names === null ? form.tuple : form.object);
  out.varint(fields.length);
  if (names !== null) writeColumn(out, names, String);
  for (const field of fields) writeColumn(out, field, String);
}

function readShape(from: ByteReader, count: number, hasNames: boolean): unknown[] {
  const width = from.varint();
  if (width < 1 || width > fieldsMax) throw new DamagedError(`objects of ${width} properties`);
  const names = hasNames ? readColumn(from, width) : null;
  if (names !== null && names.some((name) => typeof name !== "string" || name === "__proto__")) {
    throw new DamagedError("a property has no name");
  }
  const fields: unknown[][] = [];
  for (let i = 0; i < width; i++) fields.push(readColumn(from, count));
  return assemble({ names: names as string[] | null, fields }, count);
}

/** Values in one column of lists at most: what would take more than a GiB as an array is refused. */
const listedMax = 2 ** 27;

/** Writes lists of values, none empty; null: every value is a list of its own. `nameOf(i)` names the values of list i. */
export function writeLists(
  out: ByteWriter,
  lists: readonly (readonly unknown[])[] | null,
  values: readonly unknown[],
  nameOf: (index: number) => string,
): void {
  out.u8(form.lists);
  if (lists === null) {
    writeColumn(
      out,
      values.map(() => 1),
      String,
    );
    writeColumn(out, values, nameOf);
    return;
  }
  const lengths = lists.map((list) => list.length);
  const listed = lengths.reduce((sum, length) => sum + length, 0);
  if (listed > listedMax) {
    throw new ShoalError("RECORD_TOO_LARGE", `a key has ${listed} values, more than ${listedMax}`, {
      hint: "Fold them with reduceByKey(), or make the key finer.",
    });
  }
  const flat: unknown[] = [];
  for (const list of lists) for (const value of list) flat.push(value);
  writeColumn(out, lengths, String);
  writeColumn(out, flat, (index) => {
    let list = 0;
    for (let left = index; left >= lengths[list]!; list++) left -= lengths[list]!;
    return nameOf(list);
  });
}

function readLists(from: ByteReader, count: number): unknown[][] {
  const lengths = readColumn(from, count);
  let listed = 0;
  for (const length of lengths) {
    if (typeof length !== "number" || !(length >= 1)) throw new DamagedError("a list has no length");
    listed += length;
  }
  if (listed > listedMax) throw new DamagedError(`lists of ${listed} values`);
  const flat = readColumn(from, listed);
  const lists: unknown[][] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = lengths[i] as number;
    lists.push(length === 1 ? [flat[at]] : flat.slice(at, at + length));
    at += length;
  }
  return lists;
}

/** Reads `count` values. */
export function readColumn(from: ByteReader, count: number): unknown[] {
  const code = from.u8();
  switch (code) {
    case form.same:
      return repeated(readColumn(from, 1)[0], count);
    case form.int:
      return readInts(from, count);
    case form.double:
      return readDoubles(from, count);
    case form.latin1:
    case form.utf8:
    case form.utf16:
      return readStrings(from, count, code);
    case form.dictionary:
      return readDictionary(from, count);
    case form.lists:
      return readLists(from, count);
    case form.object:
      return readShape(from, count, true);
    case form.tuple:
      return readShape(from, count, false);
    case form.v8:
      return readV8Array(from, count);
    case form.v8each:
      return readV8Each(from, count);
    default:
      throw new DamagedError(`a column has the unknown form ${code}`);
  }
}

function repeated(value: unknown, count: number): unknown[] {
  const values: unknown[] = [];
  for (let i = 0; i < count; i++) values.push(value);
  return values;
}
