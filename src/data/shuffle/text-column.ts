// Columns of strings. All characters of a column are one piece, written and read at once: a call into V8 for each
// string costs more than its characters. Forms: column-form.ts.

import { isWellFormed } from "../keys/text.ts";
import { DamagedError, type ByteReader, type ByteWriter } from "./bytes.ts";
import { columnForm as form } from "./column-form.ts";
import { readUint32s } from "./number-column.ts";

export function writeStrings(out: ByteWriter, values: readonly string[]): void {
  const dictionary = dictionaryOf(values);
  if (dictionary === null) {
    writeDistinct(out, values);
    return;
  }
  out.u8(form.dictionary);
  out.u8(dictionary.words.length);
  writeDistinct(out, dictionary.words);
  out.bytes(dictionary.places);
}

/** Values that are looked at to see whether a dictionary is worth a try, and words in it at most. */
const probed = 64;
const wordsMax = 255;

/** The words that `values` consist of and which of them each value is, or null if there are too many. */
function dictionaryOf(values: readonly string[]): { words: string[]; places: Uint8Array } | null {
  if (values.length < probed || new Set(values.slice(0, probed)).size > probed / 4) return null;
  const known = new Map<string, number>();
  const places = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let place = known.get(values[i]!);
    if (place === undefined) {
      place = known.size;
      if (place === wordsMax) return null;
      known.set(values[i]!, place);
    }
    places[i] = place;
  }
  return { words: [...known.keys()], places };
}

function writeDistinct(out: ByteWriter, values: readonly string[]): void {
  let joined = "";
  for (let i = 0; i < values.length; i++) joined += values[i]!; // faster than join(), and flattened once
  const encoding = !/[^\0-\xff]/.test(joined) ? "latin1" : isWellFormed(joined) ? "utf8" : "utf16le";
  const capacity =
    encoding === "latin1"
      ? joined.length
      : encoding === "utf8"
        ? Buffer.byteLength(joined)
        : joined.length * 2;
  out.u8(encoding === "latin1" ? form.latin1 : encoding === "utf8" ? form.utf8 : form.utf16);
  writeLengths(out, values);
  out.varint(capacity);
  out.reserve(capacity);
  out.length += out.buffer.write(joined, out.length, encoding);
}

function writeLengths(out: ByteWriter, values: readonly string[]): void {
  out.reserve(values.length * 5);
  const { buffer } = out;
  let at = out.length;
  for (let i = 0; i < values.length; i++) {
    let length = values[i]!.length;
    for (; length >= 0x80; length >>>= 7) buffer[at++] = (length & 0x7f) | 0x80;
    buffer[at++] = length;
  }
  out.length = at;
}

export function readStrings(from: ByteReader, count: number, code: number): string[] {
  const lengths = readUint32s(from, count);
  const bytes = from.bytes(from.varint());
  const all =
    code === form.latin1
      ? bytes.toString("latin1")
      : code === form.utf8
        ? bytes.toString("utf8")
        : bytes.toString("utf16le");
  const values: string[] = [];
  values.length = count; // a quarter faster than to let it grow
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = at + lengths[i]!;
    values[i] = all.substring(at, end);
    at = end;
  }
  if (at !== all.length) throw new DamagedError(`strings of ${at} characters in all have ${all.length}`);
  return values;
}

/** Equal values come back as one string, in memory once. */
export function readDictionary(from: ByteReader, count: number): string[] {
  const size = from.u8();
  const code = from.u8();
  if (code !== form.latin1 && code !== form.utf8 && code !== form.utf16)
    throw new DamagedError(`a dictionary has the form ${code}`);
  const words = readStrings(from, size, code);
  const places = from.bytes(count);
  const values: string[] = [];
  for (let i = 0; i < count; i++) {
    const word = words[places[i]!];
    if (word === undefined) throw new DamagedError("a value is not in its dictionary");
    values.push(word);
  }
  return values;
}
