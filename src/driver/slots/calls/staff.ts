// Who sees to it that a pool has slots: how many, and others for those that end.
//
//   fixed-staff.ts                    so many, on this machine
//   nats/calls/slot-market.ts         slots of a cluster's workers, as many as there are
//
// Not here: who gets which call (core/dispatcher).

import type { ErrorData } from "../../../errors.ts";
import type { SlotBody } from "../slot-body.ts";

/** What the pool does for it. */
export interface StaffedPool {
  /** Slots that have not ended. */
  readonly size: number;
  /** Starts a slot, and returns its number. `body` carries it; absent: as the pool's options say. */
  startSlot(body?: SlotBody): number;
  /** It gets nothing more; what it has not begun goes to others; it ends when what it has begun has ended. */
  letGo(slot: number): void;
  /** Ends it at once. */
  endSlot(slot: number, why: string): void;
  /** There are no slots, and there will be none for a while: calls that wait reject with that. */
  loseWaiting(error: ErrorData): void;
}

export interface Staff {
  /** How many slots there are to be. */
  readonly aim: number;
  /** A function is called, or is going to be. */
  warm(): void;
  /** A slot takes calls. */
  joined(slot: number): void;
  /** A slot has ended. `hasJoined`: it had taken calls. */
  exited(slot: number, hasJoined: boolean, error: ErrorData): void;
  /** Whether there are more calls than slots that take some. Told when that changes. */
  callsWait(isWaiting: boolean): void;
  /** Starts nothing more. */
  close(): void;
}

export type NewStaff = (pool: StaffedPool) => Staff;
