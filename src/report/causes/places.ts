// WAITING_FOR_PLACE: tasks could run, and slots are free, but what the tasks read is at workers that are busy.

import { formatDuration } from "../../base/units.ts";
import { count, listed, say } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const waitingForPlace: Cause = ({ case: found, now, isRunning, task: asked }) => {
  if (!isRunning || found.phase !== "running" || asked !== null) return [];
  const ready = found.stages.reduce((sum, stage) => sum + found.readyIn(stage), 0);
  const waits = [...found.slotsWait].filter(([, { untilMs }]) => untilMs > now);
  if (ready === 0 || waits.length === 0 || found.inFlight.size >= found.slots.total) return [];
  const names = waits.map(([worker, { untilMs }]) => `${worker} (${formatDuration(untilMs - now)} more)`);
  const text = say(
    `${count(ready, "task", "tasks")} could run, and free slots wait for tasks whose input is at their own worker,`,
    `rather than move that of others at once: ${listed(names, 4)}.`,
  );
  return [
    finding("WAITING_FOR_PLACE", text, {
      evidence: waits.map(([, { entry }]) => entry),
      details: { ready, workers: waits.map(([worker]) => worker) },
      hint: "This lasts as long as moving the input would take, and never longer than 3 s.",
    }),
  ];
};
