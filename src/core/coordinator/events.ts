// The coordinator's vocabulary: every event that can happen to it, every effect that it can order.

import type { AttemptId, TaskNumber, WorkerId } from "../../base/ids.ts";
import type { ErrorData } from "../../errors.ts";
import type {
  AdoptedOutput,
  AttemptFigures,
  AttemptsUsed,
  Failure,
  JobOutcome,
  JobSpec,
  Millis,
  OutputLocation,
  StageIndex,
} from "../types.ts";

export type CoordinatorEvent =
  /** Once, first. */
  | { readonly kind: "JobSubmitted"; readonly job: JobSpec }
  /**
   * Work of earlier incarnations of the job that still counts: these tasks are finished by these attempts. Only before
   * the first AssignAttempt; may come in several parts. A "blocks" output is usable although its worker is not here.
   */
  | {
      readonly kind: "OutputsAdopted";
      readonly outputs: readonly AdoptedOutput[];
      readonly attemptsUsed?: readonly AttemptsUsed[];
    }
  | { readonly kind: "WorkerJoined"; readonly worker: WorkerId; readonly slots: number }
  /** The worker's process is gone, and with it the blocks that it held. Its id never comes back. */
  | { readonly kind: "WorkerLost"; readonly worker: WorkerId; readonly reason: string }
  /**
   * The worker gets no new attempts: it is silent, and may be dead, until it is heard again; or it is leaving, for good.
   * What it runs and holds stays as it is.
   */
  | { readonly kind: "WorkerPaused"; readonly worker: WorkerId; readonly why: "silent" | "leaving" }
  /** A silent worker was heard again. */
  | { readonly kind: "WorkerResumed"; readonly worker: WorkerId }
  /**
   * The worker has copies of what these tasks read, so many bytes of each. Of stages that read nothing; where outputs of
   * other stages are is known. What is told again replaces what was told before.
   */
  | {
      readonly kind: "InputsHeld";
      readonly worker: WorkerId;
      readonly copies: readonly (readonly [task: TaskNumber, bytes: number])[];
    }
  /** The attempt has a slot and runs now. */
  | {
      readonly kind: "AttemptStarted";
      readonly worker: WorkerId;
      readonly attempt: AttemptId;
      readonly slot: number;
    }
  /** Totals so far, for people; decides nothing. */
  | {
      readonly kind: "AttemptProgressed";
      readonly attempt: AttemptId;
      readonly recordsIn: number;
      readonly bytesIn: number;
    }
  | {
      readonly kind: "AttemptFinished";
      readonly worker: WorkerId;
      readonly attempt: AttemptId;
      readonly figures: AttemptFigures;
    }
  | {
      readonly kind: "AttemptFailed";
      readonly worker: WorkerId;
      readonly attempt: AttemptId;
      readonly failure: Failure;
    }
  /** The answer to `ExamineAttempt`: its JavaScript stack, or null if none could be taken. */
  | { readonly kind: "AttemptExamined"; readonly attempt: AttemptId; readonly stack: string | null }
  | { readonly kind: "CancelRequested"; readonly reason: string }
  /** The answer to `CommitOutput`. */
  | { readonly kind: "OutputCommitted" }
  | { readonly kind: "CommitFailed"; readonly error: ErrorData }
  /** `nextDeadline()` has come. */
  | { readonly kind: "TimePassed" };

export type CoordinatorEffect =
  /** Run this attempt. `inputs` has, for each stage that it reads, the finished output of every task, by task order. */
  | {
      readonly kind: "AssignAttempt";
      readonly worker: WorkerId;
      readonly attempt: AttemptId;
      readonly stage: StageIndex;
      /** The task's index within its stage. */
      readonly index: number;
      readonly inputs: readonly (readonly OutputLocation[])[];
      readonly isBackup: boolean;
    }
  /** Stop this attempt; an `AttemptFailed` (cancelled) or a late outcome comes back. */
  | {
      readonly kind: "CancelAttempt";
      readonly worker: WorkerId;
      readonly attempt: AttemptId;
      readonly reason: string;
    }
  /**
   * Its time is up: find out where it is, before it is told to stop. `AttemptExamined` comes back; if not within a
   * second, it is told to stop all the same.
   */
  | { readonly kind: "ExamineAttempt"; readonly worker: WorkerId; readonly attempt: AttemptId }
  /** Delete what this attempt wrote: it lost, and nothing will read it. */
  | { readonly kind: "DiscardOutput"; readonly worker: WorkerId; readonly attempt: AttemptId }
  /** Publish the output: exactly these attempts, one per task of each "kept" stage that is last, by task order. */
  | { readonly kind: "CommitOutput"; readonly winners: readonly AttemptId[] }
  /** The job is over; everything that belongs to it may be deleted, but for committed output. Last of all effects. */
  | { readonly kind: "FinishJob"; readonly outcome: JobOutcome }
  /** A stale, duplicate or nonsensical event: counted and ignored. */
  | { readonly kind: "EventIgnored"; readonly event: CoordinatorEvent["kind"]; readonly why: string }
  /** A decision worth telling people about: a retry, a backup, a re-made output. Changes nothing. */
  | { readonly kind: "NoteDecision"; readonly note: Note };

export type Note =
  | {
      readonly kind: "retried";
      readonly task: TaskNumber;
      readonly failed: AttemptId;
      readonly failure: Failure;
    }
  | {
      readonly kind: "backup-started";
      readonly attempt: AttemptId;
      readonly ageMs: number;
      readonly medianMs: number;
    }
  | {
      readonly kind: "output-remade";
      readonly task: TaskNumber;
      readonly lost: AttemptId;
      readonly why: string;
    }
  /** Its free slots wait for tasks whose input is here, until then at the latest; those that could run are at home elsewhere. */
  | { readonly kind: "slots-wait"; readonly worker: WorkerId; readonly untilMs: Millis }
  | { readonly kind: "stage-started"; readonly stage: StageIndex }
  | { readonly kind: "stage-finished"; readonly stage: StageIndex };
