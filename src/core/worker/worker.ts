// The worker: decides which of its slots runs which attempt, ends those that do not stop when told to, and restarts
// slots that ended. DESIGN.md in the folder above tells the rules; slots.ts has the table of modes.
//
// Not here: what an attempt reads or does, talking to the coordinator (driver).
// Owner of: state.isStopping, state.now, state.effects.

import { invariant, unreachable } from "../../base/assert.ts";
import type { AttemptId } from "../../base/ids.ts";
import type { Machine, Millis } from "../types.ts";
import { failureError } from "../failure-error.ts";
import type { WorkerEffect, WorkerEvent } from "./events.ts";
import { attemptAssigned, dispatch, failWaiting, reportLoss, withdraw } from "./queue.ts";
import type { Slot } from "./slots.ts";
import { ignore, newState, type WorkerState } from "./state.ts";

/** Slots that one worker may have. */
export const slotsMax = 4096;

export interface Worker extends Machine<WorkerEvent, WorkerEffect> {
  /** The slots, in order of their numbers; empty before WorkerStarted. */
  slots(): readonly Slot[];
  waiting(): readonly AttemptId[];
  /** Events that were stale, duplicate or nonsensical. */
  ignoredCount(): number;
  /** For the checker of invariants (invariants.ts): to be read only. */
  state(): WorkerState | null;
}

export function createWorker(): Worker {
  let state: WorkerState | null = null;
  let ignored = 0;
  let lastNow = 0;
  return {
    handle(event, now) {
      invariant(Number.isInteger(now) && now >= lastNow, "W6", () => `time went from ${lastNow} to ${now}`);
      lastNow = now;
      let effects: WorkerEffect[];
      if (state === null) [state, effects] = begin(event, now);
      else effects = step(state, event, now);
      for (const effect of effects) if (effect.kind === "EventIgnored") ignored++;
      return effects;
    },
    nextDeadline() {
      let earliest: Millis | null = null;
      for (const { graceEndsAt } of state?.slots ?? []) {
        if (graceEndsAt !== null && (earliest === null || graceEndsAt < earliest)) earliest = graceEndsAt;
      }
      return earliest;
    },
    slots: () => [...(state?.slots ?? [])],
    waiting: () => [...(state?.waiting ?? [])],
    ignoredCount: () => ignored,
    state: () => state,
  };
}

function begin(event: WorkerEvent, now: Millis): [WorkerState | null, WorkerEffect[]] {
  const refuse = (why: string): [null, WorkerEffect[]] => [
    null,
    [{ kind: "EventIgnored", event: event.kind, why }],
  ];
  if (event.kind !== "WorkerStarted") return refuse("the worker has not started");
  const { slots, abortGraceMs } = event;
  if (!Number.isInteger(slots) || slots < 1 || slots > slotsMax) {
    return refuse(`${slots} slots; 1 to ${slotsMax} were expected`);
  }
  if (!Number.isSafeInteger(abortGraceMs) || abortGraceMs < 0) {
    return refuse(`a grace time of ${abortGraceMs} ms; 0 or more whole milliseconds were expected`);
  }
  const state = newState(slots, abortGraceMs, now);
  for (const slot of state.slots) startSlot(state, slot);
  return [state, state.effects];
}

function step(w: WorkerState, event: WorkerEvent, now: Millis): WorkerEffect[] {
  w.now = now;
  w.effects = [];
  route(w, event);
  dispatch(w);
  return w.effects;
}

function route(w: WorkerState, event: WorkerEvent): void {
  switch (event.kind) {
    case "WorkerStarted":
      return ignore(w, event.kind, "the worker has started already");
    case "SlotReady": {
      const slot = current(w, event);
      if (slot === null) return;
      if (slot.mode === "starting") return w.slots.becomeIdle(slot);
      return ignore(w, event.kind, `slot ${slot.number} is ${slot.mode}`);
    }
    case "SlotExited": {
      const slot = current(w, event);
      return slot === null ? undefined : slotExited(w, slot, event);
    }
    case "AttemptAssigned":
      return attemptAssigned(w, event.attempt);
    case "CancelRequested":
      return cancelRequested(w, event.attempt);
    case "SlotFinished": {
      const slot = running(w, event);
      if (slot === null) return;
      w.slots.becomeDone(slot);
      w.effects.push({ kind: "ReportFinished", attempt: event.attempt, figures: event.figures });
      return;
    }
    case "SlotFailed": {
      const slot = running(w, event);
      if (slot === null) return;
      w.slots.becomeDone(slot);
      w.effects.push({ kind: "ReportFailed", attempt: event.attempt, failure: event.failure });
      return;
    }
    case "StopRequested":
      return stopRequested(w);
    case "TimePassed":
      return timePassed(w);
    default:
      unreachable(event, "worker");
  }
}

