// The simulated job: how its attempts go, what they write, and what a sequential run of it would give. An output is one
// number: a function of the job's seed, the task, and all numbers that it reads, in order. So whatever is missing, stale,
// damaged or in the wrong place shows in the bytes that are published.

import { nextU32, chance, rng } from "../../src/base/rng.ts";
import { parseAttemptId, type TaskNumber, type WorkerId } from "../../src/base/ids.ts";
import type { AttemptFigures, JobSpec, StageIndex } from "../../src/core/types.ts";
import type { SimData, TaskCourse } from "../../src/driver/sim/task-model.ts";
import type { Assignment } from "../../src/protocol/assignment.ts";
import type { Swarm } from "./swarm.ts";

const mix = (a: number, b: number): number => {
  let h = Math.imul(a ^ (a >>> 16), 0x21f0aaad) ^ b;
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
};

/** What the tasks compute. */
export const dataOf = ({ seed }: Swarm): SimData => ({
  output(stage: StageIndex, index: number, inputs: readonly (readonly number[])[]): number {
    let value = mix(mix(seed >>> 0, stage + 1), index + 1);
    // Each reader takes its own part of what it reads, as a reduce task takes its partition.
    for (const read of inputs) for (const input of read) value = mix(value, mix(input, index + 1));
    return value;
  },
});

/** The published parts of a sequential run: task by task, in order. */
export function sequentialRun(swarm: Swarm): number[] {
  const data = dataOf(swarm);
  const outputs: number[][] = [];
  swarm.spec.stages.forEach(({ tasks, reads }, stage) => {
    const inputs = reads.map((read) => outputs[read]!);
    outputs.push(Array.from({ length: tasks }, (_, index) => data.output(stage, index, inputs)));
  });
  return sinksOf(swarm.spec).flatMap((stage) => outputs[stage]!);
}

export const sinksOf = ({ stages }: JobSpec): StageIndex[] =>
  stages.flatMap(({ output }, stage) =>
    output === "kept" && !stages.some(({ reads }) => reads.includes(stage)) ? [stage] : [],
  );

const figures = (runMs: number): AttemptFigures => ({
  recordsIn: 1,
  recordsOut: 1,
  bytesIn: 1,
  bytesOut: runMs,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs,
  counters: {},
});

/** How attempts go. `isHealed`: from then on only what is wrong with the job itself goes wrong. */
export function modelOf(
  { seed, work }: Swarm,
  isHealed: () => boolean,
): (assignment: Assignment) => TaskCourse {
  return ({ attempt }) => {
    const { task, attempt: number } = parseAttemptId(attempt)!;
    const random = rng(mix(mix(seed, task + 1), number));
    const least = work.durationMs * work.evenness;
    const spread = Math.round(least + (nextU32(random) / 2 ** 32) * (work.durationMs - least));
    const durationMs = Math.max(1, chance(random, work.longShare) ? 10 * spread : spread);
    const ignoresAbort = chance(random, work.deafShare);
    return { durationMs, ignoresAbort, end: endOf(random, work, task, attempt, durationMs, isHealed()) };
  };
}

function endOf(
  random: ReturnType<typeof rng>,
  work: Swarm["work"],
  task: TaskNumber,
  attempt: string,
  durationMs: number,
  isHealed: boolean,
): TaskCourse["end"] {
  const error = { name: "Error", message: `simulated error of ${attempt}` };
  const isPoisoned = work.poisoned?.task === task;
  const draws = [work.finalShare, work.errorShare, work.exitShare, work.hangShare].map(
    (share) => chance(random, share) && !isHealed,
  );
  if (draws[0]) return { kind: "fail", failure: { kind: "error", final: true, error } };
  if (draws[1] || (isPoisoned && work.poisoned.end === "fail"))
    return { kind: "fail", failure: { kind: "error", final: false, error } };
  if (draws[2] || (isPoisoned && work.poisoned.end === "exit")) return { kind: "exit" };
  if (draws[3]) return { kind: "hang" };
  return { kind: "finish", figures: figures(durationMs) };
}

/** What a worker that joins has copies of: in some worlds nothing, in others some inputs, larger and smaller. */
export function copiesAt({ seed, spec }: Swarm, worker: WorkerId): [TaskNumber, number][] {
  const random = rng(mix(seed ^ 0x636f, Number(worker.slice(1))));
  if (chance(rng(mix(seed, 0x7079)), 0.5)) return [];
  let first = 0;
  const copies: [TaskNumber, number][] = [];
  for (const { tasks, reads } of spec.stages) {
    for (let task = first; task < first + tasks; task++)
      if (reads.length === 0 && chance(random, 0.4)) copies.push([task, nextU32(random) % 3000]);
    first += tasks;
  }
  return copies;
}
