// A hash table by key: one Map for each form that keys are held in, so that each holds keys of one kind.

import { codedKey, fromMapKey, numberKey, textKey, toMapKey, type HeldKey, type KeyForm, type NumberMapKey } from "../keys/key.ts";
import { sectionsOf, type KeySection } from "../keys/order.ts";
import { sortKeys } from "../keys/sort.ts";

export class KeyTable<E> {
  readonly text = new Map<string, E>();
  readonly numbers = new Map<NumberMapKey, E>();
  readonly coded = new Map<string, E>();

  get(form: KeyForm, key: HeldKey): E | undefined {
    if (form === textKey) return this.text.get(key as string);
    return form === numberKey ? this.numbers.get(toMapKey(key as number)) : this.coded.get(key as string);
  }

  set(form: KeyForm, key: HeldKey, entry: E): void {
    if (form === textKey) this.text.set(key as string, entry);
    else if (form === numberKey) this.numbers.set(toMapKey(key as number), entry);
    else this.coded.set(key as string, entry);
  }

  get size(): number {
    return this.text.size + this.numbers.size + this.coded.size;
  }

  clear(): void {
    this.text.clear();
    this.numbers.clear();
    this.coded.clear();
  }

  /** Calls `each` for every form that has keys: its keys and entries, in the order in which they came. */
  forEachForm(each: (form: KeyForm, keys: readonly HeldKey[], entries: readonly E[]) => void): void {
    if (this.text.size > 0) each(textKey, [...this.text.keys()], [...this.text.values()]);
    if (this.numbers.size > 0) each(numberKey, [...this.numbers.keys()].map(fromMapKey), [...this.numbers.values()]);
    if (this.coded.size > 0) each(codedKey, [...this.coded.keys()], [...this.coded.values()]);
  }

  /** All keys in order. */
  sorted(): KeySection[] {
    return sectionsOf(
      sortKeys(textKey, [...this.text.keys()]),
      sortKeys(numberKey, [...this.numbers.keys()].map(fromMapKey)),
      sortKeys(codedKey, [...this.coded.keys()]),
    );
  }
}

/** A string that stands on its own: what is cut from a larger one keeps all of that one in memory (V8, 13 characters up). */
export const ownText = (text: string): string => (text.length < 13 ? text : ` ${text}`.slice(1));

/** `key`, fit to be kept. */
export const ownKey = (key: HeldKey): HeldKey => (typeof key === "string" ? ownText(key) : key);