/** Reports what the slot ran, then starts it again; or lets it rest, if that has not helped three times in a row. */
function slotExited(w: WorkerState, slot: Slot, event: WorkerEvent & { kind: "SlotExited" }): void {
  const { kind, error } = event;
  if (slot.mode === "down" || slot.mode === "ended")
    return ignore(w, kind, `slot ${slot.number} is ${slot.mode}`);
  const { attempt } = slot;
  if (attempt !== null && slot.isAborted) {
    w.effects.push({ kind: "ReportFailed", attempt, failure: { kind: "cancelled" } });
  } else if (attempt !== null) reportLoss(w, attempt, error, event.isExternal === true);
  if (w.isStopping) return w.slots.becomeEnded(slot);
  const restarted = w.slots.becomeRestarted(slot);
  if (restarted.mode === "starting") return startSlot(w, restarted);
  if (w.slots.countIn("down") === w.slots.count) failWaiting(w, error);
}

function cancelRequested(w: WorkerState, attempt: AttemptId): void {
  if (withdraw(w, attempt)) return;
  const slot = w.slots.runningSlot(attempt);
  if (slot === null) return ignore(w, "CancelRequested", `${attempt} is not here`);
  if (slot.mode !== "busy")
    return ignore(w, "CancelRequested", `slot ${slot.number} is ${slot.mode} already`);
  w.slots.becomeAborting(slot, w.now + w.abortGraceMs);
  w.effects.push({ kind: "AbortAttempt", slot: slot.number, generation: slot.generation, attempt });
}

function stopRequested(w: WorkerState): void {
  if (w.isStopping) return ignore(w, "StopRequested", "the worker is stopping already");
  w.isStopping = true;
  failWaiting(w, failureError("SLOT_LOST", "the worker was told to stop"));
  for (const slot of w.slots) {
    if (slot.mode === "down") w.slots.becomeEnded(slot);
    else if (slot.mode !== "stopping") terminate(w, slot, "the worker was told to stop");
  }
}

function timePassed(w: WorkerState): void {
  for (const slot of w.slots) {
    if (slot.graceEndsAt === null || slot.graceEndsAt > w.now) continue;
    terminate(w, slot, `${slot.attempt} did not stop within ${w.abortGraceMs} ms`);
  }
}

function terminate(w: WorkerState, slot: Slot, why: string): void {
  w.slots.becomeStopping(slot);
  w.effects.push({ kind: "TerminateSlot", slot: slot.number, generation: slot.generation, why });
}

function startSlot(w: WorkerState, { number, generation }: Slot): void {
  w.effects.push({ kind: "StartSlot", slot: number, generation });
}

/** The slot that the event speaks of, if it still is in that generation; else the event is ignored. */
function current(w: WorkerState, event: WorkerEvent & { slot: number; generation: number }): Slot | null {
  const slot = w.slots.get(event.slot);
  if (slot === undefined) ignore(w, event.kind, `there is no slot ${event.slot}`);
  else if (slot.generation !== event.generation) {
    ignore(w, event.kind, `slot ${slot.number} is in generation ${slot.generation}, not ${event.generation}`);
  } else return slot;
  return null;
}

/** As `current`, if the slot runs the attempt that the event speaks of. */
function running(w: WorkerState, event: WorkerEvent & { kind: "SlotFinished" | "SlotFailed" }): Slot | null {
  const slot = current(w, event);
  if (slot === null || slot.attempt === event.attempt) return slot;
  ignore(w, event.kind, `slot ${slot.number} runs ${slot.attempt ?? "nothing"}, not ${event.attempt}`);
  return null;
}
