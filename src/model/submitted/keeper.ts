// Sees to it that each submitted job is led by somebody: in every worker, one of these. It takes the lease of a job that
// nobody leads, and starts a process that does; without the lease, that process is killed.
//
// Leading is a process of its own, so that losing the lease is what kill -9 is, which everything stands; and a worker's
// death is its leading process's, which loses its channel then.
//
// Owner of: the leases that this worker holds, the processes that lead.

import type { ChildProcess } from "node:child_process";
import { toErrorData, ShoalError } from "../../errors.ts";
import type { ClusterConnection } from "../../driver/nats/connection.ts";
import { defaultLeaseTimes, Lease, LeaseWatch } from "../../driver/nats/lease.ts";
import type { Said } from "./lead-job.ts";
import { LeadPlaces } from "./lead-places.ts";
import { LeadingProcesses } from "./leading-processes.ts";
import { sweepFromTimeToTime } from "./retention.ts";
import { changeRecord, isOver, jobKey, leaseKey, recordIn, type SubmittedJob } from "./record.ts";

export interface KeeperOptions {
  readonly url: string;
  /** The worker's id at this moment. */
  readonly worker: () => string;
  /** The worker's directory. */
  readonly directory: string;
  /** The module that leads (lead.ts), as a file. */
  readonly lead: string;
  readonly onNote: (line: string) => void;
}

/** Jobs that one worker leads at a time. */
const leadsMax = 16;
/** Leaders of a job that died, one after the other, in whose time nothing was finished: after so many it fails. */
const epochsMax = 50;

/** After the death of the nth process that led a job, n times so long until the next, if it did not lead it for long. */
const pausePerLeaderMs = 50;
const longMs = 3000;

/** Workers that hear of a new job look within so long; those that would have to start a process to lead it, after that. */
const newJobMs = 30;

interface Led {
  readonly lease: Lease;
  readonly child: ChildProcess;
  /** Settles when the process is gone, and what it has written. */
  readonly gone: Promise<void>;
}

export class JobKeeper {
  private readonly connection: ClusterConnection;
  private readonly options: KeeperOptions;
  private readonly watch = new LeaseWatch();
  private readonly processes: LeadingProcesses;
  /** Jobs that are not over, and the epochs of their last leader and from which leaders are counted. */
  private readonly open = new Map<string, Pick<SubmittedJob, "epoch" | "countedFrom">>();
  private readonly led = new Map<string, Led>();
  private readonly places: LeadPlaces;
  private stopWatching: () => void = () => {};
  private stopSweeping: () => void = () => {};
  private timer: NodeJS.Timeout | null = null;
  private look: () => void = () => {};
  /** Why a job could not be led, as it was told last. */
  private whyNot: string | null = null;
  private isClosed = false;

  constructor(connection: ClusterConnection, options: KeeperOptions) {
    this.connection = connection;
    this.options = options;
    this.processes = new LeadingProcesses(options.lead, options.url);
    this.places = new LeadPlaces(options.directory);
  }

  /** Jobs that are led here, at this moment. */
  get leads(): readonly string[] {
    return [...this.led.keys()];
  }

  async start(): Promise<void> {
    this.places.sweep();
    this.stopWatching = await this.connection.watchKeys(`${jobKey("")}>`, (key, text) => {
      const id = key.slice(jobKey("").length);
      const record = text === null ? null : recordIn(text);
      if (record?.state === "queued" && !this.open.has(id)) this.lookSoon();
      if (record === null || isOver(record)) this.open.delete(id);
      else this.open.set(id, { epoch: record.epoch, countedFrom: record.countedFrom });
    });
    void this.lookForEver();
    this.processes.start();
    this.stopSweeping = sweepFromTimeToTime(this.connection, this.options.onNote);
  }

  /** Leads no more: others may, at once. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stopWatching();
    this.stopSweeping();
    if (this.timer !== null) clearTimeout(this.timer);
    this.processes.close();
    await Promise.all(
      [...this.led.values()].map(async ({ lease, child, gone }) => {
        child.kill("SIGKILL");
        await gone;
        await lease.release().catch(() => lease.stop());
      }),
    );
  }

  private async lookForEver(): Promise<void> {
    while (!this.isClosed) {
      for (const [id, record] of this.open) {
        if (this.isClosed || this.led.size >= leadsMax || this.led.has(id)) continue;
        await this.tryToLead(id, record).catch((error: unknown) => {
          this.tellWhyNot(id, `cannot lead ${id}: ${toErrorData(error).message}`);
        });
      }
      // Not all workers look at the same moment; while nobody waits for a leader, nothing is asked.
      await new Promise<void>((resolve) => {
        this.look = resolve;
        this.timer = setTimeout(resolve, defaultLeaseTimes.renewMs * (0.25 + Math.random() / 4));
      });
    }
  }

  /** Who follows a job that nobody leads learns why, also who has just come; here each reason is told once. */
  private tellWhyNot(id: string, why: string): void {
    if (why !== this.whyNot) this.options.onNote((this.whyNot = why));
    const said: Said = { note: `${this.options.worker()} ${why}` };
    this.connection.publish(this.connection.subjects.said(id), JSON.stringify(said));
  }

  /** A job is new. */
  private lookSoon(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const delays = Math.random() + (this.processes.isReady ? 0 : 1);
    this.timer = setTimeout(() => this.look(), delays * newJobMs);
  }

  private async tryToLead(
    id: string,
    { epoch, countedFrom }: Pick<SubmittedJob, "epoch" | "countedFrom">,
  ): Promise<void> {
    const { options, connection } = this;
    const lost = (): void => void this.led.get(id)?.child.kill("SIGKILL");
    const worker = options.worker();
    // One that was over once, and goes on, has a lease that begins anew: its epochs do not.
    const lease = await Lease.take(connection, leaseKey(id), worker, this.watch, lost, epoch);
    if (lease === null) return;
    if (lease.epoch - countedFrom > epochsMax) return await this.giveUp(id, lease);
    const place = `${id}-${lease.epoch}`;
    let directory: string;
    try {
      directory = this.places.take(place);
    } catch (error) {
      await lease.release().catch(() => lease.stop());
      throw error;
    }
    this.whyNot = null;
    options.onNote(`leads ${id}${lease.epoch === 1 ? "" : `, after ${lease.epoch - 1} others`}`);
    const child = this.processes.lead({ id, epoch: lease.epoch, directory });
    const began = performance.now();
    const gone = new Promise((resolve) => child.once("exit", resolve)).then(() => this.places.leave(place));
    this.led.set(id, { lease, child, gone });
    child.once("exit", (code) => {
      this.led.delete(id);
      if (code === 0) {
        lease.end().catch(() => lease.stop()); // whoever takes it finds that the job is over
        return;
      }
      if (this.isClosed) return;
      // One that dies again and again is not tried as fast as machines can.
      const isShort = performance.now() - began < longMs;
      const pauseMs = isShort ? Math.min(defaultLeaseTimes.takeMs, pausePerLeaderMs * lease.epoch) : 0;
      setTimeout(() => lease.release().catch(() => lease.stop()), pauseMs);
    });
  }

  private async giveUp(id: string, lease: Lease): Promise<void> {
    const error = new ShoalError(
      "CLUSTER_FAILED",
      `${epochsMax} processes that led the job have died, and nothing was finished meanwhile`,
    );
    await changeRecord(this.connection, id, (record) => ({
      ...record,
      state: "failed",
      endedAt: Date.now(),
      error: toErrorData(error),
    }));
    await lease.end();
  }
}
