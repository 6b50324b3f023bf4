// The coordinator: decides for one job which task runs where. This file routes events to the rooms that decide, and
// decides nothing itself. DESIGN.md beside it tells the rules; test/golden/ shows them at work.
//
// Owner of: state.now, state.effects, the count of ignored events.

import { invariant, unreachable } from "../../base/assert.ts";
import { attemptId, parseAttemptId, type AttemptId, type TaskNumber, type WorkerId } from "../../base/ids.ts";
import type { JobSpec, Machine, Millis, StageIndex } from "../types.ts";
import { outputsAdopted } from "./adoption.ts";
import type { Attempt } from "./attempts.ts";
import { commitFailed, outputCommitted, settle, stopJob } from "./ending.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "./events.ts";
import type { JobPhase } from "./job.ts";
import { findFault } from "./job-check.ts";
import { attemptFailed, attemptFinished, workerLost } from "./outcomes.ts";
import { openFirstStages } from "./progress.ts";
import { inputsHeld, waitsUntil } from "./placement.ts";
import { nextBackup, schedule } from "./schedule.ts";
import { ignore, newState, type CoordinatorState } from "./state.ts";
import { attemptExamined, endOverdue, nextTimeout } from "./time-limits.ts";
import { slotsMax, workersMax } from "./workers.ts";

export interface StageProgress {
  readonly tasks: number;
  readonly finished: number;
  readonly running: number;
  /** Could run at once, had they a slot. */
  readonly ready: number;
  /** Wait for a stage that theirs reads. */
  readonly waiting: number;
}

export type TaskSituation = "waiting" | "ready" | "running" | "finished" | "forgotten" | "failed";

/** The machine, and questions to it that change nothing. */
export interface Coordinator extends Machine<CoordinatorEvent, CoordinatorEffect> {
  /** "new" until JobSubmitted. */
  phase(): JobPhase | "new";
  stageProgress(stage: StageIndex): StageProgress;
  taskSituation(task: TaskNumber): TaskSituation;
  /** What happened to the task, oldest first, one line each. */
  taskStory(task: TaskNumber): string[];
  attemptsInFlight(): Attempt[];
  /** Events that were stale, duplicate or nonsensical. */
  ignoredCount(): number;
  /** For the checker of invariants (invariants.ts): to be read only. */
  state(): CoordinatorState | null;
}

export function createCoordinator(): Coordinator {
  let state: CoordinatorState | null = null;
  let isRejected = false;
  let ignored = 0;
  let lastNow = 0;

  const known = (): CoordinatorState => {
    invariant(state !== null, "I0", () => "the coordinator was asked about a job before it was submitted");
    return state;
  };

  /** The first event: makes the state, or refuses a job that makes no sense. */
  const begin = (event: CoordinatorEvent, now: Millis): CoordinatorEffect[] => {
    if (isRejected || event.kind !== "JobSubmitted") {
      const why = isRejected ? "the job was refused" : "there is no job yet";
      return [{ kind: "EventIgnored", event: event.kind, why }];
    }
    const fault = findFault(event.job);
    if (fault !== null) {
      isRejected = true;
      return [{ kind: "FinishJob", outcome: { kind: "failed", error: fault, task: null } }];
    }
    state = newState(event.job as JobSpec, now);
    openFirstStages(state);
    settle(state);
    return state.effects;
  };

  return {
    handle(event, now) {
      invariant(Number.isInteger(now) && now >= lastNow, "I15", () => `time went from ${lastNow} to ${now}`);
      lastNow = now;
      const effects = state === null ? begin(event, now) : step(state, event, now);
      for (const effect of effects) if (effect.kind === "EventIgnored") ignored++;
      return effects;
    },
    nextDeadline() {
      if (state === null || state.job.phase !== "running") return null;
      const timeout = nextTimeout(state);
      const backup = nextBackup(state)?.at ?? null;
      return earliest(earliest(timeout, backup), waitsUntil(state));
    },
    phase: () => (isRejected ? "finished" : (state?.job.phase ?? "new")),
    stageProgress: (stage) => stageProgress(known(), stage),
    taskSituation: (task) => taskSituation(known(), task),
    taskStory: (task) => known().tasks.story(task),
    attemptsInFlight: () => (state === null ? [] : [...state.attempts]),
    ignoredCount: () => ignored,
    state: () => state,
  };
}

function step(s: CoordinatorState, event: CoordinatorEvent, now: Millis): CoordinatorEffect[] {
  s.now = now;
  s.effects = [];
  if (s.job.phase === "finished") {
    ignore(s, event.kind, "the job is finished");
    return s.effects;
  }
  route(s, event);
  settle(s);
  schedule(s);
  return s.effects;
}

