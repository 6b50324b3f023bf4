// The queue of a worker: attempts that were assigned and wait for a slot, first come, first served, and bounded.
//
// The coordinator assigns no more than there are slots; attempts wait only while slots start, or end after an abort.
//
// Owner of: state.waiting, state.recent.
//
// Invariants
//   W4  No attempt waits while a slot is idle.
//   W5  At most 2 × slots attempts wait; none while the worker stops.

import { invariant } from "../../base/assert.ts";
import type { AttemptId } from "../../base/ids.ts";
import type { ErrorData } from "../../errors.ts";
import { failureError } from "../failure-error.ts";
import { ignore, type WorkerState } from "./state.ts";

const recentMax = 4096;

export const waitingMax = (w: WorkerState): number => 2 * w.slots.count;

export function attemptAssigned(w: WorkerState, attempt: AttemptId): void {
  if (w.recent.has(attempt)) return ignore(w, "AttemptAssigned", `${attempt} was assigned before`);
  remember(w, attempt);
  if (w.isStopping) return reportLoss(w, attempt, failureError("SLOT_LOST", "the worker is stopping"));
  if (w.waiting.length >= waitingMax(w)) {
    const message =
      `${w.waiting.length} attempts wait for a slot already, the most that a worker of ` +
      `${w.slots.count} slots takes`;
    return reportLoss(w, attempt, failureError("WORKER_FULL", message));
  }
  w.waiting.push(attempt);
  wakeSlot(w);
}

/**
 * A slot that is down is tried again for an attempt that would find no other. Only here, once for each attempt that
 * comes: else a broken slot beside a busy one would be restarted for ever.
 */
function wakeSlot(w: WorkerState): void {
  if (w.waiting.length <= w.slots.countIn("idle") + w.slots.countIn("starting")) return;
  const down = w.slots.firstIn("down");
  if (down === null) return;
  const slot = w.slots.becomeWanted(down);
  w.effects.push({ kind: "StartSlot", slot: slot.number, generation: slot.generation });
}

/** Takes a waiting attempt out of the queue; false if it does not wait. */
export function withdraw(w: WorkerState, attempt: AttemptId): boolean {
  const place = w.waiting.indexOf(attempt);
  if (place === -1) return false;
  w.waiting.splice(place, 1);
  w.effects.push({ kind: "ReportFailed", attempt, failure: { kind: "cancelled" } });
  return true;
}

/** At the end of every event: gives idle slots what waits. */
export function dispatch(w: WorkerState): void {
  while (w.waiting.length > 0) {
    const slot = w.slots.firstIn("idle");
    if (slot === null) break;
    const attempt = w.waiting.shift()!;
    w.slots.becomeBusy(slot, attempt);
    w.effects.push({ kind: "RunAttempt", slot: slot.number, generation: slot.generation, attempt });
    w.effects.push({ kind: "ReportStarted", attempt, slot: slot.number });
  }
}

/** No slot is left that could run what waits: reports all of it lost. */
export function failWaiting(w: WorkerState, error: ErrorData): void {
  for (const attempt of w.waiting.splice(0)) reportLoss(w, attempt, error);
}

export function reportLoss(w: WorkerState, attempt: AttemptId, error: ErrorData, isBlameless = false): void {
  w.effects.push({
    kind: "ReportFailed",
    attempt,
    failure: { kind: "loss", error, ...(isBlameless ? { isBlameless } : {}) },
  });
}

function remember(w: WorkerState, attempt: AttemptId): void {
  w.recent.add(attempt);
  if (w.recent.size <= recentMax) return;
  const [oldest] = w.recent;
  invariant(oldest !== undefined && oldest !== attempt, "W5", () => "the memory of attempts is out of order");
  w.recent.delete(oldest);
}
