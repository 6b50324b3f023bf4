// The driver of simulated workers: the same machines, in one thread, on virtual time, with faults on request.
//
// What tasks do is a model (how long, and how it ends) instead of a program. Messages between the coordinator and a
// worker take a time drawn from the seed, in order per worker. The same options give the same log, entry by entry.
//
// Not here: deciding (core/), the loop (loop.ts). A fault is something that happens to a worker or slot at a time.

import { rng, below, type Rng } from "../../base/rng.ts";
import { invariant } from "../../base/assert.ts";
import { workerId, type AttemptId } from "../../base/ids.ts";
import { createCoordinator } from "../../core/coordinator/coordinator.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { JobOutcome, Millis } from "../../core/types.ts";
import type { WorkerEffect } from "../../core/worker/events.ts";
import { ShoalError, toErrorData } from "../../errors.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import { reasonOf, type Driver, type DriverJob } from "../driver.ts";
import { Loop } from "../loop.ts";
import { SimWorker, type TaskModel } from "./sim-worker.ts";
import { World, type Withdraw } from "./world.ts";

export type SimFault =
  /** The worker's process is gone; the coordinator hears of it `detectMs` later. With `rejoinMs`, a new worker comes. */
  | { readonly kind: "crash-worker"; readonly worker: number; readonly atMs: Millis; readonly detectMs: Millis; readonly rejoinMs: Millis | null }
  /** The thread under a slot ends. */
  | { readonly kind: "exit-slot"; readonly worker: number; readonly slot: number; readonly atMs: Millis };

export interface SimOptions {
  readonly seed: number;
  readonly workers: number;
  readonly slots: number;
  readonly model: TaskModel;
  /** Messages take 0 to this many milliseconds. */
  readonly delayMsMax?: number;
  readonly abortGraceMs?: number;
  readonly faults?: readonly SimFault[];
  /** Things that happen after which a run that has not ended counts as one that never will. */
  readonly stepsMax?: number;
}

export class SimDriver implements Driver {
  readonly name = "sim";
  private readonly options: SimOptions;
  private isClosed = false;

  constructor(options: SimOptions) {
    this.options = options;
  }

  call(): Promise<never> {
    return Promise.reject(new ShoalError("INTERNAL", "a simulated worker has no program to ask"));
  }

