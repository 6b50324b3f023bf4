// The worker's vocabulary. A worker offers numbered slots; a slot number is reused, but each start of a slot has a
// generation that is not, so that what comes late from an earlier one is known as such.

import type { AttemptId } from "../../base/ids.ts";
import type { ErrorData } from "../../errors.ts";
import type { AttemptFigures, Failure } from "../types.ts";

export type WorkerEvent =
  /** Once, first: how many slots to offer. */
  | { readonly kind: "WorkerStarted"; readonly slots: number; readonly abortGraceMs: number }
  | { readonly kind: "SlotReady"; readonly slot: number; readonly generation: number }
  /**
   * The thread or process under the slot ended, asked or not; `error` has its death certificate in its details if it
   * ran something. External: somebody outside of it killed it, as far as is known.
   */
  | {
      readonly kind: "SlotExited";
      readonly slot: number;
      readonly generation: number;
      readonly error: ErrorData;
      readonly isExternal?: true;
    }
  | { readonly kind: "AttemptAssigned"; readonly attempt: AttemptId }
  | { readonly kind: "CancelRequested"; readonly attempt: AttemptId }
  | {
      readonly kind: "SlotFinished";
      readonly slot: number;
      readonly generation: number;
      readonly attempt: AttemptId;
      readonly figures: AttemptFigures;
    }
  | {
      readonly kind: "SlotFailed";
      readonly slot: number;
      readonly generation: number;
      readonly attempt: AttemptId;
      readonly failure: Failure;
    }
  /** End all slots; whatever runs is lost. */
  | { readonly kind: "StopRequested" }
  | { readonly kind: "TimePassed" };

export type WorkerEffect =
  | { readonly kind: "StartSlot"; readonly slot: number; readonly generation: number }
  | {
      readonly kind: "RunAttempt";
      readonly slot: number;
      readonly generation: number;
      readonly attempt: AttemptId;
    }
  /** Raise the attempt's abort signal; user code that listens can end by itself within the grace time. */
  | {
      readonly kind: "AbortAttempt";
      readonly slot: number;
      readonly generation: number;
      readonly attempt: AttemptId;
    }
  /** End the thread or process; `SlotExited` follows. */
  | {
      readonly kind: "TerminateSlot";
      readonly slot: number;
      readonly generation: number;
      readonly why: string;
    }
  | { readonly kind: "ReportStarted"; readonly attempt: AttemptId; readonly slot: number }
  | { readonly kind: "ReportFinished"; readonly attempt: AttemptId; readonly figures: AttemptFigures }
  | { readonly kind: "ReportFailed"; readonly attempt: AttemptId; readonly failure: Failure }
  | { readonly kind: "EventIgnored"; readonly event: WorkerEvent["kind"]; readonly why: string };
