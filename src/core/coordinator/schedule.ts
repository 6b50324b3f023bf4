// Schedule: runnable tasks go to free slots, and a straggler gets a backup in a slot that is left.
//
// Work-conserving: after every event either no slot is free or no task is runnable (I9), but for tasks that are held back
// for a moment, since their input is where all slots are busy. A backup comes last, and avoids its straggler's worker.
//
// Not here: the order (ready.ts), which task goes where (placement.ts), who is a straggler (speculation.ts). Owner of
// nothing.

import type { TaskNumber, WorkerId } from "../../base/ids.ts";
import type { Attempt } from "./attempts.ts";
import { nextPlacement, noteWaiting } from "./placement.ts";
import { moveTask } from "./progress.ts";
import type { Straggler } from "./speculation.ts";
import { note, type CoordinatorState } from "./state.ts";

/** At the end of every event: fills the free slots. */
export function schedule(s: CoordinatorState): void {
  if (s.job.phase !== "running") return;
  for (let next = nextPlacement(s); next !== null; next = nextPlacement(s)) {
    if (next.isLocal) s.places.endIdle(next.worker);
    assign(s, next.task, next.worker, null);
  }
  noteWaiting(s);
  for (let due = nextBackup(s); due !== null && due.at <= s.now; due = nextBackup(s)) backUp(s, due);
}

/** The straggler that gets the next backup, at `at` or later; null while no slot is left for it: slots that wait are wanted. */
export function nextBackup(s: CoordinatorState): Straggler | null {
  if (s.job.phase !== "running" || s.workers.freeSlots === 0 || !s.ready.isEmpty) return null;
  if (s.attempts.backupCount >= s.stragglers.backupsMax(s.workers.totalSlots)) return null;
  return s.stragglers.next();
}

function backUp(s: CoordinatorState, { attempt: straggler, medianMs }: Straggler): void {
  const worker = s.workers.roomiestOtherThan(straggler.worker)!;
  s.stragglers.unwatch(straggler);
  const backup = assign(s, straggler.task, worker.id, straggler);
  const ageMs = s.now - straggler.assignedAt;
  note(s, { kind: "backup-started", attempt: backup.id, ageMs, medianMs });
}

function assign(s: CoordinatorState, task: TaskNumber, worker: WorkerId, rival: Attempt | null): Attempt {
  const stage = s.stages.stageOf(task);
  const number = s.tasks.nextAttempt(task);
  s.workers.takeSlot(worker);
  const attempt = s.attempts.add({ task, number, stage, worker, assignedAt: s.now, rival });
  moveTask(s, task, rival === null ? "assigned" : "backed-up", number);
  if (rival === null) s.stragglers.watch(attempt);
  s.effects.push({
    kind: "AssignAttempt",
    worker,
    attempt: attempt.id,
    stage,
    index: task - s.stages.first(stage),
    inputs: s.outputs.inputs(stage),
    isBackup: attempt.isBackup,
  });
  return attempt;
}