function route(s: CoordinatorState, event: CoordinatorEvent): void {
  switch (event.kind) {
    case "JobSubmitted":
      return ignore(s, event.kind, "there is a job already");
    case "OutputsAdopted":
      return outputsAdopted(s, event);
    case "WorkerJoined":
      return workerJoined(s, event.worker, event.slots);
    case "WorkerLost":
      if (!s.workers.isHere(event.worker)) return ignore(s, event.kind, `worker ${event.worker} is not here`);
      return workerLost(s, event.worker, event.reason);
    case "WorkerPaused":
      if (!s.workers.isHere(event.worker)) return ignore(s, event.kind, `worker ${event.worker} is not here`);
      s.workers.pause(event.worker, event.why);
      return s.places.workerChanged(event.worker);
    case "WorkerResumed":
      if (!s.workers.isHere(event.worker)) return ignore(s, event.kind, `worker ${event.worker} is not here`);
      s.workers.resume(event.worker);
      return s.places.workerChanged(event.worker);
    case "InputsHeld":
      return inputsHeld(s, event.worker, event.copies);
    case "AttemptStarted":
      return attemptStarted(s, event);
    case "AttemptProgressed":
      if (s.attempts.get(event.attempt) === undefined) ignore(s, event.kind, whyOver(s, event.attempt));
      return;
    case "AttemptFinished": {
      const attempt = inFlight(s, event);
      if (attempt !== null) return attemptFinished(s, attempt, event.figures.bytesOut);
      return discardStray(s, event.worker, event.attempt);
    }
    case "AttemptFailed": {
      const attempt = inFlight(s, event);
      return attempt === null ? undefined : attemptFailed(s, attempt, event.failure);
    }
    case "AttemptExamined":
      return attemptExamined(s, s.attempts.get(event.attempt), event.stack);
    case "CancelRequested":
      if (s.job.phase !== "running") return ignore(s, event.kind, `the job is ${s.job.phase}`);
      return stopJob(
        s,
        { kind: "cancelled", reason: event.reason },
        `the job was cancelled: ${event.reason}`,
      );
    case "OutputCommitted":
      if (s.job.phase !== "committing") return ignore(s, event.kind, `the job is ${s.job.phase}`);
      return outputCommitted(s);
    case "CommitFailed":
      if (s.job.phase !== "committing") return ignore(s, event.kind, `the job is ${s.job.phase}`);
      return commitFailed(s, event.error);
    case "TimePassed":
      return endOverdue(s);
    default:
      unreachable(event, "coordinator");
  }
}

function workerJoined(s: CoordinatorState, worker: WorkerId, slots: number): void {
  if (s.workers.wasSeen(worker)) return ignore(s, "WorkerJoined", `worker ${worker} was here before`);
  if (!Number.isInteger(slots) || slots < 1 || slots > slotsMax) {
    return ignore(s, "WorkerJoined", `${worker} offers ${slots} slots; 1 to ${slotsMax} were expected`);
  }
  if (s.workers.seenCount >= workersMax) {
    return ignore(s, "WorkerJoined", `${workersMax} workers have joined before it`);
  }
  s.workers.join(worker, slots);
}

function attemptStarted(s: CoordinatorState, event: CoordinatorEvent & { kind: "AttemptStarted" }): void {
  const attempt = inFlight(s, event);
  if (attempt === null) return;
  if (attempt.mode === "assigned") s.attempts.becomeRunning(attempt, s.now);
  else ignore(s, event.kind, `${attempt.id} is ${attempt.mode} already`);
}

const earliest = (a: Millis | null, b: Millis | null): Millis | null =>
  a === null || (b !== null && b < a) ? b : a;

/** The attempt that the event speaks of, if it is in flight at that worker; else the event is ignored. */
function inFlight(
  s: CoordinatorState,
  event: { kind: CoordinatorEvent["kind"]; worker: WorkerId; attempt: AttemptId },
): Attempt | null {
  const attempt = s.attempts.get(event.attempt);
  if (attempt === undefined) ignore(s, event.kind, whyOver(s, event.attempt));
  else if (attempt.worker !== event.worker) ignore(s, event.kind, `${attempt.id} is at ${attempt.worker}`);
  else return attempt;
  return null;
}

/** The task of an attempt that was assigned at some time; null for anything else. */
function taskOfAssigned(s: CoordinatorState, id: AttemptId): TaskNumber | null {
  const named = parseAttemptId(id);
  if (named === null || attemptId(named.task, named.attempt) !== id) return null;
  return s.tasks.wasAssigned(named.task, named.attempt) ? named.task : null;
}

function whyOver(s: CoordinatorState, id: AttemptId): string {
  const task = taskOfAssigned(s, id);
  if (task === null) return `${id} was never assigned`;
  return s.outputs.of(task)?.attempt === id ? `${id} has finished before` : `${id} is over`;
}

/**
 * An attempt that is over says that it finished. Its output is deleted, unless it is the one that counts (a duplicate
 * report), is still being written elsewhere, or was never ours.
 */
function discardStray(s: CoordinatorState, worker: WorkerId, id: AttemptId): void {
  const task = taskOfAssigned(s, id);
  if (task === null || s.attempts.get(id) !== undefined) return;
  if (s.outputs.of(task)?.attempt === id || !s.workers.isHere(worker)) return;
  s.effects.push({ kind: "DiscardOutput", worker, attempt: id });
}

function taskSituation(s: CoordinatorState, task: TaskNumber): TaskSituation {
  const state = s.tasks.stateOf(task);
  if (state !== "pending") return state;
  return s.ready.isOpen(s.stages.stageOf(task)) ? "ready" : "waiting";
}

function stageProgress(s: CoordinatorState, stage: StageIndex): StageProgress {
  const pending = s.ready.pendingCount(stage);
  const isOpen = s.ready.isOpen(stage);
  return {
    tasks: s.stages.spec(stage).tasks,
    finished: s.stages.finishedCount(stage),
    running: s.stages.unfinishedCount(stage) - pending,
    ready: isOpen ? pending : 0,
    waiting: isOpen ? 0 : pending,
  };
}
