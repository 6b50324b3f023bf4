// One attempt of one task: opens its input, passes the records through the user's functions, closes its output.
//
//   source split ┐                          ┌ blocks of a shuffle
//   shuffle part ┴→ operator → operator → … ┴ a sink's file          samples of runs → bounds of ranges
//
// Whatever fails is told with the place in the user's program (by the stack) and in the data (by the reader).

import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { parseAttemptId } from "../base/ids.ts";
import type { AttemptFigures } from "../core/types.ts";
import {
  isBlocksLost,
  newMeter,
  type Meter,
  type RecordPosition,
  type ShuffleSpec,
  type TaskHost,
} from "../data/contract.ts";
import {
  chooseBounds,
  sortedPlaces,
  createShuffleReader,
  createShuffleWriter,
} from "../data/shuffle/shuffle.ts";
import { sinkNamed } from "../data/sinks.ts";
import { sourceNamed } from "../data/sources.ts";
import { isShoalError, ShoalError } from "../errors.ts";
import type { ShufflePlan, StagePlan } from "../plan/compile.ts";
import type { UserFunction } from "../plan/nodes.ts";
import type { Push, Step } from "../plan/operator.ts";
import { operatorNamed } from "../plan/operators.ts";
import type { Assignment } from "../protocol/assignment.ts";
import type { AssignmentPayload, RunData } from "../protocol/run.ts";
import { blockFile, resultFile } from "../store/scratch.ts";
import { localInputs, type InputsRequest, type LocalInputs } from "./inputs.ts";
import { stagedFile, type StagedFile } from "../store/staged.ts";
import { setTaskContext, type TaskContext } from "./context.ts";
import type { ProgramHost } from "./program.ts";
import { userError } from "./user-error.ts";

export interface AttemptRequest {
  readonly assignment: Assignment;
  readonly run: RunData;
  readonly split: AssignmentPayload["split"];
  readonly fns: readonly UserFunction[];
  readonly directory: string;
}

interface Reader {
  read(push: Push): Promise<void>;
  position(): Promise<RecordPosition>;
}

interface Writer {
  push: Push;
  finish(): Promise<void>;
  abort(): Promise<void>;
}

/** Runs the attempt to its end. Throws ShoalErrors (what failed, and where) and BlocksLostErrors. */
export async function runAttempt(request: AttemptRequest, programHost: ProgramHost): Promise<AttemptFigures> {
  const { assignment, run } = request;
  const stage = run.stages[assignment.stage]!;
  const startedAt = performance.now();
  const meter = newMeter();
  const counters = new Map<string, number>();
  const host = taskHost(meter, run.memoryBytes, programHost);
  const inputs = await localInputs({
    assignment,
    run: run.job,
    scratch: run.scratch,
    ca: run.ca ?? null,
    partition: stage.input.kind === "samples" ? null : assignment.index,
    sorted: sortedOf(request, stage),
    meter,
    signal: host.signal,
  });
  setTaskContext(contextOf(request, stage, counters, programHost.signal));
  try {
    if (stage.input.kind === "samples") {
      chooseBounds(
        shuffleSpec(stage.input.shuffle, request.fns),
        inputs.outputs[0]!,
        blockFile(run.scratch, assignment.attempt),
        host,
      );
    } else {
      await pipe(request, stage, inputs, host);
    }
  } finally {
    setTaskContext(null);
    inputs.release();
  }
  return { ...meter, runMs: performance.now() - startedAt, counters: Object.fromEntries(counters) };
}

/** For whoever fetches: which blocks of sorted runs this attempt's range is in. */
function sortedOf({ assignment, fns }: AttemptRequest, { input }: StagePlan): InputsRequest["sorted"] {
  if (input.kind !== "shuffle" || input.bounds === null) return null;
  const spec = shuffleSpec(input.shuffle, fns);
  return (runs, bounds) => sortedPlaces(spec, assignment.index, runs, bounds, newMeter());
}

async function pipe(
  request: AttemptRequest,
  stage: StagePlan,
  inputs: LocalInputs,
  host: TaskHost,
): Promise<void> {
  const output = outputFile(request, stage);
  const writer = await openWriter(request, stage, output.file, host);
  const reader = openReader(request, stage, inputs, host);
  try {
    const write: Push = (record) => writer.push(record);
    const steps = buildSteps(request, stage, write);
    await reader.read(steps[0]?.push ?? write);
    for (const step of steps) await step.end?.();
    await writer.finish();
    await output.send(host.signal);
  } catch (error) {
    await writer.abort();
    rmSync(output.file, { force: true });
    host.signal.throwIfAborted();
    if (isBlocksLost(error) || isOurs(error)) throw error;
    throw await userError(error, stage.name, reader);
  }
}

