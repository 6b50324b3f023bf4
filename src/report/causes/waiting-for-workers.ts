// WAITING_FOR_WORKERS: a job of a cluster in which no worker takes part, since all are at work on others, or none is there.

import { finding, type Cause } from "./finding.ts";

export const waitingForWorkers: Cause = ({ case: found, isRunning, waits, task }) => {
  if (!isRunning || waits === null || found.phase !== "running" || !found.slots.isNobodys) return [];
  const text = `${waits.slice(0, 1).toUpperCase()}${waits.slice(1)}.`;
  return [
    finding("WAITING_FOR_WORKERS", text, {
      about: task === null ? null : `t${task}`,
      hint: "A worker works on one job at a time: it comes when its job is over. More workers take more jobs.",
    }),
  ];
};