  async run(job: DriverJob): Promise<JobOutcome> {
    if (this.isClosed) throw new ShoalError("CLOSED", "the simulation was closed");
    return await new SimRun(job, this.options).start();
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

class SimRun {
  private readonly job: DriverJob;
  private readonly options: SimOptions;
  private readonly world = new World();
  private readonly random: Rng;
  private readonly loop: Loop;
  private readonly workers = new Map<number, SimWorker>();
  private readonly assignments = new Map<string, Assignment>();
  /** When the last message of a link arrives: later ones arrive no earlier. */
  private readonly linkFreeAt = new Map<string, Millis>();
  private timer: Withdraw = () => {};
  private pending: Promise<void> | null = null;
  private lastWorker = 0;
  private outcome: JobOutcome | null = null;

  constructor(job: DriverJob, options: SimOptions) {
    this.job = job;
    this.options = options;
    this.random = rng(options.seed);
    const clock = {
      now: () => this.world.now(),
      setTimer: (at: Millis | null, fire: () => void) => {
        this.timer();
        this.timer = at === null ? () => {} : this.world.plan(Math.max(0, at - this.world.now()), fire);
      },
    };
    this.loop = new Loop(clock, (name, effect, entry) =>
      (name === "coordinator" ? this.performCoordinator(effect, entry) : this.performWorker(Number(name.slice(1)), effect, entry)),
    (entry) => job.observe(entry));
  }

  async start(): Promise<JobOutcome> {
    const cancel = (): void => this.toCoordinator({ kind: "CancelRequested", reason: reasonOf(this.job.signal) }, null);
    this.job.signal.addEventListener("abort", cancel);
    this.loop.add("coordinator", createCoordinator());
    this.toCoordinator({ kind: "JobSubmitted", job: this.job.spec }, null);
    for (let i = 0; i < this.options.workers; i++) this.join();
    for (const fault of this.options.faults ?? []) this.world.plan(fault.atMs, () => this.strike(fault));
    if (this.job.signal.aborted) cancel();
    try {
      return await this.runToEnd();
    } finally {
      this.job.signal.removeEventListener("abort", cancel);
      this.loop.stop();
    }
  }

  private async runToEnd(): Promise<JobOutcome> {
    const stepsMax = this.options.stepsMax ?? 10_000_000;
    for (let steps = 0; this.outcome === null; steps++) {
      invariant(steps < stepsMax, "S1", () => `the job had not ended after ${stepsMax} steps`);
      if (this.pending !== null) await this.pending;
      else if (!this.world.step()) invariant(false, "S2", () => "nothing is left that could happen, and the job has not ended");
    }
    return this.outcome;
  }

  /** A new worker, with an id that was never used. */
  private join(): void {
    const number = ++this.lastWorker;
    const worker = new SimWorker(number, this.options, this.world, this.loop);
    this.workers.set(number, worker);
    worker.start();
    this.toCoordinator({ kind: "WorkerJoined", worker: workerId(number), slots: this.options.slots }, null);
  }

  private strike(fault: SimFault): void {
    const worker = this.workers.get(fault.worker);
    if (worker === undefined) return;
    if (fault.kind === "exit-slot") {
      worker.exitSlot(fault.slot, "the simulated thread ended");
      return;
    }
    worker.crash();
    this.workers.delete(fault.worker);
    this.world.plan(fault.detectMs, () => {
      this.loop.post("coordinator", { kind: "WorkerLost", worker: workerId(fault.worker), reason: "the simulated process ended" }, null);
    });
    if (fault.rejoinMs !== null) this.world.plan(fault.rejoinMs, () => this.join());
  }

  private toCoordinator(event: CoordinatorEvent, cause: number | null): void {
    this.loop.post("coordinator", event, cause);
  }

  /** Carries a message over a link: after a delay, in order. */
  private send(link: string, deliver: () => void): void {
    const delay = below(this.random, (this.options.delayMsMax ?? 1) + 1);
    const at = Math.max(this.linkFreeAt.get(link) ?? 0, this.world.now() + delay);
    this.linkFreeAt.set(link, at);
    this.world.plan(at - this.world.now(), deliver);
  }

  private performCoordinator(effect: CoordinatorEffect, entry: number): void {
    switch (effect.kind) {
      case "AssignAttempt": {
        const { attempt, stage, index, inputs, isBackup, worker } = effect;
        this.assignments.set(attempt, { attempt, stage, index, inputs, isBackup, worker, slot: -1, payload: this.job.payload(stage, index) });
        this.send(`to ${worker}`, () => this.loop.post(worker as "w1", { kind: "AttemptAssigned", attempt }, entry));
        return;
      }
      case "CancelAttempt":
        this.send(`to ${effect.worker}`, () => this.loop.post(effect.worker as unknown as "w1", { kind: "CancelRequested", attempt: effect.attempt }, entry));
        return;
      case "DiscardOutput":
        this.job.discard(effect.attempt);
        return;
      case "CommitOutput":
        this.commit(effect.winners, entry);
        return;
      case "FinishJob":
        this.outcome = effect.outcome;
        return;
      case "EventIgnored":
      case "NoteDecision":
        return;
    }
  }

  private commit(winners: readonly AttemptId[], entry: number): void {
    this.pending = this.job.commit(winners).then(
      () => this.toCoordinator({ kind: "OutputCommitted" }, entry),
      (error: unknown) => this.toCoordinator({ kind: "CommitFailed", error: toErrorData(error) }, entry),
    ).finally(() => (this.pending = null));
  }

  private performWorker(number: number, effect: WorkerEffect, entry: number): void {
    const worker = this.workers.get(number);
    if (worker === undefined) return;
    const id = workerId(number);
    const report = (event: CoordinatorEvent): void => this.send(`from ${id}`, () => this.toCoordinator(event, entry));
    switch (effect.kind) {
      case "StartSlot":
        return worker.startSlot(effect.slot, effect.generation, entry);
      case "RunAttempt":
        return worker.run(effect.slot, { ...this.assignments.get(effect.attempt)!, slot: effect.slot }, entry);
      case "AbortAttempt":
        return worker.abort(effect.slot, effect.attempt, entry);
      case "TerminateSlot":
        return worker.exitSlot(effect.slot, effect.why);
      case "ReportStarted":
        return report({ kind: "AttemptStarted", worker: id, attempt: effect.attempt, slot: effect.slot });
      case "ReportFinished":
        return report({ kind: "AttemptFinished", worker: id, attempt: effect.attempt, figures: effect.figures });
      case "ReportFailed":
        return report({ kind: "AttemptFailed", worker: id, attempt: effect.attempt, failure: effect.failure });
      case "EventIgnored":
        return;
    }
  }
}
