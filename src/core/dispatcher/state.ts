// The dispatcher's whole state, and what every file of it needs to say.

import type { Millis } from "../types.ts";
import { CallLedger, type Call } from "./calls.ts";
import { Estimates } from "./estimates.ts";
import type { CallOutcome, DispatcherEffect, DispatcherEvent, DispatcherLimits } from "./events.ts";
import { CallQueue } from "./queue.ts";
import { SlotLedger } from "./slots.ts";

/** How many calls ended how, since the beginning. Written by `settle`. */
export interface CallCounts {
  submitted: number;
  ended: number;
  refused: number;
  cancelled: number;
  expired: number;
  lost: number;
  /** Tries after the first. */
  retried: number;
}

export interface DispatcherState {
  readonly limits: DispatcherLimits;
  readonly calls: CallLedger;
  readonly queue: CallQueue;
  readonly slots: SlotLedger;
  readonly estimates: Estimates;
  readonly counts: CallCounts;
  /** At how much work of the pool to look for slots that are overdue. Written by overdue.ts. */
  overdueLookMicros: number;
  /** When calls were last asked back for an idle slot. Written by dispatch.ts. */
  stolenAt: Millis;
  /** Written by dispatcher.ts. */
  drain: { deadline: Millis | null; cancelled: number; isOver: boolean } | null;
  /** The time of the event at hand, and what it has ordered so far. Written by dispatcher.ts. */
  now: Millis;
  effects: DispatcherEffect[];
}

export const newState = (limits: DispatcherLimits): DispatcherState => ({
  limits,
  calls: new CallLedger(),
  queue: new CallQueue(),
  slots: new SlotLedger(limits),
  estimates: new Estimates(limits),
  counts: { submitted: 0, ended: 0, refused: 0, cancelled: 0, expired: 0, lost: 0, retried: 0 },
  overdueLookMicros: 0,
  stolenAt: 0,
  drain: null,
  now: 0,
  effects: [],
});

export function ignore(d: DispatcherState, event: DispatcherEvent["kind"], why: string): void {
  d.effects.push({ kind: "EventIgnored", event, why });
}

/** The one place that tells how a call ended. */
export function settle(d: DispatcherState, call: Call, outcome: CallOutcome): void {
  d.counts[outcome.kind]++;
  d.effects.push({ kind: "SettleCall", call: call.call, outcome });
}
