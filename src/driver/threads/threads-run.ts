// One job on the slots of this machine: a coordinator, a worker machine and the loop between them, for one run.
//
// It performs effects and turns what comes of them into events (driver.ts). It decides nothing.

import { workerId } from "../../base/ids.ts";
import { createCoordinator } from "../../core/coordinator/coordinator.ts";
import type { CoordinatorEffect } from "../../core/coordinator/events.ts";
import type { WorkerEffect } from "../../core/worker/events.ts";
import type { JobOutcome } from "../../core/types.ts";
import { toErrorData } from "../../errors.ts";
import { reasonOf, type DriverJob } from "../driver.ts";
import { Loop } from "../loop.ts";
import { WorkerSeat, type SeatSlots } from "../slots/worker-seat.ts";
import { SystemClock } from "../system-clock.ts";

/** The one worker. */
const theWorker = workerId(1);

export class ThreadsRun {
  private readonly job: DriverJob;
  private readonly slots: number;
  private readonly loop: Loop;
  private readonly seat: WorkerSeat;
  private resolve: (outcome: JobOutcome) => void = () => {};

  constructor(job: DriverJob, slots: SeatSlots) {
    this.job = job;
    this.slots = slots.slots;
    this.loop = new Loop(
      new SystemClock(),
      (name, effect: CoordinatorEffect | WorkerEffect, entry) =>
        name === "coordinator"
          ? this.perform(effect as CoordinatorEffect, entry)
          : this.seat.perform(effect as WorkerEffect, entry),
      job.observe.bind(job),
    );
    this.loop.add("coordinator", createCoordinator());
    this.seat = new WorkerSeat(this.loop, {
      ...slots,
      worker: theWorker,
      program: job.program,
      host: (slot) => slots.host(slot),
      stageName: (stage) => job.spec.stages[stage]!.name,
      report: (event, cause) => this.loop.post("coordinator", event, cause),
    });
  }

  async start(): Promise<JobOutcome> {
    const outcome = new Promise<JobOutcome>((resolve) => (this.resolve = resolve));
    const cancel = (): void =>
      this.loop.post("coordinator", { kind: "CancelRequested", reason: reasonOf(this.job.signal) }, null);
    this.loop.post("coordinator", { kind: "JobSubmitted", job: this.job.spec }, null);
    for (const event of this.job.adopt ?? []) this.loop.post("coordinator", event, null);
    this.seat.start();
    this.loop.post("coordinator", { kind: "WorkerJoined", worker: theWorker, slots: this.slots }, null);
    this.job.signal.addEventListener("abort", cancel);
    if (this.job.signal.aborted) cancel();
    try {
      return await outcome;
    } finally {
      this.job.signal.removeEventListener("abort", cancel);
      this.loop.stop();
      // A backup that lost may run on after the job's success; the next job must not meet it.
      await this.seat.leave();
    }
  }

  private perform(effect: CoordinatorEffect, entry: number): void {
    switch (effect.kind) {
      case "AssignAttempt": {
        const { attempt, stage, index, inputs, isBackup } = effect;
        const payload = this.job.payload(stage, index);
        const assignment = { attempt, stage, index, inputs, isBackup, worker: theWorker, slot: -1, payload };
        return this.seat.assign(assignment, entry);
      }
      case "CancelAttempt":
        return this.seat.cancel(effect.attempt, entry);
      case "ExamineAttempt":
        void this.seat
          .examine(effect.attempt)
          .then((stack) =>
            this.loop.post("coordinator", { kind: "AttemptExamined", attempt: effect.attempt, stack }, entry),
          );
        return;
      case "DiscardOutput":
        return this.job.discard(effect.attempt);
      case "CommitOutput":
        this.job.commit(effect.winners).then(
          () => this.loop.post("coordinator", { kind: "OutputCommitted" }, entry),
          (error: unknown) =>
            this.loop.post("coordinator", { kind: "CommitFailed", error: toErrorData(error) }, entry),
        );
        return;
      case "FinishJob":
        return this.resolve(effect.outcome);
      case "EventIgnored":
      case "NoteDecision":
        return;
    }
  }
}
