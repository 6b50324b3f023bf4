// Takes over the finished work of earlier processes: looks whether its files are there, whole, gives them new names
// where the task has another number now, and deletes all other files.
//
// Sizes are compared, contents are not: a block has checksums that its reader checks, and what proves damaged then is made
// again; parts and results were durable before their tasks were finished.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { attemptId, parseAttemptId, workerId, type AttemptId, type TaskNumber } from "../../base/ids.ts";
import type { AdoptedOutput, AttemptFigures, AttemptsUsed } from "../../core/types.ts";
import { readdressBlocks } from "../../data/shuffle/readdress.ts";
import type { OutputsAdopted } from "../../driver/driver.ts";
import type { StagePlan } from "../../plan/compile.ts";
import type { RunOpened } from "../../protocol/journal.ts";
import type { FinishedTask, Past } from "../../protocol/past.ts";
import { sizeOf, type JobDirectory } from "../../store/job-directory.ts";
import type { Output } from "../../store/outputs.ts";
import { blockFile, resultFile } from "../../store/scratch.ts";

export interface AdoptRequest {
  readonly past: Past;
  readonly now: RunOpened;
  readonly stages: readonly StagePlan[];
  readonly directory: JobDirectory;
  readonly output: Output | null;
  /** Blocks that are held elsewhere, by size; null: those in the run's directory are all. */
  readonly held: ReadonlyMap<AttemptId, number> | null;
}

export interface Adopted {
  readonly events: readonly OutputsAdopted[];
  readonly count: number;
  /** Finished tasks whose files are gone or not whole. */
  readonly missing: number;
}

/** Of the worker that adopted outputs are at: none. They are where the job's directory is. */
const nobody = workerId(0);
/** Outputs in one event: a bounded record of the journal. */
const outputsPerEvent = 500;

/** Nothing has changed: everything that is there counts. */
export async function adoptAll(request: AdoptRequest): Promise<Adopted> {
  const { past, now, directory } = request;
  const found = new Map<TaskNumber, FinishedTask>();
  const isComplete: boolean[] = [];
  for (let stage = now.stages.length - 1; stage >= 0; stage--) {
    const first = firstOf(now, stage);
    const { tasks } = now.stages[stage]!;
    const readers = now.stages.flatMap(({ reads }, reader) => (reads.includes(stage) ? [reader] : []));
    // what nobody will read any more need not be there: its files may have been deleted after the commit
    const isNeeded = readers.length === 0 || readers.some((reader) => !isComplete[reader]);
    const finished = [...past.finished].filter(([task]) => task >= first && task < first + tasks);
    const there = isNeeded ? await findThere(request, stage, finished) : finished;
    for (const [task, work] of there) found.set(task, work);
    isComplete[stage] = there.length === tasks;
  }
  directory.keepOnly(now.run, new Set([...found.values()].map(({ attempt }) => attempt)));
  const used = [...past.used]
    .filter(([task, attempts]) => attempts > numberOf(found.get(task)?.attempt))
    .map(([task, attempts]): AttemptsUsed => ({ first: task, last: task, attempts }));
  return adopted(found, used, past.finished.size - found.size);
}

/** The input has changed: map tasks whose splits are as they were count (`kept`: task of now → task of then). */
export async function adoptSplits(
  request: AdoptRequest,
  kept: ReadonlyMap<number, number>,
): Promise<Adopted> {
  const { past, now, directory, stages, output } = request;
  const found = new Map<TaskNumber, FinishedTask>();
  let missing = 0;
  const isSink = stages[0]!.output.kind === "sink";
  const moves = [...kept].flatMap(([task, old]) => {
    const work = past.finished.get(old);
    return work === undefined ? [] : [{ task, old, work, attempt: attemptId(task, 1) }];
  });
  const parts = moves.map(({ task, old, work, attempt }) => ({
    from: { attempt: work.attempt, part: old, bytes: work.figures.bytesOut },
    attempt,
    part: task,
  }));
  const taken = (await output?.takeFrom(past.opened.run, isSink ? parts : [])) ?? null;
  for (const { task, work, attempt } of moves) {
    const bytes =
      isSink && taken !== null
        ? taken.has(attempt)
          ? work.figures.bytesOut
          : null
        : moveFile(directory, past.opened.run, now.run, work, attempt, isSink);
    if (bytes === null) missing++;
    else found.set(task, { attempt, figures: { ...work.figures, bytesOut: bytes } });
  }
  directory.keepOnly(now.run, new Set([...found.values()].map(({ attempt }) => attempt)));
  return adopted(found, [], missing);
}

