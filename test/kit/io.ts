// For tests of input and output: a task's host, a temporary directory that goes when the test is over, and ways to run
// a source and a sink as a job would.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  newMeter,
  type Sink,
  type Source,
  type Split,
  type SplitPlan,
  type TaskHost,
} from "../../src/data/contract.ts";
import type { DatasetNode, Options } from "../../src/plan/nodes.ts";
import { sourceNamed } from "../../src/data/sources.ts";

export const testHost = (): TaskHost => ({
  meter: newMeter(),
  signal: new AbortController().signal,
  memoryBytes: 64 * 2 ** 20,
  tick() {},
});

/** Deleted when the running test is over. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "shoal-io-")));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface SourceRun {
  readonly plan: SplitPlan;
  /** The records of each split. */
  readonly splits: readonly (readonly unknown[])[];
  readonly host: TaskHost;
}

export const recordsOf = (run: SourceRun): unknown[] => run.splits.flat();

/** The source's node of a dataset as `read.…` gives it. */
export function sourceOf(dataset: { readonly node: DatasetNode }): { source: Source; options: Options } {
  const { node } = dataset;
  if (node.kind !== "source") throw new Error(`expected a source, received ${node.kind}`);
  return { source: sourceNamed(node.source)!, options: node.options };
}

export async function planSource(
  dataset: { readonly node: DatasetNode },
  directory: string,
  splitBytes: number | null = null,
): Promise<SplitPlan> {
  const { source, options } = sourceOf(dataset);
  return await source.split(options, { splitBytes, directory });
}

/** Reads all splits, each as it comes out of JSON, as on another machine. */
export async function runSource(
  dataset: { readonly node: DatasetNode },
  directory: string,
  splitBytes: number | null = null,
): Promise<SourceRun> {
  const { source, options } = sourceOf(dataset);
  const plan = await planSource(dataset, directory, splitBytes);
  const host = testHost();
  const splits: unknown[][] = [];
  for (const split of plan.splits) {
    const records: unknown[] = [];
    await source
      .open(JSON.parse(JSON.stringify(split)) as Split, options, host)
      .read((record) => void records.push(record));
    splits.push(records);
  }
  return { plan, splits, host };
}

/** Pushes the records through the sink into `file`. */
export async function writeSink(sink: Sink, file: string, records: readonly unknown[]): Promise<TaskHost> {
  const host = testHost();
  const writer = await sink.open(file, {}, host);
  try {
    for (const record of records) await writer.push(record);
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return host;
}
