// The job's ending: commit when all is done, stop when it failed or was cancelled, finish when that is over.
//
// A successful job finishes when its output is published, and does not wait for attempts that lost; a failed or
// cancelled one finishes when the last attempt has reported, so that nothing of it runs on afterwards.

import { invariant } from "../../base/assert.ts";
import type { TaskNumber } from "../../base/ids.ts";
import type { ErrorData } from "../../errors.ts";
import type { JobOutcome } from "../types.ts";
import type { Attempt } from "./attempts.ts";
import type { CoordinatorState } from "./state.ts";

/** Tells a live attempt to stop; from now on its end means nothing but a free slot. */
export function cancelAttempt(s: CoordinatorState, attempt: Attempt, reason: string): void {
  invariant(
    s.workers.isHere(attempt.worker),
    "I8",
    () => `${attempt.id} is to be cancelled at a lost worker`,
  );
  s.attempts.becomeCancelling(attempt, reason);
  s.stragglers.unwatch(attempt);
  s.effects.push({ kind: "CancelAttempt", worker: attempt.worker, attempt: attempt.id, reason });
}

export function failJob(s: CoordinatorState, error: ErrorData, task: TaskNumber | null): void {
  stopJob(s, { kind: "failed", error, task }, "the job failed");
}

export function stopJob(s: CoordinatorState, outcome: JobOutcome, reason: string): void {
  s.job.apply("stop-decided", outcome);
  cancelAll(s, reason);
}

/** At the end of every event: commits if the last output is there, finishes if the last attempt is gone. */
export function settle(s: CoordinatorState): void {
  if (s.job.phase === "running" && s.stages.areSinksDone()) {
    s.job.apply("outputs-complete");
    cancelAll(s, "the job's output is complete");
    s.effects.push({ kind: "CommitOutput", winners: s.outputs.winners() });
  } else if (s.job.phase === "stopping" && s.attempts.count === 0) {
    s.job.apply("all-stopped");
    finish(s);
  }
}

export function outputCommitted(s: CoordinatorState): void {
  s.job.apply("committed", { kind: "succeeded" });
  finish(s);
}

export function commitFailed(s: CoordinatorState, error: ErrorData): void {
  s.job.apply("commit-failed", { kind: "failed", error, task: null });
  finish(s);
}

function finish(s: CoordinatorState): void {
  const { outcome } = s.job;
  invariant(
    outcome !== null && s.job.phase === "finished",
    "I14",
    () => `the job is ${s.job.phase} with no outcome`,
  );
  s.effects.push({ kind: "FinishJob", outcome });
}

function cancelAll(s: CoordinatorState, reason: string): void {
  for (const attempt of s.attempts) if (attempt.mode !== "cancelling") cancelAttempt(s, attempt, reason);
}