/** Returns the size of the moved file, or null where it is not there, whole. */
function moveFile(
  directory: JobDirectory,
  oldRun: string,
  run: string,
  { attempt, figures }: FinishedTask,
  to: AttemptId,
  isSink: boolean,
): number | null {
  const place = isSink ? resultFile : blockFile;
  const from = place(directory.scratch(oldRun), attempt);
  const target = place(directory.scratch(run), to);
  if (sizeOf(from) !== figures.bytesOut) return null;
  mkdirSync(dirname(target), { recursive: true });
  if (!directory.move(from, target)) return null;
  if (isSink || to === attempt) return figures.bytesOut;
  try {
    return readdressBlocks(target);
  } catch {
    return null; // damaged: it is made again
  }
}

/** Those of the stage's finished tasks whose outputs are there. */
async function findThere(
  { now, stages, directory, output, held }: AdoptRequest,
  stage: number,
  finished: readonly (readonly [TaskNumber, FinishedTask])[],
): Promise<(readonly [TaskNumber, FinishedTask])[]> {
  const plan = stages[stage]!;
  if (plan.output.kind === "sink" && output !== null) {
    const first = firstOf(now, stage);
    const parts = finished.map(([task, { attempt, figures }]) => ({
      attempt,
      part: task - first,
      bytes: figures.bytesOut,
    }));
    const kept = await output.keep(parts, now.stages[stage]!.tasks);
    return finished.filter(([, { attempt }]) => kept.has(attempt));
  }
  const place = plan.output.kind === "sink" ? resultFile : blockFile;
  const scratch = directory.scratch(now.run);
  const size = (attempt: AttemptId): number | null =>
    held === null ? sizeOf(place(scratch, attempt)) : (held.get(attempt) ?? null);
  return finished.filter(([, { attempt, figures }]) => isWhole(size(attempt), figures, plan));
}

function isWhole(size: number | null, { bytesOut }: AttemptFigures, plan: StagePlan): boolean {
  // a file of bounds is not counted as output; it has a checksum
  return plan.input.kind === "samples" ? size !== null && size > 0 : size === bytesOut;
}

function adopted(
  found: ReadonlyMap<TaskNumber, FinishedTask>,
  attemptsUsed: readonly AttemptsUsed[],
  missing: number,
): Adopted {
  const outputs = [...found]
    .sort(([a], [b]) => a - b)
    .map(([task, { attempt, figures }]): AdoptedOutput => ({ task, attempt, worker: nobody, figures }));
  const events: OutputsAdopted[] = [];
  if (attemptsUsed.length > 0) events.push({ kind: "OutputsAdopted", outputs: [], attemptsUsed });
  for (let at = 0; at < outputs.length; at += outputsPerEvent) {
    events.push({ kind: "OutputsAdopted", outputs: outputs.slice(at, at + outputsPerEvent) });
  }
  return { events, count: found.size, missing };
}

const firstOf = ({ stages }: RunOpened, stage: number): TaskNumber =>
  stages.slice(0, stage).reduce((sum, { tasks }) => sum + tasks, 0);

const numberOf = (attempt: AttemptId | undefined): number =>
  attempt === undefined ? 0 : parseAttemptId(attempt)!.attempt;
