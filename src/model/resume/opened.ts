// The first record of a process in the journal: what it is about to run, in full.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { JobId } from "../../base/ids.ts";
import type { StagePlan } from "../../plan/compile.ts";
import { journalFormat, type JournalStage, type RunOpened } from "../../protocol/journal.ts";
import type { PreparedJob } from "../../protocol/run.ts";
import type { JobRunRequest } from "../job-run.ts";
import { splitKey } from "./split-keys.ts";

/** Splits beyond this many are not told apart: the record must fit into the journal, and nothing of them is kept. */
const splitsMax = 200_000;
const labelMax = 100;

export function openedOf(
  request: JobRunRequest,
  prepared: PreparedJob,
  which: { readonly run: JobId; readonly incarnation: number; readonly splitBytes: number | null },
): RunOpened {
  const { settings, description, parameters, options, bundle } = request;
  const sink = prepared.stages.at(-1)!.output;
  const output = sink.kind === "sink" ? sink.options["output"] : undefined;
  const splitBytes = which.splitBytes ?? options.splitBytes;
  return {
    kind: "opened",
    format: journalFormat,
    run: which.run,
    incarnation: which.incarnation,
    at: Date.now(),
    clock: Math.floor(performance.now()),
    pid: process.pid,
    job: description.name,
    file: path.relative(settings.directory, description.file),
    directory: settings.directory,
    parameters,
    program: bundle,
    fingerprint: prepared.fingerprint,
    version: version(),
    slots: settings.slots,
    memoryBytes: settings.memoryBytes,
    stages: prepared.stages.map((stage): JournalStage => ({
      name: stage.name,
      tasks: taskCount(stage, prepared),
      reads: readsOf(stage),
      output: stage.output.kind === "sink" ? "kept" : "blocks",
      inputBytes: stage.input.kind === "source" ? prepared.inputBytes : null,
    })),
    splits:
      prepared.splits.length > splitsMax
        ? []
        : prepared.splits.map((split) => ({ label: split.label.slice(0, labelMax), key: splitKey(split) })),
    ...(splitBytes === undefined ? {} : { splitBytes }),
    inputFiles: prepared.inputFiles,
    inputBytes: prepared.inputBytes,
    output: typeof output === "string" ? path.resolve(settings.directory, output) : null,
  };
}

export function taskCount(stage: StagePlan, prepared: PreparedJob): number {
  switch (stage.input.kind) {
    case "source":
      return prepared.splits.length;
    case "samples":
      return 1;
    case "shuffle":
      return stage.input.shuffle.partitions!;
  }
}

export function readsOf({ input }: StagePlan): number[] {
  if (input.kind === "source") return [];
  return input.kind === "shuffle" && input.bounds !== null ? [input.from, input.bounds] : [input.from];
}

let known: string | null = null;

/** Of this package: files of another version may have another form. */
function version(): string {
  if (known === null) {
    const file = createRequire(import.meta.url).resolve("shoal/package.json");
    known = (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  }
  return known;
}
