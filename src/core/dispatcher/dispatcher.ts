// The dispatcher: decides for the calls of one program which slot runs which, in what order, and what becomes of those
// that are cancelled, late, or lost with their slot. One central queue; each slot holds a few (slots.ts). Not journaled:
// what waits here is gone with the program.
//
// Not here: what a call is, how it travels (driver), who makes it (model).
// Owner of: admission, state.now, state.effects, state.drain. Routes everything else.
//
//   submitted ──▶ queue ──▶ slot ──▶ ended ──▶ settled
//                   ▲         │
//                   └─────────┘ given back · lost or failed, and to be tried again

import { invariant, unreachable } from "../../base/assert.ts";
import type { Machine } from "../types.ts";
import type { Call } from "./calls.ts";
import { dispatch } from "./dispatch.ts";
import { alarmsDue, callEnded, callKept, callRevoked, endCall, loseWaiting, slotExited } from "./endings.ts";
import { endLeaving, slotLeaving } from "./leaving.ts";
import { worked } from "./overdue.ts";
import {
  defaultDispatcherLimits,
  type CallNumber,
  type DispatcherEffect,
  type DispatcherEvent,
  type DispatcherLimits,
} from "./events.ts";
import { ignore, newState, settle, type CallCounts, type DispatcherState } from "./state.ts";

export interface Dispatcher extends Machine<DispatcherEvent, DispatcherEffect> {
  /** Calls that wait for a slot. */
  waiting(): number;
  /** Whether it waits for a slot. */
  isWaiting(call: CallNumber): boolean;
  /** Calls that have not ended. */
  size(): number;
  counts(): Readonly<CallCounts>;
  /** For the checker of invariants (invariants.ts): to be read only. */
  state(): DispatcherState;
}

export function createDispatcher(limits: Partial<DispatcherLimits> = {}): Dispatcher {
  const state = newState({ ...defaultDispatcherLimits, ...limits });
  return {
    handle(event, now) {
      invariant(
        Number.isInteger(now) && now >= state.now,
        "D5",
        () => `time went from ${state.now} to ${now}`,
      );
      state.now = now;
      state.effects = [];
      route(state, event);
      dispatch(state);
      if (state.slots.leaving.size > 0) endLeaving(state);
      endDrain(state);
      return state.effects;
    },
    nextDeadline() {
      const alarm = state.calls.nextAlarm();
      const drain = state.drain === null || state.drain.isOver ? null : state.drain.deadline;
      return alarm === null || (drain !== null && drain < alarm) ? drain : alarm;
    },
    waiting: () => state.queue.size,
    isWaiting: (call) => state.calls.get(call)?.place === "waiting",
    size: () => state.calls.size,
    counts: () => state.counts,
    state: () => state,
  };
}

function route(d: DispatcherState, event: DispatcherEvent): void {
  switch (event.kind) {
    case "SlotJoined":
      if (d.slots.join(event.slot, event.canRevoke) === null)
        ignore(d, event.kind, `there was a slot ${event.slot} before`);
      return;
    case "SlotExited": {
      const slot = d.slots.get(event.slot);
      if (slot === undefined) return ignore(d, event.kind, `there is no slot ${event.slot}`);
      return slotExited(d, slot, event.error, event.unbegun);
    }
    case "SlotLeaving": {
      const slot = d.slots.get(event.slot);
      if (slot === undefined) return ignore(d, event.kind, `there is no slot ${event.slot}`);
      return slotLeaving(d, slot);
    }
    case "CallSubmitted":
      return callSubmitted(d, event);
    case "CallCancelled": {
      const call = d.calls.get(event.call);
      if (call === undefined) return ignore(d, event.kind, `c${event.call} has ended`);
      return endCall(d, call, "cancelled");
    }
    case "CallEnded": {
      const call = held(d, event);
      if (call === null) return;
      if (event.runMicros !== null) d.estimates.learn(call.target, call.items, event.runMicros);
      callEnded(d, call, event.isFailure);
      return event.runMicros === null ? undefined : worked(d, event.runMicros);
    }
    case "CallRevoked": {
      const call = held(d, event);
      return call === null ? undefined : callRevoked(d, call);
    }
    case "CallKept": {
      const call = held(d, event);
      if (call === null) return;
      if (call.place !== "revoking" && call.place !== "unanswered")
        return ignore(d, event.kind, `c${call.call} is ${call.place}`);
      return callKept(d, call);
    }
    case "CallBlocked":
    case "CallUnblocked":
      return blocked(d, event);
    case "SlotsUnavailable":
      return loseWaiting(d, event.error);
    case "DrainRequested":
      return drainRequested(d, event.deadline);
    case "TimePassed":
      return timePassed(d);
    default:
      unreachable(event, "dispatcher");
  }
}

function callSubmitted(d: DispatcherState, event: DispatcherEvent & { kind: "CallSubmitted" }): void {
  if (d.calls.isStale(event.call)) return ignore(d, event.kind, `there was a call c${event.call} before`);
  d.calls.use(event.call);
  d.counts.submitted++;
  const call = d.calls.add(event);
  const isFull = event.isNested
    ? d.slots.blockedCalls >= d.limits.blockedMax
    : d.queue.size >= d.limits.waitingMax;
  const isDraining = d.drain !== null && !event.isNested;
  if (isFull || isDraining) {
    settle(d, call, { kind: "refused", why: isDraining ? "draining" : "full", waiting: d.queue.size });
    return d.calls.move(call, "out");
  }
  d.queue.add(call, "last");
  if (call.deadline !== null && call.deadline <= d.now) endCall(d, call, "expired");
}

function blocked(
  d: DispatcherState,
  event: DispatcherEvent & { kind: "CallBlocked" | "CallUnblocked" },
): void {
  const call = held(d, event);
  if (call === null) return;
  const isBlocking = event.kind === "CallBlocked";
  if (call.isBlocked === isBlocking)
    return ignore(d, event.kind, `c${call.call} is ${isBlocking ? "blocked" : "not blocked"} already`);
  if (isBlocking) d.slots.block(call);
  else d.slots.unblock(call);
}

function drainRequested(d: DispatcherState, deadline: number | null): void {
  if (d.drain !== null) return ignore(d, "DrainRequested", "it is draining already");
  d.drain = { deadline, cancelled: 0, isOver: false };
}

function timePassed(d: DispatcherState): void {
  alarmsDue(d);
  if (d.drain === null || d.drain.deadline === null || d.drain.deadline > d.now) return;
  d.drain.deadline = null;
  for (const call of Array.from(d.calls)) {
    if (call.place === "aborting" || call.ending !== null) continue;
    d.drain.cancelled++;
    endCall(d, call, "cancelled");
  }
}

function endDrain(d: DispatcherState): void {
  if (d.drain === null || d.drain.isOver || d.calls.size > 0) return;
  d.drain.isOver = true;
  d.effects.push({ kind: "Drained", cancelled: d.drain.cancelled });
}

/** The call that a slot speaks of, if that slot has it; else the event is ignored. */
function held(
  d: DispatcherState,
  event: DispatcherEvent & { readonly call: number; readonly slot: number },
): Call | null {
  const call = d.calls.get(event.call);
  if (call?.slot?.slot === event.slot) return call;
  const where = call === undefined ? "has ended" : call.slot === null ? "waits" : `is at s${call.slot.slot}`;
  ignore(d, event.kind, `c${event.call} ${where}`);
  return null;
}
