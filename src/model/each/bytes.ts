// Arguments are bytes to the system and strings to JavaScript. Bytes that are no UTF-8 (a file name in Latin-1) become
// lone surrogates U+DC80 to U+DCFF and come back as the same bytes: what Python calls surrogateescape (PEP 383). So a
// name that cannot be shown is still the name of the same file.

import { isUtf8 } from "node:buffer";

/** With the u flag only surrogates that stand alone match, never half of a pair. */
const escapes = /[\udc80-\udcff]+/gu;
const escapeBase = 0xdc00;

/** Whether `text` holds bytes that are no UTF-8. */
export const hasEscapes = (text: string): boolean => text.search(escapes) !== -1;

/** The text that stands for `bytes`: UTF-8 where it is, a lone surrogate for each other byte. */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]!);
    const isCharacter = length > 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length));
    text += isCharacter
      ? bytes.toString("utf8", at, at + length)
      : String.fromCharCode(escapeBase + bytes[at]!);
    at += isCharacter ? length : 1;
  }
  return text;
}

/** The bytes that `text` stands for. */
export function bytesOf(text: string): Buffer {
  if (!hasEscapes(text)) return Buffer.from(text, "utf8");
  const parts: Buffer[] = [];
  for (const { text: part, isEscape } of partsOf(text)) {
    parts.push(
      isEscape ? Buffer.from(Array.from(part, (char) => char.charCodeAt(0) - escapeBase)) : Buffer.from(part),
    );
  }
  return Buffer.concat(parts);
}

export interface TextPart {
  readonly text: string;
  /** True for a stretch of bytes that are no UTF-8. */
  readonly isEscape: boolean;
}

/** `text` cut where bytes that are no UTF-8 begin and end. */
export function partsOf(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(escapes)) {
    if (match.index > at) parts.push({ text: text.slice(at, match.index), isEscape: false });
    parts.push({ text: match[0], isEscape: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), isEscape: false });
  return parts;
}

/** The bytes of a stretch of escapes, as the shell's printf writes them: "\351\350". */
export const octalOf = (escaped: string): string =>
  Array.from(escaped, (char) => `\\${(char.charCodeAt(0) - escapeBase).toString(8).padStart(3, "0")}`).join(
    "",
  );

/** The length of the UTF-8 sequence that `lead` begins; 0 if none begins with it (RFC 3629). */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}
