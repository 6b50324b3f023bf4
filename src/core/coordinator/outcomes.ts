// Outcomes: what the end of an attempt means. The first finished attempt of a task wins; a failed one is retried
// while its budgets last.
//
//   failure   counts against                                   the task is given up when
//   error     errorAttemptsMax                                 it is used up, or the error is final
//   loss      lossAttemptsMax; if the attempt had started,     either is used up
//             and is not blameless, also poisonLossesMax
//             in a row
//   blocks    its own count of lost inputs                     that exceeds lossAttemptsMax
//
// Not here: the transition itself (progress.ts), the job's end (ending.ts). Owner of nothing.
//
// Invariants
//   I13  A task whose budget is used up has failed, and the job with it.

import { parseAttemptId } from "../../base/ids.ts";
import { formatDuration } from "../../base/units.ts";
import type { ErrorData } from "../../errors.ts";
import type { Failure } from "../types.ts";
import { failureError } from "../failure-error.ts";
import type { Attempt } from "./attempts.ts";
import { cancelAttempt, failJob } from "./ending.ts";
import { loseOutput, moveTask } from "./progress.ts";
import { ignore, note, type CoordinatorState } from "./state.ts";

/** The attempt is over, as its worker says: frees its slot. */
function release(s: CoordinatorState, attempt: Attempt): void {
  s.attempts.remove(attempt);
  s.stragglers.unwatch(attempt);
  s.workers.giveSlotBack(attempt.worker);
}

function discard(s: CoordinatorState, { id, worker }: Attempt): void {
  s.effects.push({ kind: "DiscardOutput", worker, attempt: id });
}

export function attemptFinished(s: CoordinatorState, attempt: Attempt, bytesOut: number): void {
  const { rival, mode, task, id, worker } = attempt;
  release(s, attempt);
  if (mode === "cancelling") {
    ignore(s, "AttemptFinished", `${id} was told to stop: ${attempt.cancelReason}`);
    discard(s, attempt);
    return;
  }
  if (rival !== null) cancelAttempt(s, rival, `${id} finished first`);
  s.stragglers.noteFinished(attempt, s.now);
  s.tasks.endLosses(task);
  s.outputs.set(task, { attempt: id, worker }, bytesOut);
  moveTask(s, task, "finished", attempt.number);
}

export function attemptFailed(s: CoordinatorState, attempt: Attempt, failure: Failure): void {
  const { mode, rival } = attempt;
  release(s, attempt);
  discard(s, attempt);
  if (mode === "cancelling") {
    if (failure.kind === "cancelled") return;
    ignore(s, "AttemptFailed", `${attempt.id} was told to stop: ${attempt.cancelReason}`);
    return;
  }
  endLive(s, attempt, rival, failure.kind === "cancelled" ? unaskedCancellation(attempt) : failure);
}

/**
 * The attempt ran too long, and was at `stack`, as far as is known. It is told to stop and counts as failed at once,
 * whatever it still reports.
 */
export function attemptTimedOut(s: CoordinatorState, attempt: Attempt, stack: string | null): void {
  const { rival } = attempt;
  const limitMs = s.spec.limits.taskTimeoutMs!;
  cancelAttempt(s, attempt, `it ran for ${formatDuration(limitMs)}, its time limit`);
  const message = `attempt ${attempt.id} was stopped after ${formatDuration(limitMs)}, its time limit`;
  const error = failureError("TASK_TIMEOUT", message, { details: { attempt: attempt.id, limitMs, stack } });
  endLive(s, attempt, rival, { kind: "error", final: false, error });
}

/** The worker is gone: its attempts are lost, then the finished outputs that it held. */
export function workerLost(s: CoordinatorState, worker: Attempt["worker"], reason: string): void {
  s.workers.lose(worker);
  s.places.workerChanged(worker);
  const error = failureError("SLOT_LOST", `worker ${worker} was lost: ${reason}`, { details: { worker } });
  const lost = s.attempts.removeWorker(worker);
  // Which of several attempts took the worker with it, if one did, nobody can say: then none is held to have.
  const isBlameless = lost.filter(({ startedAt }) => startedAt !== null).length > 1;
  const failure: Failure = { kind: "loss", error, ...(isBlameless ? { isBlameless } : {}) };
  for (const attempt of lost) {
    s.stragglers.unwatch(attempt);
    if (s.job.phase !== "running" || attempt.mode === "cancelling") continue;
    endLive(s, attempt, s.attempts.part(attempt), failure);
  }
  if (s.job.phase !== "running") return;
  for (const task of s.outputs.lostWith(worker)) loseOutput(s, task, `worker ${worker} was lost: ${reason}`);
}

