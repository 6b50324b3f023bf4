// The simulated coordinator: the coordinator machine in a process, and what performs its effects.
//
// Owner of: the links to the workers, the commit under way.

import type { AttemptId, WorkerId } from "../../base/ids.ts";
import { createCoordinator, type Coordinator } from "../../core/coordinator/coordinator.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { JobOutcome } from "../../core/types.ts";
import type { ErrorData } from "../../errors.ts";
import type { JobSpec, StageIndex } from "../../core/types.ts";
import type { FromWorker, ToWorker } from "../links/messages.ts";
import type { SimProcess } from "./process.ts";

/** A job as the simulated cluster gets it. */
export interface SimJob {
  readonly spec: JobSpec;
  payload(stage: StageIndex, index: number): unknown;
  /** What a worker that has joined has copies of; see InputsHeld. */
  copies?(worker: WorkerId): readonly (readonly [task: number, bytes: number])[];
  /** Publishes these attempts' output and says how that went: null, or what went wrong. */
  commit(winners: readonly AttemptId[], done: (error: ErrorData | null) => void): void;
  /** The attempt's output is to be deleted. The world deletes its own files by itself. */
  discard(attempt: AttemptId): void;
}

export interface CoordinatorPlace {
  readonly job: SimJob;
  /** Carries a message to a worker: in order, if the worker lives. */
  toWorker(worker: WorkerId, message: ToWorker): void;
  finished(outcome: JobOutcome): void;
}

export class SimCoordinator {
  readonly machine: Coordinator = createCoordinator();
  readonly process: SimProcess;
  private readonly place: CoordinatorPlace;

  constructor(process: SimProcess, place: CoordinatorPlace) {
    this.process = process;
    this.place = place;
  }

  /** `events` come right after the job: what is known from before. Null: there is no job. */
  start(events: readonly CoordinatorEvent[] | null): void {
    this.process.add("coordinator", this.machine, (effect, entry) => this.perform(effect, entry));
    if (events === null) return;
    this.post({ kind: "JobSubmitted", job: this.place.job.spec }, null);
    for (const event of events) this.post(event, null);
  }

  hear(worker: WorkerId, message: FromWorker): void {
    if (message.kind === "hello") {
      this.post({ kind: "WorkerJoined", worker, slots: message.slots }, message.cause);
      const copies = this.place.job.copies?.(worker) ?? [];
      if (copies.length > 0) this.post({ kind: "InputsHeld", worker, copies }, message.cause);
    } else if (message.kind === "leaving")
      this.post({ kind: "WorkerPaused", worker, why: "leaving" }, message.cause);
    else if (message.kind === "report") this.post(message.event, message.cause);
  }

  lose(worker: WorkerId, reason: string): void {
    this.post({ kind: "WorkerLost", worker, reason }, null);
  }

  suspect(worker: WorkerId, isSilent: boolean): void {
    this.post(
      isSilent ? { kind: "WorkerPaused", worker, why: "silent" } : { kind: "WorkerResumed", worker },
      null,
    );
  }

  cancel(reason: string): void {
    this.post({ kind: "CancelRequested", reason }, null);
  }

  private perform(effect: CoordinatorEffect, cause: number): void {
    const { job, toWorker } = this.place;
    switch (effect.kind) {
      case "AssignAttempt": {
        const { attempt, stage, index, inputs, isBackup, worker } = effect;
        const assignment = {
          attempt,
          stage,
          index,
          inputs,
          isBackup,
          worker,
          slot: -1,
          payload: job.payload(stage, index),
        };
        return toWorker(worker, { kind: "assign", assignment, cause });
      }
      case "CancelAttempt":
        return toWorker(effect.worker, { kind: "cancel", attempt: effect.attempt, cause });
      case "ExamineAttempt":
        return toWorker(effect.worker, { kind: "examine", attempt: effect.attempt, cause });
      case "DiscardOutput":
        job.discard(effect.attempt);
        return toWorker(effect.worker, { kind: "discard", attempt: effect.attempt, cause });
      case "CommitOutput":
        return job.commit(effect.winners, (error) =>
          this.process.enter(() =>
            this.post(error === null ? { kind: "OutputCommitted" } : { kind: "CommitFailed", error }, cause),
          ),
        );
      case "FinishJob":
        return this.place.finished(effect.outcome);
      case "EventIgnored":
      case "NoteDecision":
        return;
    }
  }

  private post(event: CoordinatorEvent, cause: number | null): void {
    if (this.process.isAlive) this.process.loop.post("coordinator", event, cause);
  }
}
