// The driver of simulated workers: the same machines, in one thread, on virtual time, with faults on request.
//
// What tasks do is a model (how long, and how it ends) instead of a program. The same options give the same log, entry
// by entry. This file makes a cluster (cluster.ts) obey the driver contract; the tests' world (test/sim) uses the
// cluster itself.
//
// Not here: deciding (core/), the loop (loop.ts). A fault is something that happens to a worker or slot at a time.

import { invariant } from "../../base/assert.ts";
import type { JobOutcome, Millis } from "../../core/types.ts";
import { ShoalError, toErrorData } from "../../errors.ts";
import { reasonOf, type Driver, type DriverJob } from "../driver.ts";
import { exactClock } from "./clock.ts";
import type { SimJob } from "./sim-coordinator.ts";
import { SimCluster, type LinkOptions } from "./cluster.ts";
import type { Rule } from "./rules.ts";
import type { TaskModel } from "./task-model.ts";

export type SimFault =
  /** The worker's process is gone; the coordinator hears of it `detectMs` later. With `rejoinMs`, a new worker comes. */
  | {
      readonly kind: "crash-worker";
      readonly worker: number;
      readonly atMs: Millis;
      readonly detectMs: Millis;
      readonly rejoinMs: Millis | null;
    }
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
  /** What a worker has copies of when it joins; see InputsHeld. */
  readonly copies?: SimJob["copies"];
  /** Sessions over a network under these rules, instead of links that lose nothing. */
  readonly network?: { readonly rules: readonly Rule[] };
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
  private readonly cluster: SimCluster;
  /** Virtual time waits for what really takes time. */
  private pending: Promise<void> | null = null;

  constructor(job: DriverJob, options: SimOptions) {
    this.job = job;
    this.options = options;
    this.cluster = new SimCluster(
      {
        seed: options.seed,
        model: options.model,
        data: null,
        machines: Array.from({ length: options.workers }, () => ({
          slots: options.slots,
          clock: exactClock,
        })),
        coordinatorClock: exactClock,
        isTogether: false,
        links: linksOf(options),
        abortGraceMs: options.abortGraceMs ?? 1000,
        fetchTimeoutMs: 1000,
        observe: (entry) => job.observe(entry),
      },
      {
        spec: job.spec,
        payload: (stage, index) => job.payload(stage, index),
        ...(options.copies === undefined ? {} : { copies: options.copies }),
        commit: (winners, done) => {
          this.pending = job
            .commit(winners)
            .then(
              () => done(null),
              (error: unknown) => done(toErrorData(error)),
            )
            .finally(() => (this.pending = null));
        },
        discard: (attempt) => job.discard(attempt),
      },
    );
  }

  async start(): Promise<JobOutcome> {
    const { cluster, job } = this;
    const cancel = (): void => cluster.coordinator!.cancel(reasonOf(job.signal));
    job.signal.addEventListener("abort", cancel);
    for (const rule of this.options.network?.rules ?? []) cluster.network.add(rule);
    cluster.start(job.adopt);
    for (const fault of this.options.faults ?? []) cluster.world.plan(fault.atMs, () => this.strike(fault));
    if (job.signal.aborted) cancel();
    try {
      return await this.runToEnd();
    } finally {
      job.signal.removeEventListener("abort", cancel);
      cluster.coordinator!.process.kill();
    }
  }

  private async runToEnd(): Promise<JobOutcome> {
    const { cluster } = this;
    const stepsMax = this.options.stepsMax ?? 10_000_000;
    for (let steps = 0; cluster.outcome === null; steps++) {
      invariant(steps < stepsMax, "S1", () => `the job had not ended after ${stepsMax} steps`);
      if (this.pending !== null) await this.pending;
      else if (!cluster.world.step())
        invariant(false, "S2", () => "nothing is left that could happen, and the job has not ended");
    }
    return cluster.outcome;
  }

  private strike(fault: SimFault): void {
    const machine = this.cluster.machines[fault.worker];
    if (machine === undefined) return;
    if (fault.kind === "exit-slot") {
      machine.worker?.exitSlot(fault.slot, "the simulated thread ended");
      return;
    }
    this.cluster.crashWorker(machine, { kind: "told", afterMs: fault.detectMs });
    if (fault.rejoinMs !== null)
      this.cluster.world.plan(fault.rejoinMs, () => this.cluster.startWorker(machine));
  }
}

function linksOf({ network, delayMsMax = 1 }: SimOptions): LinkOptions {
  if (network === undefined) return { kind: "direct", delayMsMax };
  return {
    kind: "sessions",
    latencyMsMax: delayMsMax,
    heartbeatMs: 100,
    lostTicks: 100,
    fenceTicks: 80,
    redelivers: false,
  };
}
