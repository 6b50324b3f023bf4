// The journal of a map that resumes: which items are done, and what they gave. In `<stateDir>/maps/<name>/`.
//
// An item that was done is known again by its place, its content and the function's code; a result is taken from the
// journal only where all three are the same. When the map has ended, its journal goes.
//
// Owner of: the directory, while it is open (by its lock).

import { rm } from "node:fs/promises";
import path from "node:path";
import { deserialize, serialize } from "node:v8";
import { argumentKey } from "../../data/calls/argument-key.ts";
import type { BatchResult } from "../../protocol/calls.ts";
import type { MapRecord } from "../../protocol/map-journal.ts";
import { lockState, type StateLock } from "../../store/lock.ts";
import { Journal } from "../../store/journal/journal.ts";

interface Known {
  readonly input: string;
  readonly value: string;
}

const noPrefix = new Uint8Array();
const hashOf = (item: unknown): string => argumentKey(noPrefix, [item]).toString("base64");

export class MapJournal {
  /** What is kept of an earlier run; null: nothing was there. */
  readonly note: string | null;
  private readonly journal: Journal;
  private readonly lock: StateLock;
  private readonly items: Map<number, Known>;

  private constructor(journal: Journal, lock: StateLock, items: Map<number, Known>, note: string | null) {
    this.journal = journal;
    this.lock = lock;
    this.items = items;
    this.note = note;
  }

  /** STATE_LOCKED while another process has it; JOURNAL_DAMAGED, JOURNAL_FAILED. `code`: hash of the function's code. */
  static async open(stateDir: string, name: string, code: string): Promise<MapJournal> {
    const directory = path.join(stateDir, "maps", name);
    const lock = await lockState(directory);
    try {
      const items = new Map<number, Known>();
      let before: string | null = null;
      const records = path.join(directory, "journal");
      const journal = await Journal.open(records, (payload) => {
        const record = JSON.parse(payload.toString("utf8")) as MapRecord;
        if (record.kind === "map-opened") before = record.code;
        else if (record.kind === "map-items" && before === code)
          record.values.forEach((value, n) => {
            if (value !== null) items.set(record.items[n]!, { input: record.inputs[n]!, value });
          });
      });
      journal.append({ kind: "map-opened", code });
      const changed =
        before !== null && before !== code ? `${name}: the function has changed: it starts anew` : null;
      const kept = items.size > 0 ? `${name}: ${items.size} items were done before, and are kept` : changed;
      return new MapJournal(journal, lock, items, kept);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** What the items give: as it was before where that is known, and by `call` for the others, which is then remembered. */
  async resume(
    first: number,
    items: readonly unknown[],
    call: (items: readonly unknown[]) => Promise<BatchResult>,
  ): Promise<BatchResult> {
    const inputs = items.map(hashOf);
    if (this.journal.failure !== null) throw this.journal.failure;
    const values: unknown[] = Array.from({ length: items.length });
    const missing: number[] = [];
    for (const [n, input] of inputs.entries()) {
      const known = this.items.get(first + n);
      this.items.delete(first + n);
      if (known?.input === input) values[n] = deserialize(Buffer.from(known.value, "base64"));
      else missing.push(n);
    }
    if (missing.length === 0) return { values, failures: [], runMicros: 0 };
    const result = await call(missing.map((n) => items[n]));
    this.remember(first, missing, inputs, result);
    for (const [n, value] of result.values.entries()) values[missing[n]!] = value;
    const failures = result.failures.map(({ at, thrown }) => ({ at: missing[at]!, thrown }));
    return { values, failures, runMicros: result.runMicros };
  }

  /** Failed items are not remembered: they are tried again. */
  private remember(
    first: number,
    missing: readonly number[],
    inputs: readonly string[],
    { values, failures }: BatchResult,
  ): void {
    const failed = new Set(failures.map(({ at }) => at));
    this.journal.append({
      kind: "map-items",
      items: missing.map((n) => first + n),
      inputs: missing.map((n) => inputs[n]!),
      values: values.map((value, n) => (failed.has(n) ? null : serialize(value).toString("base64"))),
    });
  }

  async close(isOver: boolean): Promise<void> {
    await this.journal.close();
    if (isOver) await rm(path.join(this.journal.directory), { recursive: true, force: true });
    await this.lock.release();
  }
}
