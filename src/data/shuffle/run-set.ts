// The sorted runs of one task, spilled because of its memory budget, and their merge, in several passes if need be.
//
// Owner of: the spill files. `close` frees them, always.

import type { TaskHost } from "../contract.ts";
import type { HeldKey, KeyForm } from "../keys/key.ts";
import { blockRecordsMax, type ValueKind } from "./block.ts";
import { keySize, sizeOf } from "./estimate.ts";
import { Merge, type RunSource } from "./merge.ts";
import { SpillFile, type SpilledRun } from "./spill.ts";

/** Runs that are merged at a time: each needs a block in memory. */
export const fanIn = 64;

/** The size of a block of a sorted run: a merge holds one of each run in memory. */
export const runBlockBytes = (memoryBytes: number): number =>
  Math.min(2 ** 20, Math.max(2 ** 14, Math.floor(memoryBytes / fanIn / 4)));

/** Takes records in the order of their keys and cuts them into blocks. */
export interface RunWriter {
  add(form: KeyForm, key: HeldKey, value: unknown): void;
  end(): void;
}

export class RunSet {
  private readonly scratch: string;
  private readonly name: string;
  private readonly host: TaskHost;
  private readonly isDescending: boolean;
  private readonly blockBytes: number;
  private file: SpillFile | null = null;
  private runs: SpilledRun[] = [];
  /** All runs hold lists, or none does. */
  private areLists = false;

  constructor(scratch: string, name: string, host: TaskHost, isDescending: boolean) {
    this.scratch = scratch;
    this.name = name;
    this.host = host;
    this.isDescending = isDescending;
    this.blockBytes = runBlockBytes(host.memoryBytes);
  }

  get isEmpty(): boolean {
    return this.runs.length === 0;
  }

  /** Begins the next run, which comes after all others. */
  begin(kind: ValueKind): RunWriter {
    this.file ??= new SpillFile(this.scratch, this.name, this.host.meter);
    this.host.meter.spills++;
    const run = this.file.newRun();
    this.runs.push(run);
    this.areLists = kind !== "values";
    return this.writer(this.file, run, kind);
  }

  private writer(file: SpillFile, run: SpilledRun, kind: ValueKind): RunWriter {
    let form: KeyForm = 0;
    let keys: HeldKey[] = [];
    let values: unknown[] = [];
    let size = 0;
    const flush = (): void => {
      if (keys.length === 0) return;
      file.add(run, form, keys, values, kind);
      this.host.tick();
      keys = [];
      values = [];
      size = 0;
    };
    return {
      add: (keyForm, key, value) => {
        if (keyForm !== form || size >= this.blockBytes || keys.length === blockRecordsMax) flush();
        form = keyForm;
        keys.push(key);
        values.push(value);
        size += 16 + keySize(key) + (typeof value === "number" ? 0 : sizeOf(value));
      },
      end() {
        flush();
        file.flush();
      },
    };
  }

  /** All runs as one sequence, after as many passes as it takes to have no more than `fanIn` of them. */
  merge(last: readonly RunSource[] = []): Merge {
    while (this.runs.length > fanIn) this.pass();
    const file = this.file;
    const sources = file === null ? [] : this.runs.map((run) => file.source(run));
    return new Merge([...sources, ...last], this.isDescending);
  }

  /** Merges neighbours, so that the order of the runs stays. */
  private pass(): void {
    const from = this.file!;
    const to = new SpillFile(this.scratch, this.name, this.host.meter);
    try {
      const merged: SpilledRun[] = [];
      for (let i = 0; i < this.runs.length; i += fanIn) {
        const run = to.newRun();
        const writer = this.writer(to, run, this.areLists ? "lists" : "values");
        const merge = new Merge(
          this.runs.slice(i, i + fanIn).map((one) => from.source(one)),
          this.isDescending,
        );
        while (merge.advance()) writer.add(merge.form, merge.key, merge.value);
        writer.end();
        merged.push(run);
      }
      this.file = to;
      this.runs = merged;
    } finally {
      (this.file === to ? from : to).close();
    }
  }

  close(): void {
    this.file?.close();
    this.file = null;
  }
}
