// One job on the slots of a driver: a coordinator, a worker machine and the loop between them, for one run.
//
// It performs effects and turns what comes of them into events (driver.ts). It decides nothing.

import { workerId, type AttemptId } from "../../base/ids.ts";
import { createCoordinator } from "../../core/coordinator/coordinator.ts";
import type { CoordinatorEffect } from "../../core/coordinator/events.ts";
import { createWorker } from "../../core/worker/worker.ts";
import type { WorkerEffect } from "../../core/worker/events.ts";
import type { JobOutcome } from "../../core/types.ts";
import { toErrorData } from "../../errors.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import { reasonOf, type DriverJob } from "../driver.ts";
import { Loop, type LoopClock } from "../loop.ts";
import type { SlotHost } from "./slot-host.ts";

/** The one worker: its id in the coordinator's words, and its machine's name in the loop's. */
const theWorker = workerId(1);
const machine = "w1";

export interface RunSlots {
  readonly slots: number;
  readonly abortGraceMs: number;
  readonly onPrint: (text: string) => void;
  /** The program's key in the slots. */
  readonly key: string;
  /** The slot of this number, started if it has ended. */
  host(slot: number): SlotHost;
}

export class ThreadsRun {
  private readonly job: DriverJob;
  private readonly slots: RunSlots;
  private readonly loop: Loop;
  private readonly clock = new SystemClock();
  private readonly inUse = new Map<number, SlotHost>();
  /** Assigned and not yet reported. */
  private readonly assignments = new Map<AttemptId, Assignment>();
  private resolve: (outcome: JobOutcome) => void = () => {};

  constructor(job: DriverJob, slots: RunSlots) {
    this.job = job;
    this.slots = slots;
    this.loop = new Loop(
      this.clock,
      (name, effect, entry) =>
        name === "coordinator" ? this.performCoordinator(effect, entry) : this.performWorker(effect, entry),
      job.observe.bind(job),
    );
    this.loop.add("coordinator", createCoordinator());
    this.loop.add(machine, createWorker());
  }

  async start(): Promise<JobOutcome> {
    const { slots, abortGraceMs } = this.slots;
    const outcome = new Promise<JobOutcome>((resolve) => (this.resolve = resolve));
    const cancel = (): void =>
      this.loop.post("coordinator", { kind: "CancelRequested", reason: reasonOf(this.job.signal) }, null);
    this.loop.post("coordinator", { kind: "JobSubmitted", job: this.job.spec }, null);
    for (const event of this.job.adopt ?? []) this.loop.post("coordinator", event, null);
    this.loop.post(machine, { kind: "WorkerStarted", slots, abortGraceMs }, null);
    this.loop.post("coordinator", { kind: "WorkerJoined", worker: theWorker, slots }, null);
    this.job.signal.addEventListener("abort", cancel);
    if (this.job.signal.aborted) cancel();
    try {
      return await outcome;
    } finally {
      this.job.signal.removeEventListener("abort", cancel);
      this.loop.stop();
      // A backup that lost may run on after the job's success; the next job must not meet it.
      await Promise.all(
        [...this.inUse.values()].map(async (host) => {
          if (host.running !== null) await host.terminate("its job is over");
          host.listener = () => {};
          if (host.isAlive) host.setReferenced(false);
        }),
      );
    }
  }

  private performCoordinator(effect: CoordinatorEffect, entry: number): void {
    switch (effect.kind) {
      case "AssignAttempt": {
        const { attempt, stage, index, inputs, isBackup } = effect;
        this.assignments.set(attempt, {
          attempt,
          stage,
          index,
          inputs,
          isBackup,
          worker: theWorker,
          slot: -1,
          payload: this.job.payload(stage, index),
        });
        this.loop.post(machine, { kind: "AttemptAssigned", attempt }, entry);
        return;
      }
      case "CancelAttempt":
        this.loop.post(machine, { kind: "CancelRequested", attempt: effect.attempt }, entry);
        return;
      case "ExamineAttempt":
        void this.examine(effect.attempt, entry);
        return;
      case "DiscardOutput":
        this.job.discard(effect.attempt);
        return;
      case "CommitOutput":
        this.job.commit(effect.winners).then(
          () => this.loop.post("coordinator", { kind: "OutputCommitted" }, entry),
          (error: unknown) =>
            this.loop.post("coordinator", { kind: "CommitFailed", error: toErrorData(error) }, entry),
        );
        return;
      case "FinishJob":
        this.resolve(effect.outcome);
        return;
      case "EventIgnored":
      case "NoteDecision":
        return;
    }
  }

