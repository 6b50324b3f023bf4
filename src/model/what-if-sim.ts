// One simulated run of a recorded job: the real coordinator and worker machines on virtual time, with the recorded
// times of attempts for user code.

import type { AttemptId } from "../base/ids.ts";
import type { AttemptFigures, Millis } from "../core/types.ts";
import { SimDriver } from "../driver/sim/sim-driver.ts";
import type { TaskCourse, TaskModel } from "../driver/sim/sim-worker.ts";
import { ShoalError } from "../errors.ts";
import type { Simulated } from "../report/what-if.ts";
import type { RecordedCourse, Recording } from "../report/what-if-recording.ts";

/** A simulated worker has at most this many slots; what is more is several workers. */
const slotsOfWorkerMax = 1000;

export async function simulate(recording: Recording, slots: number): Promise<Simulated> {
  const workers = Math.ceil(slots / slotsOfWorkerMax);
  const driver = new SimDriver({
    seed: 1,
    workers,
    slots: Math.ceil(slots / workers),
    delayMsMax: 0,
    stepsMax: 1e9,
    model: modelOf(recording, recording.stretch(slots)),
  });
  const startedAt = new Map<AttemptId, Millis>();
  let first: Millis | null = null;
  let last: Millis = 0;
  let busyMs = 0;
  try {
    const outcome = await driver.run({
      spec: recording.spec!,
      program: { module: "", data: null },
      payload: () => null,
      commit: async () => {},
      discard: () => {},
      signal: new AbortController().signal,
      observe: ({ machine, type, body, at }) => {
        if (machine !== "coordinator" || type !== "event") return;
        if (body.kind === "AttemptStarted") {
          first ??= at;
          startedAt.set(body.attempt, at);
        } else if (body.kind === "AttemptFinished" || body.kind === "AttemptFailed") {
          last = at;
          busyMs += at - (startedAt.get(body.attempt) ?? at);
          startedAt.delete(body.attempt);
        }
      },
    });
    if (outcome.kind !== "succeeded") {
      const why = outcome.kind === "failed" ? outcome.error.message : outcome.reason;
      throw new ShoalError(
        "INTERNAL",
        `the simulation of ${recording.opened!.run} on ${slots} slots ${outcome.kind}: ${why}`,
      );
    }
  } finally {
    await driver.close();
  }
  return { slots, spanMs: first === null ? 0 : last - first, busyMs };
}

function modelOf(recording: Recording, stretch: number): TaskModel {
  const coldMs = recording.coldMs();
  const warm = new Set<string>();
  return ({ attempt, stage, worker, slot }) => {
    const place = `${worker}/${slot}/${stage}`;
    const isFirst = !warm.has(place);
    warm.add(place);
    return courseOf(recording.course(attempt, isFirst, coldMs[stage] ?? 0), stretch);
  };
}

function courseOf({ durationMs: recordedMs, failure }: RecordedCourse, stretch: number): TaskCourse {
  const durationMs = Math.round(recordedMs * stretch);
  if (failure === "exit") return { durationMs, end: { kind: "exit" } };
  if (failure !== null) return { durationMs, end: { kind: "fail", failure } };
  return { durationMs, end: { kind: "finish", figures: figuresOf(durationMs) } };
}

const figuresOf = (runMs: Millis): AttemptFigures => ({
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs,
  counters: {},
});
