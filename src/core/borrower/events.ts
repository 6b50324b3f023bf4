// The borrower's vocabulary: what a client is told of the cluster's workers and of the call slots that it leases of them,
// and what it orders. The rules are in borrower.ts.

import type { Millis } from "../types.ts";

/** A worker, as far as leasing goes. */
export interface LendingWorker {
  readonly worker: string;
  readonly slots: number;
  /** Slots that run a task. */
  readonly busy: number;
  /** Call slots that run, of all clients, and that are waited for. */
  readonly leased: number;
  readonly waiting: number;
  readonly isDraining: boolean;
}

/** Of a slot that is leased, or asked for. Used once. */
export type BorrowedSlot = number;

export type BorrowerEvent =
  /** The answers of all workers that there are. */
  | { readonly kind: "WorkersSeen"; readonly workers: readonly LendingWorker[] }
  /** One tells of itself: it has come, or leaves. */
  | { readonly kind: "WorkerTold"; readonly worker: LendingWorker }
  /** A function is called, or is going to be. */
  | { readonly kind: "SlotsWanted" }
  /** Whether there are more calls than slots. */
  | { readonly kind: "CallsWait"; readonly isWaiting: boolean }
  /** None is free at its worker: it waits there. */
  | { readonly kind: "SlotWaits"; readonly slot: BorrowedSlot }
  | { readonly kind: "SlotGranted"; readonly slot: BorrowedSlot }
  /** The worker wants it back. */
  | { readonly kind: "SlotAskedBack"; readonly slot: BorrowedSlot }
  | {
      readonly kind: "SlotEnded";
      readonly slot: BorrowedSlot;
      /** "gone": its worker does not answer, or leaves. "failed": it never took calls. "ended": after it had. */
      readonly how: "gone" | "failed" | "ended";
    }
  | { readonly kind: "TimePassed" };

export type BorrowerEffect =
  /** Ask who is there. WorkersSeen follows. */
  | { readonly kind: "LookForWorkers" }
  | { readonly kind: "AskForSlot"; readonly slot: BorrowedSlot; readonly worker: string }
  /** It was not granted, and is not wanted any more. SlotEnded follows. */
  | { readonly kind: "WithdrawSlot"; readonly slot: BorrowedSlot }
  /** It gets no new calls, and is let go when those that it has begun have ended. SlotEnded follows. */
  | { readonly kind: "GiveBackSlot"; readonly slot: BorrowedSlot }
  /** How many it has of each worker has changed. */
  | { readonly kind: "TellHoldings" }
  /** Calls wait, and there is no slot; it goes on waiting. */
  | { readonly kind: "NoteWaiting"; readonly why: "none free" | "no worker" }
  /** They have waited too long: they are told so. */
  | { readonly kind: "GiveUpWaiting"; readonly why: "none free" | "no worker" | "failing" };

export interface BorrowerLimits {
  /** After calls have waited for so long without any slot it is said. Default 2,000. */
  readonly noteMs: Millis;
  /** And after so long they are given up. Default 30,000. */
  readonly patienceMs: Millis;
  /** What is known of the workers is too old for choosing the first slot's after that. Default 3,000. */
  readonly freshMs: Millis;
  /** While calls wait it is looked who is there, so often: an announcement may have been lost. Default 5,000. */
  readonly lookMs: Millis;
  /** When no call has waited for so long, slots that are waited for are not wanted any more. Default 1,000. */
  readonly calmMs: Millis;
}

export const defaultBorrowerLimits: BorrowerLimits = {
  noteMs: 2000,
  patienceMs: 30_000,
  freshMs: 3000,
  lookMs: 5000,
  calmMs: 1000,
};
