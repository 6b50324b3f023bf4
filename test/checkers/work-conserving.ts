// No slot of a worker that is not paused is free while a task could run; and a task that is lost from all queues is found here, long before the job
// fails to end.

import { must, type Checker } from "./checker.ts";
import type { View } from "./view.ts";

export const workConserving = (): Checker => ({
  name: "work-conserving",
  after({ event }, view) {
    if (view.isEnding || view.incarnation === 0) return;
    const free = view.freeSlots;
    if (free <= 0) return;
    const task = runnableTask(view);
    must(task === null, () => `after ${event.kind} ${free} slots are free, and t${task} could run`);
  },
});

/** A task that must be done, has no live attempt, and can read all that it reads. */
function runnableTask(view: View): number | null {
  const { stages } = view.spec;
  const live = new Set<number>();
  for (const { task, isCancelled } of view.inFlight.values()) if (!isCancelled) live.add(task);
  const isUnfinished: boolean[] = stages.map(() => false);
  let found: number | null = null;
  for (let stage = stages.length - 1; stage >= 0; stage--) {
    const isNeeded = view.readers[stage]!.some((reader) => isUnfinished[reader]!);
    const isReadable = view.isReadable(stage);
    for (const task of view.tasksOf(stage)) {
      if (view.counts.has(task) || (view.everFinished.has(task) && !isNeeded)) continue;
      isUnfinished[stage] = true;
      if (isReadable && !live.has(task)) found = task;
    }
  }
  return found;
}
