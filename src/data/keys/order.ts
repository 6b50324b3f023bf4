// The total order of keys, the same on every machine: by type, then by value.
//
//   undefined · null · false · true · numbers · bigints · Dates · strings · typed arrays · arrays
//
// Numbers: -Infinity … -0, 0 … Infinity, NaN. Dates by time, an invalid one last. Strings by their UTF-8 bytes, which
// is the order of code points (a lone surrogate sorts with the pairs, after U+FFFF). Typed arrays by kind, then
// element by element; arrays element by element; of two, the one that the other begins with comes first.

import { tags } from "./coded.ts";
import { compareText } from "./text.ts";
import { numberKey, textKey, type HeldKey, type KeyForm } from "./key.ts";

export const comparePlain = (a: string, b: string): number => (a < b ? -1 : a === b ? 0 : 1);

export function compareNumbers(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return a !== 0 ? 0 : Math.sign(1 / a) - Math.sign(1 / b);
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

/** The tag of a key's type: types sort by it. */
export const rankOf = (form: KeyForm, key: HeldKey): number =>
  form === textKey ? tags.string : form === numberKey ? tags.number : (key as string).charCodeAt(0);

/** Compares two held keys of any forms. */
export function compareKeys(formA: KeyForm, a: HeldKey, formB: KeyForm, b: HeldKey): number {
  if (formA !== formB) return rankOf(formA, a) - rankOf(formB, b);
  if (formA === textKey) return compareText(a as string, b as string);
  return formA === numberKey
    ? compareNumbers(a as number, b as number)
    : comparePlain(a as string, b as string);
}
