// How values print in text formats, such that different values print differently and nothing is changed in silence.

import { ShoalError } from "../../errors.ts";
import { requireJson } from "../portable.ts";

/** The number as JavaScript prints it, but for −0, which it prints as 0. */
export const printNumber = (value: number): string =>
  value === 0 && Object.is(value, -0) ? "-0" : String(value);

const escapes: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };
const special = /[\t\n\r\\\ud800-\udfff]/;

/**
 * A cell of a TSV line:
 *
 * - strings with tab, line feed, carriage return and backslash as `\t`, `\n`, `\r`, `\\`
 * - numbers, bigints, booleans as JavaScript prints them; −0 as `-0`
 * - null and undefined as `\N`, as PostgreSQL's COPY does (a string "\N" prints as `\\N`)
 * - dates in ISO form
 * - arrays and plain objects within a cell as JSON, then escaped as strings are
 *
 * VALUE_INVALID for everything else, and for strings with lone surrogates, which UTF-8 cannot carry.
 */
export function printCell(value: unknown, at: string): string {
  switch (typeof value) {
    case "string":
      return special.test(value) ? escape(value, at) : value;
    case "number":
      return printNumber(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "undefined":
      return "\\N";
    default:
      break;
  }
  if (value === null) return "\\N";
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  requireJson(value, at);
  return escape(JSON.stringify(value), at);
}

function escape(text: string, at: string): string {
  requireWellFormed(text, at);
  return text.replace(/[\t\n\r\\]/g, (character) => escapes[character]!);
}

const loneSurrogate = /\p{Surrogate}/u;

export function requireWellFormed(text: string, at: string): void {
  const index = text.search(loneSurrogate);
  if (index === -1) return;
  const unit = text.charCodeAt(index).toString(16);
  throw new ShoalError(
    "VALUE_INVALID",
    `${at}: a string with a lone surrogate (\\u${unit} at index ${index}), which UTF-8 cannot carry`,
    {
      hint: "Repair it with text.toWellFormed(), which puts U+FFFD in its place.",
      details: { path: at, index },
    },
  );
}
