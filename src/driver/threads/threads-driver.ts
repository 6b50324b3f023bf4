// The driver of one machine: one worker, "w1", in this process, whose slots are threads or child processes.
//
// Owner of: which job runs (threads-run.ts); the slots are kept warm between them (slots/slot-pool.ts).

import type { JobOutcome } from "../../core/types.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { Driver, DriverJob, LiveState } from "../driver.ts";
import { SlotPool, type SlotPoolOptions } from "../slots/slot-pool.ts";
import { ThreadsRun } from "./threads-run.ts";

export interface ThreadsOptions extends SlotPoolOptions {
  /** How long an aborted attempt may take to end by itself before its slot is ended. */
  readonly abortGraceMs: number;
}

export class ThreadsDriver implements Driver {
  readonly name = "threads";
  private readonly options: ThreadsOptions;
  private readonly pool: SlotPool;
  private lastRun: Promise<unknown> = Promise.resolve();

  constructor(options: ThreadsOptions) {
    this.options = options;
    this.pool = new SlotPool(options);
  }

  warm(): void {
    this.pool.warm();
  }

  async call(program: ProgramRef, method: string, argument: unknown): Promise<unknown> {
    return await this.pool.call(program, method, argument);
  }

  preload(program: ProgramRef): void {
    this.pool.preload(program);
  }

  /** Jobs of one driver run one after the other, in the order of the calls. */
  run(job: DriverJob): Promise<JobOutcome> {
    this.pool.assertOpen();
    const outcome = this.lastRun.then(() => this.runNow(job));
    this.lastRun = outcome.catch(() => {});
    return outcome;
  }

  async inspect(): Promise<LiveState> {
    return await this.pool.inspect();
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private async runNow(job: DriverJob): Promise<JobOutcome> {
    const { slots, abortGraceMs, onPrint } = this.options;
    const run = new ThreadsRun(job, {
      slots,
      abortGraceMs,
      onPrint,
      key: this.pool.keyOf(job.program),
      host: (slot) => this.pool.host(slot),
    });
    return await this.pool.watched(() => run.start());
  }
}
