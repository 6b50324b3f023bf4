// WORKING, TASK_WAITING, TASK_FINISHED: nothing is wrong; and where the task asked about is.

import { formatDuration } from "../../base/units.ts";
import type { RunCase } from "../why-case.ts";
import type { StageCase } from "../why-stage.ts";
import { count, evidenceOf, listed, placeOf, say, withAges } from "./attempts.ts";
import { finding, type Cause, type Finding } from "./finding.ts";

export const working: Cause = ({ case: found, now, isRunning, task: asked, found: earlier }) => {
  if (!isRunning || found.phase !== "running") return [];
  const running = [...found.live()].filter(({ task }) => asked === null || asked === task);
  if (running.length === 0 || earlier.length > 0) return [];
  const medians = [...new Set(running.map(({ task }) => found.stageOf(task)!.medianMs))];
  const median =
    medians.length === 1 && medians[0] != null
      ? `; the median of the stage is ${formatDuration(medians[0])}`
      : "";
  const how = count(running.length, "attempt runs as it should", "attempts run as they should");
  return [
    finding("WORKING", `${how}: ${withAges(running, now)}${median}.`, {
      about: asked === null ? null : `t${asked}`,
      evidence: evidenceOf(running),
      details: { running: running.map(({ id }) => id) },
    }),
  ];
};

export const taskAsked: Cause = ({ case: found, task, isRunning, found: earlier }) => {
  if (task === null) return [];
  const stage = found.stageOf(task)!;
  if (stage.isFinished(task)) return [finishedTask(found, task)];
  const running = new Set([...found.live()].map((attempt) => attempt.task));
  if (running.has(task) || found.phase !== "running") return [];
  if (!isRunning || earlier.some(({ code }) => code === "WAITING_FOR_SHUFFLE")) return [];
  const inEarlier = found.stages
    .filter(({ index }) => index < stage.index)
    .reduce((sum, other) => sum + found.readyIn(other), 0);
  const ahead = inEarlier + countBefore(stage, task, running);
  const ids = [...found.live()].map(({ id }) => id);
  const text = say(
    `${placeOf(found, task)} could run and waits for a slot: ${count(ahead, "task comes", "tasks come")} before it,`,
    `and ${listed(ids)} ${ids.length === 1 ? "runs" : "run"} in ${count(found.slots.total, "slot")}.`,
  );
  return [
    finding("TASK_WAITING", text, {
      about: `t${task}`,
      details: { task: `t${task}`, ahead, slots: found.slots.total, running: ids },
    }),
  ];
};

function finishedTask(found: RunCase, task: number): Finding {
  const attempts = found.tasks.get(task)?.attempts ?? [];
  const winner = attempts.findLast(({ end }) => end === "finished");
  const how =
    winner === undefined
      ? ""
      : `, by ${winner.id} of ${count(attempts.length, "attempt")}, in ${formatDuration(winner.endedAt! - winner.assignedAt)}`;
  return finding("TASK_FINISHED", `${placeOf(found, task)} is finished${how}.`, {
    about: `t${task}`,
    evidence: evidenceOf(attempts),
    details: { task: `t${task}`, attempts: attempts.length },
  });
}

/** Unfinished tasks of the stage with lower numbers and no attempt. */
function countBefore(stage: StageCase, task: number, running: ReadonlySet<number>): number {
  let before = 0;
  for (const other of stage.unfinished()) {
    if (other >= task) break;
    if (!running.has(other)) before++;
  }
  return before;
}
