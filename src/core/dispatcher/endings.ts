// How calls end that do not simply return: cancelled, expired, failed and tried again, lost with their slot.
//
//   waiting                      settled at once: it has not begun
//   held, may not have begun     asked back; given back: it has not begun · kept: as the next · no answer in time: settled
//                                as if it had begun; its slot is not ended for that, since it may run something else
//   held, begun                  settled at once; told to stop; if it does not within the grace time, its slot is ended
//
// Owner of: the grace times.

import type { ErrorData } from "../../errors.ts";
import type { Call } from "./calls.ts";
import { revoke } from "./dispatch.ts";
import type { CallNumber } from "./events.ts";
import type { CallSlot } from "./slots.ts";
import { settle, type DispatcherState } from "./state.ts";

type Ending = "cancelled" | "expired";

/** Nobody wants the call any more. */
export function endCall(d: DispatcherState, call: Call, ending: Ending): void {
  switch (call.place) {
    case "waiting":
      d.queue.remove(call);
      return endWaiting(d, call, ending);
    case "held": {
      const { slot } = call;
      const mayNotHaveBegun = slot!.canRevoke && !call.isBlocked && !call.isKept;
      if (!mayNotHaveBegun) return abort(d, call, ending);
      d.calls.becomeUnwanted(call, ending);
      revoke(d, call);
      return grace(d, call, d.limits.answerGraceMs);
    }
    case "revoking":
      if (call.ending !== null) return;
      d.calls.becomeUnwanted(call, ending);
      return grace(d, call, d.limits.answerGraceMs);
    case "unanswered":
    case "aborting":
    case "out":
  }
}

/** Of a call that is in no queue and in no slot. */
function endWaiting(d: DispatcherState, call: Call, ending: Ending): void {
  settle(d, call, { kind: ending, hasBegun: false });
  d.calls.move(call, "out");
}

/** Of a call that no slot has any more, and that may have run. */
function endBegun(d: DispatcherState, call: Call, ending: Ending): void {
  settle(d, call, { kind: ending, hasBegun: true });
  d.calls.move(call, "out");
}

function abort(d: DispatcherState, call: Call, ending: Ending): void {
  if (call.place !== "unanswered") settle(d, call, { kind: ending, hasBegun: true });
  d.calls.move(call, "aborting");
  d.effects.push({ kind: "AbortCall", call: call.call, slot: call.slot!.slot });
  grace(d, call, d.limits.abortGraceMs);
}

/** Nobody says whether it has begun: the caller is told the worst. */
function becomeUnanswered(d: DispatcherState, call: Call, ending: Ending): void {
  settle(d, call, { kind: ending, hasBegun: true });
  d.calls.move(call, "unanswered");
  call.graceEndsAt = null;
}

/** It is over for whoever made it. */
const isSettled = ({ place }: Call): boolean => place === "aborting" || place === "unanswered";

function grace(d: DispatcherState, call: Call, ms: number): void {
  call.graceEndsAt = d.now + ms;
  d.calls.alarm(call, call.graceEndsAt);
}

export function callRevoked(d: DispatcherState, call: Call): void {
  d.slots.release(call);
  if (isSettled(call)) return d.calls.move(call, "out"); // its slot has ended, or answers late
  if (call.ending !== null) return endWaiting(d, call, call.ending);
  d.calls.move(call, "waiting");
  d.queue.add(call, "first");
}

export function callKept(d: DispatcherState, call: Call): void {
  call.isKept = true;
  if (call.ending !== null) abort(d, call, call.ending);
  else d.calls.move(call, "held");
}

/** It has ended by itself, with a value or by throwing. */
export function callEnded(d: DispatcherState, call: Call, isFailure: boolean): void {
  d.slots.release(call);
  if (isSettled(call)) return d.calls.move(call, "out");
  // It was asked back too late, and ended before the answer: what came of it is not wanted.
  if (call.ending !== null) return endBegun(d, call, call.ending);
  if (isFailure && retry(d, call)) return;
  settle(d, call, { kind: "ended" });
  d.calls.move(call, "out");
}

export function slotExited(
  d: DispatcherState,
  slot: CallSlot,
  error: ErrorData,
  unbegun: readonly CallNumber[],
): void {
  const givenBack = new Set(unbegun);
  // The last first: what goes back to the front of the queue keeps its order.
  for (const call of [...slot.blocked, ...slot.active].reverse()) {
    if (givenBack.has(call.call)) callRevoked(d, call);
    else callLost(d, call, error);
  }
  d.slots.leave(slot);
}

function callLost(d: DispatcherState, call: Call, error: ErrorData): void {
  d.slots.release(call);
  if (isSettled(call)) return d.calls.move(call, "out");
  if (call.ending !== null) return endBegun(d, call, call.ending);
  if (retry(d, call)) return;
  settle(d, call, { kind: "lost", error });
  d.calls.move(call, "out");
}

/** Nothing can run any more: what waits is lost. */
export function loseWaiting(d: DispatcherState, error: ErrorData): void {
  for (let call = d.queue.first; call !== null; call = d.queue.first) {
    d.queue.remove(call);
    settle(d, call, { kind: "lost", error });
    d.calls.move(call, "out");
  }
}

function retry(d: DispatcherState, call: Call): boolean {
  if (call.retriesLeft === 0) return false;
  call.retriesLeft--;
  d.counts.retried++;
  call.isKept = false;
  d.calls.move(call, "waiting");
  d.queue.add(call, "first");
  return true;
}

/** Deadlines and ends of grace that are due. */
export function alarmsDue(d: DispatcherState): void {
  for (let call = d.calls.takeDue(d.now); call !== null; call = d.calls.takeDue(d.now)) {
    const { slot, graceEndsAt, place } = call;
    const isGraceOver = graceEndsAt !== null && graceEndsAt <= d.now;
    if (place !== "aborting") {
      if (place === "revoking" && isGraceOver) becomeUnanswered(d, call, call.ending!);
      else if (call.deadline !== null && call.deadline <= d.now) endCall(d, call, "expired");
      continue;
    }
    if (!isGraceOver || slot === null || slot.isEnding) continue;
    d.slots.becomeEnding(slot);
    const why = `a call did not stop within ${d.limits.abortGraceMs} ms`;
    d.effects.push({ kind: "TerminateSlot", slot: slot.slot, why });
  }
}
