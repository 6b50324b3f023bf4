// A whole shuffle in one thread, for tests: tasks' records in, each partition's records out.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  newMeter,
  type MapOutput,
  type Meter,
  type ShuffleSpec,
  type TaskHost,
} from "../../src/data/contract.ts";
import { chooseBounds, createShuffleReader, createShuffleWriter } from "../../src/data/shuffle/shuffle.ts";

export const specOf = (how: ShuffleSpec["how"], more: Partial<ShuffleSpec> = {}): ShuffleSpec => ({
  how,
  partitions: 3,
  descending: false,
  fns: [],
  ...more,
});

export const hostWith = (memoryBytes: number, meter: Meter = newMeter()): TaskHost => ({
  meter,
  signal: new AbortController().signal,
  memoryBytes,
  tick() {},
});

export interface ShuffleRun {
  /** The records of each partition. */
  readonly parts: unknown[][];
  readonly written: Meter;
  readonly read: Meter;
  /** Files beside the map outputs and the bounds: there must be none. */
  readonly leftOver: readonly string[];
}

export class ShuffleRig {
  readonly folder = mkdtempSync(join(tmpdir(), "shoal-shuffle-"));

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async write(
    records: Iterable<unknown>,
    spec: ShuffleSpec,
    attempt: string,
    host = hostWith(2 ** 30),
  ): Promise<MapOutput> {
    const output = { file: join(this.folder, `${attempt}.blocks`), attempt };
    const writer = createShuffleWriter(spec, output.file, this.folder, host);
    try {
      for (const record of records) {
        const waiting = writer.push(record);
        if (waiting !== undefined) await waiting;
      }
      await writer.finish();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return output;
  }

  async writeAll(
    tasks: readonly Iterable<unknown>[],
    spec: ShuffleSpec,
    host?: TaskHost,
  ): Promise<MapOutput[]> {
    const outputs: MapOutput[] = [];
    for (const [task, records] of tasks.entries())
      outputs.push(await this.write(records, spec, `t${task}.1`, host));
    return outputs;
  }

  /** The bounds of a sort, or null for what has none. */
  bounds(inputs: readonly MapOutput[], spec: ShuffleSpec, memoryBytes = 2 ** 30): string | null {
    if (spec.how !== "sort") return null;
    const file = join(this.folder, "t9000.1.blocks");
    chooseBounds(spec, inputs, file, hostWith(memoryBytes));
    return file;
  }

  async read(
    inputs: readonly MapOutput[],
    bounds: string | null,
    spec: ShuffleSpec,
    host = hostWith(2 ** 30),
  ): Promise<unknown[][]> {
    const parts: unknown[][] = [];
    for (let p = 0; p < spec.partitions; p++) {
      const records: unknown[] = [];
      await createShuffleReader(spec, p, inputs, bounds, this.folder, host).read(
        (record) => void records.push(record),
      );
      parts.push(records);
    }
    return parts;
  }

  async run(
    tasks: readonly Iterable<unknown>[],
    spec: ShuffleSpec,
    memoryBytes = 2 ** 30,
  ): Promise<ShuffleRun> {
    const written = hostWith(memoryBytes);
    const read = hostWith(memoryBytes);
    const inputs = await this.writeAll(tasks, spec, written);
    const bounds = this.bounds(inputs, spec, memoryBytes);
    const parts = await this.read(inputs, bounds, spec, read);
    const made = inputs.map(({ file }) => file).concat(bounds ?? []);
    const leftOver = this.files().filter((name) => !made.includes(join(this.folder, name)));
    for (const name of this.files()) rmSync(join(this.folder, name), { recursive: true });
    return { parts, written: written.meter, read: read.meter, leftOver };
  }

  files(): string[] {
    return readdirSync(this.folder);
  }
}
