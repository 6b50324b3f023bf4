// Records with keys of one form, in the order in which they came; and the same, stably sorted by key.

import { codedKey, numberKey, textKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { inOrder, sortOrder } from "../keys/sort.ts";
import { tags } from "../keys/coded.ts";

export class RecordLog {
  readonly form: KeyForm;
  readonly keys: HeldKey[] = [];
  readonly values: unknown[] = [];

  constructor(form: KeyForm) {
    this.form = form;
  }

  clear(): void {
    this.keys.length = 0;
    this.values.length = 0;
  }
}

export type Logs = readonly [RecordLog, RecordLog, RecordLog];

/** One for each form, by its number. */
export const newLogs = (): Logs => [new RecordLog(textKey), new RecordLog(numberKey), new RecordLog(codedKey)];

/** A part of a sorted sequence of records that has one form. */
export interface RecordSection {
  readonly form: KeyForm;
  readonly keys: readonly HeldKey[];
  readonly values: readonly unknown[];
}

/** All records in the order of their keys, or the reverse; records of equal keys as they came, in both. */
export function sortedSections([text, numbers, coded]: Logs, isDescending: boolean): RecordSection[] {
  const sortedText = sortLog(text, isDescending);
  const sortedNumbers = sortLog(numbers, isDescending);
  const sortedCoded = sortLog(coded, isDescending);
  const cut = (from: number, to: number): RecordSection => ({
    form: codedKey,
    keys: sortedCoded.keys.filter((key) => inTags(key, from, to)),
    values: sortedCoded.values.filter((_, i) => inTags(sortedCoded.keys[i]!, from, to)),
  });
  const sections = [cut(0, tags.number), sortedNumbers, cut(tags.number, tags.string), sortedText, cut(tags.string, 256)];
  if (isDescending) sections.reverse();
  return sections.filter(({ keys }) => keys.length > 0);
}

const inTags = (key: HeldKey, from: number, to: number): boolean => {
  const tag = (key as string).charCodeAt(0);
  return tag >= from && tag < to;
};

function sortLog({ form, keys, values }: RecordLog, isDescending: boolean): RecordSection {
  const order = sortOrder(form, keys, isDescending);
  return { form, keys: inOrder(keys, order), values: inOrder(values, order) };
}
