// Records by the form of their keys, in the order in which they came.

import { codedKey, numberKey, textKey, type HeldKey, type KeyForm } from "../keys/key.ts";
import { sortedSections } from "../keys/sections.ts";
import { inOrder } from "../keys/sort.ts";

export class RecordLog {
  readonly form: KeyForm;
  keys: HeldKey[] = [];
  values: unknown[] = [];

  constructor(form: KeyForm) {
    this.form = form;
  }

  clear(): void {
    this.keys = [];
    this.values = [];
  }
}

/** One for each form, by its number. */
export type Logs = readonly [RecordLog, RecordLog, RecordLog];

export const newLogs = (): Logs => [
  new RecordLog(textKey),
  new RecordLog(numberKey),
  new RecordLog(codedKey),
];

/** Records of one form. */
export interface RecordSection {
  readonly form: KeyForm;
  readonly keys: readonly HeldKey[];
  readonly values: readonly unknown[];
}

/** All records in the order of their keys, or the reverse; records of equal keys as they came, in both. */
export const sortedLogs = (logs: Logs, isDescending: boolean): RecordSection[] =>
  sortedSections([logs[0].keys, logs[1].keys, logs[2].keys], isDescending).map(({ form, keys, places }) => ({
    form,
    keys,
    values: inOrder(logs[form].values, places),
  }));
