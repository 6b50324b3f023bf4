// What the simulator is told of tasks: how long an attempt takes and how it ends, and (in worlds with data) what it
// writes when it has read its inputs.

import type { AttemptFigures, Failure, Millis, StageIndex } from "../../core/types.ts";
import type { Assignment } from "../../protocol/assignment.ts";

/** How an attempt goes: after `durationMs` it ends so. "hang" never ends by itself, "exit" ends its slot. */
export interface TaskCourse {
  readonly durationMs: Millis;
  readonly end:
    | { readonly kind: "finish"; readonly figures: AttemptFigures }
    | { readonly kind: "fail"; readonly failure: Failure }
    | { readonly kind: "exit" }
    | { readonly kind: "hang" };
  /** It does not listen to its abort signal: only ending the slot ends it. */
  readonly ignoresAbort?: boolean;
}

export type TaskModel = (assignment: Assignment) => TaskCourse;

/** Symbolic data: an output is one number, a function of the task and of the numbers that it reads. */
export interface SimData {
  /** `inputs`: by stage that is read, by task. */
  output(stage: StageIndex, index: number, inputs: readonly (readonly number[])[]): number;
}
