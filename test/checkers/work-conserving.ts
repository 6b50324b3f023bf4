// No slot of a worker that is not paused is free while a task could run, but for a moment: while the task's input may be at
// another worker, a slot may wait for what is its own, at most `placeWaitMsMax`. And a task that is lost from all queues is
// found here, long before the job fails to end.

import type { TaskNumber, WorkerId } from "../../src/base/ids.ts";
import { must, type Checker } from "./checker.ts";

export const workConserving = (): Checker => {
  /** Workers with a free slot while a task could run, and since when nothing was assigned to them. */
  const waiting = new Map<WorkerId, number>();
  /** Tasks of which some worker has told that it has a copy of what they read. */
  const copied = new Set<TaskNumber>();
  return {
    name: "work-conserving",
    after({ event, effects, at }, view) {
      if (event.kind === "JobSubmitted") {
        waiting.clear();
        copied.clear();
      }
      if (event.kind === "InputsHeld") for (const [task] of event.copies) copied.add(task);
      for (const effect of effects) if (effect.kind === "AssignAttempt") waiting.delete(effect.worker);
      const free = view.isEnding || view.incarnation === 0 ? [] : view.workersWithRoom();
      const task = free.length === 0 ? null : view.runnableTask();
      for (const worker of waiting.keys())
        if (task === null || !free.includes(worker)) waiting.delete(worker);
      if (task === null) return;
      const mayWait = copied.has(task) || view.spec.stages[view.stageOf(task)]!.reads.length > 0;
      const waitMsMax = mayWait ? view.spec.limits.placeWaitMsMax : 0;
      for (const worker of free) {
        const since = waiting.get(worker) ?? at;
        waiting.set(worker, since);
        must(
          at - since < waitMsMax,
          () =>
            `after ${event.kind} ${worker} has had a free slot for ${at - since} ms, and t${task} could run`,
        );
      }
    },
  };
};
