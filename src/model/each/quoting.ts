// Shell quoting: text that a POSIX shell reads back as one word with exactly these characters.

import { hasEscapes, octalOf, partsOf } from "./bytes.ts";

/** Words of these characters only are the same to the shell without quotes; GNU parallel leaves the same ones bare. */
const plain = /^[\w+./-]+$/;

/** One word of a shell command. Bytes that are no UTF-8 are left to the shell's printf: no argument of ours can hold them. */
export function shellQuote(text: string): string {
  if (text === "") return "''";
  if (!hasEscapes(text)) return quotePart(text);
  return partsOf(text)
    .map((part) => (part.isEscape ? `"$(printf '${octalOf(part.text)}')"` : quotePart(part.text)))
    .join("");
}

/** In single quotes, and what these cannot hold in double quotes: 'it'"'"'s'. */
const quotePart = (text: string): string =>
  plain.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`.replace(/^''|''$/g, "");

/** A command as it can be handed to `sh -c`, whose argument must be UTF-8. */
export const portableCommand = (command: string): string =>
  hasEscapes(command) ? `eval ${shellQuote(command)}` : command;
