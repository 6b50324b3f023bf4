// Sorted keys of all three forms as one sequence, by the order of types (order.ts).

import { tags } from "./coded.ts";
import { codedKey, numberKey, textKey, type HeldKey, type KeyForm } from "./key.ts";
import { inOrder, sortOrder } from "./sort.ts";

/** A part of a sorted sequence of keys: those of one form that come one after the other. */
export interface KeySection {
  readonly form: KeyForm;
  readonly keys: readonly HeldKey[];
  /** Where each key was among the unsorted keys of its form. */
  readonly places: Uint32Array;
}

/** Keys, by the number of their form. */
type KeysByForm = readonly [readonly HeldKey[], readonly HeldKey[], readonly HeldKey[]];

/** All keys sorted; equal keys as they were. Types come one after the other: at most five sections. */
export function sortedSections(keys: KeysByForm, isDescending: boolean): KeySection[] {
  const text = section(textKey, keys[textKey], isDescending);
  const numbers = section(numberKey, keys[numberKey], isDescending);
  const coded = section(codedKey, keys[codedKey], isDescending);
  const parts = [
    cut(coded, 0, tags.number),
    numbers,
    cut(coded, tags.number, tags.string),
    text,
    cut(coded, tags.string, 256),
  ];
  return (isDescending ? parts.reverse() : parts).filter((part) => part.keys.length > 0);
}

function section(form: KeyForm, keys: readonly HeldKey[], isDescending: boolean): KeySection {
  const places = sortOrder(form, keys, isDescending);
  return { form, keys: inOrder(keys, places), places };
}

/** The keys whose tag is at least `from` and below `to`: neighbours, since keys are sorted by tag first. */
function cut({ form, keys, places }: KeySection, from: number, to: number): KeySection {
  const isIn = (key: HeldKey): boolean => {
    const tag = (key as string).charCodeAt(0);
    return tag >= from && tag < to;
  };
  const start = keys.findIndex(isIn);
  if (start === -1) return { form, keys: [], places: new Uint32Array(0) };
  const end = keys.findLastIndex(isIn) + 1;
  return { form, keys: keys.slice(start, end), places: places.subarray(start, end) };
}
