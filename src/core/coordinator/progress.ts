// Progress: every transition of a task passes here, and what follows from it for its stage and the stages around it:
// a complete stage opens its readers, a lost output closes them, work that begins anew needs its inputs again.
//
// Not here: why a task moves (outcomes.ts, schedule.ts). Owner of nothing.
//
// Invariants
//   I12  While a task of a stage is unfinished, no output that the stage reads is forgotten: it is there, or its task
//        is unfinished too.

import type { TaskNumber } from "../../base/ids.ts";
import type { StageIndex } from "../types.ts";
import { note, type CoordinatorState } from "./state.ts";
import type { Trigger } from "./tasks.ts";

/** Opens the stages that read nothing. Once, at the beginning. */
export function openFirstStages(s: CoordinatorState): void {
  s.stages.specs.forEach((spec, stage) => {
    if (spec.reads.length === 0) refreshOpen(s, stage);
  });
}

/** Moves a task by its table, and its stage with it. */
export function moveTask(s: CoordinatorState, task: TaskNumber, trigger: Trigger, attempt: number): void {
  const from = s.tasks.stateOf(task);
  const to = s.tasks.apply(task, trigger, attempt, s.now);
  if (from === to) return;
  const stage = s.stages.stageOf(task);
  const wasComplete = s.stages.isComplete(stage);
  const wasIdle = s.stages.unfinishedCount(stage) === 0;
  s.stages.moved(stage, from, to);
  if (from === "pending") {
    s.ready.remove(task);
    s.places.noLongerPending(task);
  }
  if (to === "pending") {
    s.ready.add(task);
    s.places.becamePending(task);
  }
  if (wasComplete !== s.stages.isComplete(stage)) completenessChanged(s, stage);
  if (wasIdle && s.stages.unfinishedCount(stage) > 0) remakeForgottenInputs(s, stage);
}

/** The task's output is gone: it is made anew if an unfinished task needs it, else forgotten until one does. */
export function loseOutput(s: CoordinatorState, task: TaskNumber, why: string): void {
  const { attempt: lost, worker } = s.outputs.drop(task);
  if (s.workers.isHere(worker)) s.effects.push({ kind: "DiscardOutput", worker, attempt: lost });
  const number = s.tasks.attemptCount(task);
  if (s.stages.isNeeded(s.stages.stageOf(task))) {
    moveTask(s, task, "output-lost", number);
    note(s, { kind: "output-remade", task, lost, why });
  } else {
    moveTask(s, task, "output-dropped", number);
    s.outputs.forget({ task, lost, why });
  }
}

function completenessChanged(s: CoordinatorState, stage: StageIndex): void {
  if (s.stages.isComplete(stage) && s.stages.noteFinished(stage)) note(s, { kind: "stage-finished", stage });
  for (const reader of s.stages.readers[stage]!) refreshOpen(s, reader);
}

function refreshOpen(s: CoordinatorState, stage: StageIndex): void {
  const isOpen = s.stages.isReadable(stage);
  s.ready.setOpen(stage, isOpen);
  if (!isOpen || s.stages.isStarted(stage)) return;
  s.stages.becomeStarted(stage);
  note(s, { kind: "stage-started", stage });
  if (s.stages.isComplete(stage)) completenessChanged(s, stage);
}

function remakeForgottenInputs(s: CoordinatorState, stage: StageIndex): void {
  for (const read of new Set(s.stages.spec(stage).reads)) {
    for (const { task, lost, why } of s.outputs.takeForgotten(read)) {
      moveTask(s, task, "needed-again", s.tasks.attemptCount(task));
      note(s, { kind: "output-remade", task, lost, why });
    }
  }
}
