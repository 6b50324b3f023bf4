// Where a text stops being UTF-8, and how that is told. Whether it is UTF-8 at all is asked of node:buffer, which is a
// hundred times faster.

import { ShoalError } from "../../errors.ts";
import { showName } from "./file.ts";

/** What node's Buffer has, and its types do not tell: decoding without the checks of toString(). */
export interface Slices {
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
}

/** Index of the first byte in [from, to) that begins no valid UTF-8 sequence (RFC 3629, table 3-7 of Unicode), or -1. */
export function firstInvalidUtf8(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const lead = bytes[at]!;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length === 0 || at + length > to) return at;
    // the second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (bytes[at + 1]! < low || bytes[at + 1]! > high) return at;
    for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return at;
    at += length;
  }
  return -1;
}

/** The length of the byte order mark at the start of the first `to` bytes, 0 if there is none; INPUT_ENCODING for UTF-16. */
export function byteOrderMark(bytes: Uint8Array, to: number, name: string): number {
  const [a, b, c] = [bytes[0], bytes[1], bytes[2]];
  if (to >= 3 && a === 0xef && b === 0xbb && c === 0xbf) return 3;
  if (to < 2 || !((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))) return 0;
  throw new ShoalError(
    "INPUT_ENCODING",
    `${showName(name)} is UTF-16 (by its byte order mark ${a.toString(16)} ${b.toString(16)}), expected UTF-8`,
    { hint: "Convert it: iconv -f UTF-16 -t UTF-8.", details: { file: name } },
  );
}

/** To be thrown: `byte` counts from 0, as in od and dd, `line` from 1. */
export const notUtf8 = (name: string, line: number, byte: number, value: number): ShoalError =>
  new ShoalError(
    "INPUT_ENCODING",
    `${showName(name)} is not UTF-8: line ${line}, byte ${byte} of the file (0x${value.toString(16).padStart(2, "0")})`,
    { details: { file: name, line, byte } },
  );