/** Errors that tell their place themselves; those about a record want the reader's position too. */
const isOurs = (error: unknown): boolean =>
  isShoalError(error) &&
  !["USER_ERROR", "KEY_INVALID", "VALUE_INVALID", "RECORD_INVALID"].includes(error.code);

function buildSteps(request: AttemptRequest, stage: StagePlan, last: Push): Step[] {
  const steps: Step[] = [];
  let next = last;
  for (const plan of stage.operators.toReversed()) {
    const operator = operatorNamed(plan.operator);
    if (operator?.step === undefined)
      throw new ShoalError("PLAN_INVALID", `unknown operator ${plan.operator}()`);
    const step = operator.step(
      plan.fns.map((place) => request.fns[place]!),
      plan.options,
      next,
    );
    steps.unshift(step);
    next = step.push;
  }
  return steps;
}

function openReader(
  request: AttemptRequest,
  stage: StagePlan,
  { outputs }: LocalInputs,
  host: TaskHost,
): Reader {
  const { assignment, run } = request;
  const { input } = stage;
  if (input.kind === "source") {
    const source = sourceNamed(input.source);
    if (source === undefined) throw new ShoalError("PLAN_INVALID", `unknown source read.${input.source}`);
    return source.open(request.split as never, input.options, host);
  }
  const bounds = input.kind === "shuffle" && input.bounds !== null ? outputs[1]![0]! : null;
  return createShuffleReader(
    shuffleSpec(input.shuffle, request.fns),
    assignment.index,
    outputs[0]!,
    bounds,
    run.scratch,
    host,
  );
}

async function openWriter(
  request: AttemptRequest,
  { output }: StagePlan,
  file: string,
  host: TaskHost,
): Promise<Writer> {
  if (output.kind === "shuffle") {
    return createShuffleWriter(shuffleSpec(output.shuffle, request.fns), file, request.run.scratch, host);
  }
  if (output.kind === "bounds") throw new ShoalError("INTERNAL", "a stage of bounds has no records");
  const sink = sinkNamed(output.sink);
  if (sink === undefined) throw new ShoalError("PLAN_INVALID", `unknown sink ${output.sink}`);
  mkdirSync(dirname(file), { recursive: true });
  return await sink.open(file, output.options, host);
}

/** The one file that the attempt writes; no other attempt has this name. */
function outputFile({ assignment, run }: AttemptRequest, { output }: StagePlan): StagedFile {
  const { attempt, index } = assignment;
  if (output.kind === "sink" && run.staging !== null)
    return stagedFile(run.staging, run.scratch, attempt, index);
  const place = output.kind === "sink" ? resultFile : blockFile;
  return { file: place(run.scratch, attempt), send: () => Promise.resolve() };
}

const shuffleSpec = (plan: ShufflePlan, fns: readonly UserFunction[]): ShuffleSpec => ({
  how: plan.how,
  partitions: plan.partitions!,
  descending: plan.descending,
  fns: plan.fns.map((place) => fns[place]!),
});

const progressEveryMs = 100;

function taskHost(meter: Meter, memoryBytes: number, { signal, progress }: ProgramHost): TaskHost {
  let lastMs = performance.now();
  return {
    meter,
    signal,
    memoryBytes,
    tick() {
      signal.throwIfAborted();
      const now = performance.now();
      if (now - lastMs < progressEveryMs) return;
      lastMs = now;
      progress(meter.recordsIn, meter.bytesIn);
    },
  };
}

function contextOf(
  { assignment, run }: AttemptRequest,
  stage: StagePlan,
  counters: Map<string, number>,
  signal: AbortSignal,
): TaskContext {
  const { task, attempt } = parseAttemptId(assignment.attempt)!;
  return {
    job: run.job,
    stage: stage.name,
    task: `t${task}`,
    attempt,
    worker: assignment.worker,
    slot: assignment.slot,
    signal,
    count: (counter, by = 1) => void counters.set(counter, (counters.get(counter) ?? 0) + by),
  };
}