  private performWorker(effect: WorkerEffect, entry: number): void {
    switch (effect.kind) {
      case "StartSlot":
        this.startSlot(effect.slot, effect.generation, entry);
        return;
      case "RunAttempt": {
        const assignment = this.assignments.get(effect.attempt)!;
        const stageName = this.job.spec.stages[assignment.stage]!.name;
        const host = this.inUse.get(effect.slot)!;
        host.listener = (message) => this.receive(effect.slot, effect.generation, message, entry);
        host.run(this.job.program, this.slots.key, { ...assignment, slot: effect.slot }, stageName);
        return;
      }
      case "AbortAttempt":
        this.inUse.get(effect.slot)!.abort(effect.attempt, "it is no longer needed");
        return;
      case "TerminateSlot":
        void this.inUse.get(effect.slot)?.terminate(effect.why);
        return;
      case "ReportStarted":
        this.loop.post(
          "coordinator",
          { kind: "AttemptStarted", worker: theWorker, attempt: effect.attempt, slot: effect.slot },
          entry,
        );
        return;
      case "ReportFinished":
        this.assignments.delete(effect.attempt);
        this.loop.post(
          "coordinator",
          { kind: "AttemptFinished", worker: theWorker, attempt: effect.attempt, figures: effect.figures },
          entry,
        );
        return;
      case "ReportFailed":
        this.assignments.delete(effect.attempt);
        this.loop.post(
          "coordinator",
          { kind: "AttemptFailed", worker: theWorker, attempt: effect.attempt, failure: effect.failure },
          entry,
        );
        return;
      case "EventIgnored":
        return;
    }
  }

  private async examine(attempt: AttemptId, entry: number): Promise<void> {
    const host = [...this.inUse.values()].find(({ running }) => running?.attempt === attempt);
    const stack = host === undefined ? null : await host.look();
    this.loop.post("coordinator", { kind: "AttemptExamined", attempt, stack }, entry);
  }

  private startSlot(slot: number, generation: number, entry: number): void {
    const host = this.slots.host(slot);
    host.setReferenced(true);
    this.inUse.set(slot, host);
    host.load(this.job.program, this.slots.key);
    host.listener = (message) => this.receive(slot, generation, message, entry);
    void host.ready.then(() => this.loop.post(machine, { kind: "SlotReady", slot, generation }, entry));
    void host.exited.then(({ error, isExternal }) =>
      this.loop.post(
        machine,
        { kind: "SlotExited", slot, generation, error, ...(isExternal ? { isExternal } : {}) },
        entry,
      ),
    );
  }

  private receive(slot: number, generation: number, message: FromSlot, entry: number): void {
    switch (message.kind) {
      case "progress":
        this.loop.post("coordinator", { ...message, kind: "AttemptProgressed" }, entry);
        return;
      case "finished":
        this.loop.post(
          machine,
          { kind: "SlotFinished", slot, generation, attempt: message.attempt, figures: message.figures },
          entry,
        );
        return;
      case "failed":
        this.loop.post(
          machine,
          { kind: "SlotFailed", slot, generation, attempt: message.attempt, failure: message.failure },
          entry,
        );
        return;
      case "printed":
        this.slots.onPrint(message.text);
        return;
      case "memory":
      case "ready":
      case "answered":
      case "refused":
        return;
    }
  }
}

/** Milliseconds since the process began, and one timer that does not keep it alive by itself. */
class SystemClock implements LoopClock {
  private timer: NodeJS.Timeout | null = null;

  now(): number {
    return Math.floor(performance.now());
  }

  setTimer(at: number | null, fire: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = at === null ? null : setTimeout(fire, Math.max(0, at - this.now()));
  }
}