/** A live attempt ended without a result; `rival` is the one that still runs, if any. */
function endLive(s: CoordinatorState, attempt: Attempt, rival: Attempt | null, failure: Failure): void {
  const { task, number } = attempt;
  const verdict = countFailure(s, attempt, failure);
  if (verdict !== null) {
    moveTask(s, task, "given-up", number);
    failJob(s, verdict, task);
  } else if (rival !== null) {
    moveTask(s, task, "attempt-ended", number);
    s.stragglers.watch(rival);
  } else {
    if (failure.kind === "loss") s.places.forget(task);
    moveTask(s, task, "retried", number);
    note(s, { kind: "retried", task, failed: attempt.id, failure });
  }
  if (verdict === null && failure.kind === "blocks") loseReported(s, attempt, failure.lost);
}

/** Counts the failure against its budget. Returns the job's error if that is used up. */
function countFailure(s: CoordinatorState, attempt: Attempt, failure: Failure): ErrorData | null {
  const { task } = attempt;
  const { errorAttemptsMax, lossAttemptsMax, poisonLossesMax } = s.spec.limits;
  switch (failure.kind) {
    case "error": {
      const errors = s.tasks.countError(task);
      if (failure.final) return failure.error;
      return errors < errorAttemptsMax
        ? null
        : exhausted(s, attempt, `failed ${times(errors)}`, failure.error);
    }
    case "loss": {
      // An attempt that never started cannot have been what ended its slot.
      const isSuspect = attempt.startedAt !== null && failure.isBlameless !== true;
      const { losses, inRow } = s.tasks.countLoss(task, attempt.worker, isSuspect ? failure.error : null);
      if (inRow >= poisonLossesMax) return poison(s, attempt, inRow, failure.error);
      return losses < lossAttemptsMax
        ? null
        : exhausted(s, attempt, `lost its slot ${times(losses)}`, failure.error);
    }
    case "blocks": {
      const inputLosses = s.tasks.countInputLoss(task);
      if (inputLosses <= lossAttemptsMax) return null;
      return exhausted(s, attempt, `found its input lost ${times(inputLosses)}`, failure.error);
    }
    case "cancelled":
      return null;
  }
}

/** A reader says that these outputs are lost or damaged. True only of outputs that count and that it reads. */
function loseReported(s: CoordinatorState, reader: Attempt, lost: readonly string[]): void {
  const { reads } = s.stages.spec(reader.stage);
  for (const id of lost) {
    const named = parseAttemptId(id);
    if (named === null || !s.tasks.has(named.task) || !reads.includes(s.stages.stageOf(named.task))) continue;
    if (s.outputs.of(named.task)?.attempt === id) loseOutput(s, named.task, `reported lost by ${reader.id}`);
  }
}

function unaskedCancellation({ id, worker }: Attempt): Failure {
  const message = `worker ${worker} stopped attempt ${id} without being asked`;
  return { kind: "loss", error: failureError("SLOT_LOST", message) };
}

const times = (n: number): string => (n === 1 ? "once" : `${n} times`);

function exhausted(s: CoordinatorState, attempt: Attempt, what: string, cause: ErrorData): ErrorData {
  const message =
    `${s.stages.nameOf(attempt.task)} ${what}, the last time in attempt ${attempt.id} at ` +
    `${attempt.worker}: ${cause.message}`;
  return failureError("ATTEMPTS_EXHAUSTED", message, { cause, details: where(attempt) });
}

function poison(s: CoordinatorState, attempt: Attempt, inRow: number, cause: ErrorData): ErrorData {
  const often = inRow === 1 ? "once" : `${inRow} times in a row`;
  const message =
    `${s.stages.nameOf(attempt.task)} lost its slot ${often}, the last time in attempt ` +
    `${attempt.id} at ${attempt.worker}: ${cause.message}`;
  const certificates = s.tasks
    .lossesInRowOf(attempt.task)
    .map(({ details }) => details?.["certificate"] ?? null);
  return failureError("POISON_TASK", message, { cause, details: { ...where(attempt), certificates } });
}

const where = ({ id, task, stage, worker }: Attempt): Record<string, unknown> => ({
  attempt: id,
  task,
  stage,
  worker,
});
