// The worker's whole state: its slots (slots.ts), the attempts that wait for one, and what it remembers.

import type { AttemptId } from "../../base/ids.ts";
import type { Millis } from "../types.ts";
import type { WorkerEffect, WorkerEvent } from "./events.ts";
import { SlotLedger } from "./slots.ts";

export interface WorkerState {
  readonly abortGraceMs: Millis;
  readonly slots: SlotLedger;
  /** Assigned, in order, waiting for a slot. Written by queue.ts. */
  readonly waiting: AttemptId[];
  /** The latest attempts that were assigned here, so that a message that comes twice runs once. Written by queue.ts. */
  readonly recent: Set<AttemptId>;
  /** StopRequested has come. Written by worker.ts. */
  isStopping: boolean;
  /** The time of the event at hand, and what it has ordered so far. Emptied by worker.ts. */
  now: Millis;
  effects: WorkerEffect[];
}

export function newState(slots: number, abortGraceMs: Millis, now: Millis): WorkerState {
  return {
    abortGraceMs,
    slots: new SlotLedger(slots),
    waiting: [],
    recent: new Set(),
    isStopping: false,
    now,
    effects: [],
  };
}

export function ignore(w: WorkerState, event: WorkerEvent["kind"], why: string): void {
  w.effects.push({ kind: "EventIgnored", event, why });
}
