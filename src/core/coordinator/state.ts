// The coordinator's whole state: one slice per room, each written by its owner alone (DESIGN.md here, "Who owns what").

import type { CoordinatorEffect, CoordinatorEvent, Note } from "./events.ts";
import type { JobSpec, Millis } from "../types.ts";
import { AttemptLedger } from "./attempts.ts";
import { JobLedger } from "./job.ts";
import { OutputLedger } from "./outputs.ts";
import { PlaceLedger } from "./places.ts";
import { ReadyQueue } from "./ready.ts";
import { StragglerWatch } from "./speculation.ts";
import { StageLedger } from "./stages.ts";
import { TaskLedger } from "./tasks.ts";
import { WorkerLedger } from "./workers.ts";

export interface CoordinatorState {
  readonly spec: JobSpec;
  readonly job: JobLedger;
  readonly stages: StageLedger;
  readonly tasks: TaskLedger;
  readonly attempts: AttemptLedger;
  readonly workers: WorkerLedger;
  readonly ready: ReadyQueue;
  readonly places: PlaceLedger;
  readonly outputs: OutputLedger;
  readonly stragglers: StragglerWatch;
  /** The time of the event at hand. Written by coordinator.ts. */
  now: Millis;
  /** What the event at hand has ordered so far. Emptied by coordinator.ts, appended to by all. */
  effects: CoordinatorEffect[];
}

export function newState(spec: JobSpec, now: Millis): CoordinatorState {
  const stages = new StageLedger(spec.stages);
  const workers = new WorkerLedger();
  const ready = new ReadyQueue(stages);
  return {
    spec,
    job: new JobLedger(),
    stages,
    tasks: new TaskLedger(stages.totalTasks),
    attempts: new AttemptLedger(),
    workers,
    ready,
    places: new PlaceLedger(stages, ready, workers),
    outputs: new OutputLedger(stages),
    stragglers: new StragglerWatch(stages, spec.limits),
    now,
    effects: [],
  };
}

export function ignore(s: CoordinatorState, event: CoordinatorEvent["kind"], why: string): void {
  s.effects.push({ kind: "EventIgnored", event, why });
}

export function note(s: CoordinatorState, what: Note): void {
  s.effects.push({ kind: "NoteDecision", note: what });
}
