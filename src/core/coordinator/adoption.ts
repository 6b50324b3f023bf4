// Adoption: work of earlier incarnations of the job that still counts. Tasks become finished without having run here,
// and attempt numbers go on where they were, so that an id is used once for all time.
//
// What comes in is from a journal, outside of the machine: what makes no sense is refused output by output, and said.
//
// Not here: whether the outputs are really there (driver), what follows for stages (progress.ts). Owner of nothing.

import { attemptId, parseAttemptId } from "../../base/ids.ts";
import type { AdoptedOutput } from "../types.ts";
import type { CoordinatorEvent } from "./events.ts";
import { moveTask } from "./progress.ts";
import { ignore, type CoordinatorState } from "./state.ts";

/** Numbers beyond this are refused: the attempts of this incarnation must find room above them. */
export const adoptedNumberMax = 900_000;

export function outputsAdopted(
  s: CoordinatorState,
  event: CoordinatorEvent & { kind: "OutputsAdopted" },
): void {
  if (s.job.phase !== "running") return ignore(s, event.kind, `the job is ${s.job.phase}`);
  if (s.attempts.assignedEver > 0) return ignore(s, event.kind, "attempts have been assigned already");
  const { attemptsUsed = [] } = event;
  const refused: string[] = [];
  for (const { first, last, attempts } of attemptsUsed) {
    if (isCount(attempts) && isTask(s, first) && isTask(s, last)) s.tasks.reserve(first, last, attempts);
    else refused.push(`attempts used of t${first} to t${last}: ${attempts}`);
  }
  for (const output of event.outputs) {
    const fault = adopt(s, output);
    if (fault !== null) refused.push(`${output.attempt}: ${fault}`);
  }
  if (refused.length === 0) return;
  const more = refused.length === 1 ? "" : ` and ${refused.length - 1} more`;
  ignore(s, event.kind, `${refused[0]}${more}`);
}

/** Returns why not, or null. */
function adopt(s: CoordinatorState, { task, attempt, worker, figures }: AdoptedOutput): string | null {
  const named = parseAttemptId(attempt);
  if (named === null || attemptId(named.task, named.attempt) !== attempt || !isCount(named.attempt))
    return "is no attempt";
  if (named.task !== task || !isTask(s, task)) return `is no attempt of t${task}`;
  if (s.tasks.stateOf(task) !== "pending") return `t${task} is ${s.tasks.stateOf(task)}`;
  if (s.workers.wasSeen(worker) && !s.workers.isHere(worker)) return `worker ${worker} was lost`;
  s.tasks.reserve(task, task, named.attempt);
  s.stragglers.noteAdopted(s.stages.stageOf(task), Math.round(figures.runMs));
  s.outputs.set(task, { attempt, worker }, figures.bytesOut);
  moveTask(s, task, "adopted", named.attempt);
  return null;
}

const isTask = (s: CoordinatorState, task: number): boolean =>
  Number.isInteger(task) && task >= 0 && s.tasks.has(task);
const isCount = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= adoptedNumberMax;
