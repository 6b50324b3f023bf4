// Time limits: an attempt that runs for too long is examined, then told to stop.
//
//   running ──its time is up──▶ overdue ──examined, or after a second──▶ timed out (outcomes.ts)
//                                  └──────it ends by itself──────▶ as any other
//
// Examined first, because a loop that is told to stop is no longer where it was: its stack, the one thing that tells
// what took so long, goes into the error.
//
// Not here: what a time-out means for the task (outcomes.ts). Owner of nothing.

import { invariant } from "../../base/assert.ts";
import type { Millis } from "../types.ts";
import type { Attempt } from "./attempts.ts";
import { attemptTimedOut } from "./outcomes.ts";
import { ignore, type CoordinatorState } from "./state.ts";

/** How long the answer to ExamineAttempt is waited for. */
export const examineMs = 1000;

/** When the next attempt is overdue, or was for long enough; null if none is. */
export function nextTimeout(s: CoordinatorState): Millis | null {
  const { taskTimeoutMs } = s.spec.limits;
  if (taskTimeoutMs === null) return null;
  const started = s.attempts.oldestStarted;
  const overdue = s.attempts.oldestOverdue;
  const dueAt = started === null ? null : started.startedAt! + taskTimeoutMs;
  const overAt = overdue === null ? null : overdue.overdueSince! + examineMs;
  return dueAt === null || (overAt !== null && overAt < dueAt) ? overAt : dueAt;
}

/** Those that nobody could examine time out; then those whose time is up are examined. */
export function endOverdue(s: CoordinatorState): void {
  const { taskTimeoutMs } = s.spec.limits;
  if (taskTimeoutMs === null) return;
  for (let next = s.attempts.oldestOverdue; next !== null && isRunning(s); next = s.attempts.oldestOverdue) {
    if (next.overdueSince! + examineMs > s.now) break;
    attemptTimedOut(s, next, null);
  }
  for (let next = s.attempts.oldestStarted; next !== null && isRunning(s); next = s.attempts.oldestStarted) {
    if (next.startedAt! + taskTimeoutMs > s.now) break;
    s.attempts.becomeOverdue(next, s.now);
    s.effects.push({ kind: "ExamineAttempt", worker: next.worker, attempt: next.id });
  }
}

export function attemptExamined(
  s: CoordinatorState,
  attempt: Attempt | undefined,
  stack: string | null,
): void {
  if (attempt === undefined || attempt.mode === "cancelling" || attempt.overdueSince === null) {
    return ignore(s, "AttemptExamined", `${attempt?.id ?? "the attempt"} is not overdue`);
  }
  invariant(isRunning(s), "I14", () => `${attempt.id} is live and the job is ${s.job.phase}`);
  attemptTimedOut(s, attempt, stack);
}

const isRunning = (s: CoordinatorState): boolean => s.job.phase === "running";
