// The driver of a cluster, at the client's end: the coordinator runs here, slots run where workers are. The program's
// questions about the job itself (what is it, how is its input cut) are answered by a slot of this process.
//
// Owner of: the connection, that slot, which job runs (cluster-run.ts).

import type { AttemptId, JobId } from "../../base/ids.ts";
import type { JobOutcome } from "../../core/types.ts";
import { ShoalError } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { Driver, DriverJob } from "../driver.ts";
import { SlotPool, type SlotPoolOptions } from "../slots/slot-pool.ts";
import type { Staff, StaffedPool } from "../slots/calls/staff.ts";
import { SlotMarket, type SlotMarketOptions } from "./calls/slot-market.ts";
import { shipBundle } from "./bundles.ts";
import { ClusterRun, defaultTimes, type ClusterTimes } from "./cluster-run.ts";
import { ClusterConnection } from "./connection.ts";
import { askHolders, askWorkers, type Home, type WorkerInfo } from "./held.ts";

export interface NatsOptions extends Omit<SlotPoolOptions, "slots"> {
  /** `nats://…`; see parseClusterUrl. */
  readonly url: string;
  /** Of the package, for messages about versions that differ. */
  readonly version: string;
  readonly times?: ClusterTimes;
  /** The cluster has the bundles of its jobs. Default: they are sent there. */
  readonly hasBundles?: boolean;
}

/** Who was there so long ago is there still. */
const freshMs = 3000;

export class NatsDriver implements Driver {
  readonly name = "nats";
  private readonly options: NatsOptions;
  readonly connection: ClusterConnection;
  private readonly pool: SlotPool;
  private readonly homes = new Map<JobId, ReadonlyMap<AttemptId, Home>>();
  /** When workers were asked last, and who answered. */
  private seen: { readonly at: number; readonly workers: readonly WorkerInfo[] } = { at: 0, workers: [] };
  private lastRun: Promise<unknown> = Promise.resolve();
  private isClosed = false;

  /** Errors: BAD_OPTION, CLUSTER_UNREACHABLE, CLUSTER_REFUSED. */
  static async connect(options: NatsOptions): Promise<NatsDriver> {
    return new NatsDriver(options, await ClusterConnection.open(options.url, "shoal client"));
  }

  /** `connection` is the driver's from here on. */
  constructor(options: NatsOptions, connection: ClusterConnection) {
    this.options = options;
    this.connection = connection;
    this.pool = new SlotPool({ ...options, slots: 1 });
  }

  warm(): void {
    this.pool.warm();
  }

  preload(program: ProgramRef): void {
    this.pool.preload(program);
  }

  async call(program: ProgramRef, method: string, argument: unknown): Promise<unknown> {
    return await this.pool.call(program, method, argument);
  }

  awayMs(): number | null {
    return this.connection.awayMs;
  }

  async workers(): Promise<WorkerInfo[]> {
    const workers = await askWorkers(this.connection);
    this.seen = { at: performance.now(), workers };
    return workers;
  }

  /** Call slots of the workers for a pool. */
  staff(pool: StaffedPool, options: Pick<SlotMarketOptions, "slotWaitMs" | "note">): Staff {
    const { workers, at } = this.seen;
    const isFresh = workers.length > 0 && performance.now() - at < freshMs;
    return new SlotMarket(this.connection, pool, { ...options, workers, isFresh });
  }

  async held(run: JobId, wanted: ReadonlySet<AttemptId>): Promise<ReadonlyMap<AttemptId, number>> {
    const { sizes, homes } = await askHolders(this.connection, run, wanted);
    this.homes.set(run, homes);
    return sizes;
  }

  /** Jobs of one driver run one after the other, in the order of the calls. */
  run(job: DriverJob): Promise<JobOutcome> {
    if (this.isClosed) throw new ShoalError("CLOSED", "the connection was closed");
    const outcome = this.lastRun.then(() => this.runNow(job));
    this.lastRun = outcome.catch(() => {});
    return outcome;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.pool.close();
    await this.connection.close();
  }

  private async runNow(job: DriverJob): Promise<JobOutcome> {
    const { times = defaultTimes, version, hasBundles = false } = this.options;
    this.connection.onAway = (isAway) =>
      job.note?.(isAway ? "NATS is away: the job waits for it" : "NATS is back: the job goes on");
    try {
      if (job.program.bundle !== undefined && !hasBundles)
        await shipBundle(this.connection, job.program.bundle);
      const homes = this.homes.get(job.spec.id) ?? new Map();
      return await new ClusterRun(job, this.connection, { times, version, homes }).start();
    } finally {
      this.connection.onAway = () => {};
    }
  }
}
