// The dispatcher's vocabulary: what it is told, and what it orders. The rules are in dispatcher.ts; dialogues that show
// them at work are test/golden/calls-*.txt.
//
// A call is a number, used once. What it calls and with what is the driver's business: the dispatcher knows a number for
// the function (`target`: calls of one target take about as long as each other) and how many items it stands for.

import type { ErrorData } from "../../errors.ts";
import type { Millis } from "../types.ts";

/** 1, 2, 3 …; used once for all time. */
export type CallNumber = number;
/** A slot of the pool: a thread or process that takes calls. Used once: one that replaces another has a new number. */
export type CallSlotNumber = number;
/** What is called: calls of one target are taken to take about as long as each other. */
export type TargetNumber = number;

export type DispatcherEvent =
  | {
      readonly kind: "SlotJoined";
      readonly slot: CallSlotNumber;
      /** Whether it can give back calls that it has not begun (RevokeCall). */
      readonly canRevoke: boolean;
    }
  /** It ended, asked or not. */
  | {
      readonly kind: "SlotExited";
      readonly slot: CallSlotNumber;
      readonly error: ErrorData;
      /** Calls that it held and certainly had not begun. */
      readonly unbegun: readonly CallNumber[];
    }
  /** It is wanted elsewhere: what it has begun ends there, all else goes to others, then it is ended (TerminateSlot). */
  | { readonly kind: "SlotLeaving"; readonly slot: CallSlotNumber }
  | {
      readonly kind: "CallSubmitted";
      readonly call: CallNumber;
      readonly target: TargetNumber;
      /** How many items it stands for: 1, or the size of a batch. */
      readonly items: number;
      /** Higher first. An integer from −1,000 to 1,000; 0 is usual. */
      readonly priority: number;
      /** It must be settled by then. */
      readonly deadline: Millis | null;
      /** How often it may be tried again after it failed or was lost. */
      readonly retries: number;
      /** Made by a call that runs: taken also while draining, and also when the queue is full, or that call could not end. */
      readonly isNested: boolean;
    }
  /** Nobody waits for it any more. */
  | { readonly kind: "CallCancelled"; readonly call: CallNumber }
  /** It ended, with a value or by throwing; the driver holds what it gave. */
  | {
      readonly kind: "CallEnded";
      readonly call: CallNumber;
      readonly slot: CallSlotNumber;
      readonly isFailure: boolean;
      /** How long it ran, in microseconds; null: not measured (it waited for others). */
      readonly runMicros: number | null;
    }
  /** A slot gave back a call, which certainly has not begun there. */
  | { readonly kind: "CallRevoked"; readonly call: CallNumber; readonly slot: CallSlotNumber }
  /** It was to give it back, and has begun it. */
  | { readonly kind: "CallKept"; readonly call: CallNumber; readonly slot: CallSlotNumber }
  /** It waits for other calls, or for who reads its stream: its slot can take others meanwhile. */
  | { readonly kind: "CallBlocked"; readonly call: CallNumber; readonly slot: CallSlotNumber }
  | { readonly kind: "CallUnblocked"; readonly call: CallNumber; readonly slot: CallSlotNumber }
  /** Slots end as soon as they start, and are not started again for a while: what waits is lost. */
  | { readonly kind: "SlotsUnavailable"; readonly error: ErrorData }
  /** No new calls; `Drained` follows when all have settled. At the deadline those that have not are cancelled. */
  | { readonly kind: "DrainRequested"; readonly deadline: Millis | null }
  | { readonly kind: "TimePassed" };

/** How a call ended that its slot did not end: "ended" ones are the driver's to tell. */
export type CallOutcome =
  /** With what its slot gave: a value, or what it threw. */
  | { readonly kind: "ended" }
  /** The queue is full, or draining. It certainly did not happen. */
  | { readonly kind: "refused"; readonly why: "full" | "draining"; readonly waiting: number }
  /** `hasBegun` false: it certainly has not, and will not. */
  | { readonly kind: "cancelled"; readonly hasBegun: boolean }
  /** Its deadline passed. */
  | { readonly kind: "expired"; readonly hasBegun: boolean }
  /** Its slot ended under it. */
  | { readonly kind: "lost"; readonly error: ErrorData };

export type DispatcherEffect =
  | { readonly kind: "StartCall"; readonly call: CallNumber; readonly slot: CallSlotNumber }
  /**
   * Take it back if it has not begun. CallRevoked or CallKept answers: at once where the slot shares memory, later where
   * it is far away. One that has ended meanwhile is not answered: CallEnded tells.
   */
  | {
      readonly kind: "RevokeCall";
      readonly call: CallNumber;
      readonly slot: CallSlotNumber;
      /** Nobody wants it any more: it will not be started again. */
      readonly isEnding: boolean;
    }
  /** Raise its signal; CallEnded follows if it listens. */
  | { readonly kind: "AbortCall"; readonly call: CallNumber; readonly slot: CallSlotNumber }
  /** End the thread or process; SlotExited follows. */
  | { readonly kind: "TerminateSlot"; readonly slot: CallSlotNumber; readonly why: string }
  /** Tell whoever made it. Once for each call. */
  | { readonly kind: "SettleCall"; readonly call: CallNumber; readonly outcome: CallOutcome }
  | { readonly kind: "Drained"; readonly cancelled: number }
  | { readonly kind: "EventIgnored"; readonly event: DispatcherEvent["kind"]; readonly why: string };

export interface DispatcherLimits {
  /** Calls that may wait. One more is refused. Default 1,000,000. */
  readonly waitingMax: number;
  /** Calls that a slot may hold, begun or not. Default 256. */
  readonly heldMax: number;
  /** A slot holds two calls, or as many more as are expected to take this long together. Default 400. */
  readonly heldMicros: number;
  /**
   * What waits in a slot behind one call is taken back when each of the others has worked off so much meanwhile, and eight
   * times what the one that waits is expected to take. Default 1,600.
   */
  readonly overdueMicros: number;
  /** Calls that may be blocked: nested calls are refused beyond. Default 100,000. */
  readonly blockedMax: number;
  /** How long an aborted call may take to end before its slot is ended. Default 1,000. */
  readonly abortGraceMs: Millis;
  /** How long a slot may take to answer what it is to take back, before the worst is assumed. Default 1,000. */
  readonly answerGraceMs: Millis;
}

export const defaultDispatcherLimits: DispatcherLimits = {
  waitingMax: 1_000_000,
  heldMax: 256,
  heldMicros: 400,
  overdueMicros: 1600,
  blockedMax: 100_000,
  abortGraceMs: 1000,
  answerGraceMs: 1000,
};
