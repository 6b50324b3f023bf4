// A worker of a cluster: its agent, which talks, heartbeats and supervises; user code runs in its slots only. It takes
// part in one job at a time, the first that it hears of while it is free.
//
// Not here: the work on a job (job-seat.ts), who decides (the job's coordinator).
// Owner of: the worker's id, its slots, its block server, whether it is draining.

import { hostname } from "node:os";
import path from "node:path";
import { workerId, type WorkerId } from "../../base/ids.ts";
import { ShoalError } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import { SlotPool, type SlotPoolOptions } from "../slots/slot-pool.ts";
import { LeasedSlots } from "./calls/leased-slots.ts";
import { BlockServer, type BlockPlace } from "./block-server.ts";
import { fetchBundle } from "./bundles.ts";
import { defaultTimes } from "./cluster-run.ts";
import { ClusterConnection, protocolVersion } from "./connection.ts";
import { parseRequest, parseWho, type AgentAnswer, type AgentRequest } from "./agent-requests.ts";
import type { WhoRequest, WorkerInfo } from "./held.ts";
import { JobSeat } from "./job-seat.ts";
import { sayGone, sayPresent } from "./present.ts";
import { within } from "./within.ts";
import { WorkerPlace } from "./worker-place.ts";
import { WorkerRuns } from "./worker-runs.ts";
import { watchOver } from "./over.ts";
import { parseOpenJob, type OpenJob } from "./open-job.ts";

export interface AgentOptions extends Omit<SlotPoolOptions, "onPrint"> {
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Bundles and runs' files go here. */
  readonly directory: string;
  readonly version: string;
  readonly abortGraceMs: number;
  /** Slots that take the calls of clients, at a time, besides. */
  readonly callSlots: number;
  /** Where the block server listens. */
  readonly blocks: BlockPlace;
  /** The program, as it is on this machine: `file` is its bundle here. */
  readonly program: (data: unknown, file: string | null) => ProgramRef;
  readonly localize: (payload: unknown, scratch: string) => unknown;
  /** URL of the module whose exports a bundle's `import … from "shoal"` gets. */
  readonly runtime: string;
  /** Somebody asked for it to be drained (`shoal drain`). */
  readonly onDrain?: () => void;
  /** The server's store is another than the one that this worker came to: nobody knows it any more. */
  readonly onForgotten: () => void;
  /** Something that whoever runs the worker should know. */
  readonly onNote: (line: string) => void;
}

/** Runs that are remembered as over, so that a late announcement is not taken for a new one; and what was noted. */
const overMax = 1000;
/** A worker that leaves waits so long for the server to know. */
const goneMs = 2000;

export class Agent {
  private readonly options: AgentOptions;
  readonly connection: ClusterConnection;
  /** Submitted jobs that are led here: asked when somebody asks who is there. */
  leads: () => readonly string[] = () => [];
  private readonly pool: SlotPool;
  private readonly blocks: BlockServer;
  private readonly leases: LeasedSlots;
  private readonly place: WorkerPlace;
  private readonly runs: WorkerRuns;
  private readonly over = new Set<string>();
  private readonly noted = new Set<string>();
  private readonly startedAt = performance.now();
  private id: WorkerId;
  private unsubscribeId: () => void = () => {};
  private readonly unsubscribes: (() => void)[] = [];
  private seat: JobSeat | null = null;
  private isSeating = false;
  private isDraining = false;
  private isClosed = false;
  private closing: Promise<void> | null = null;
  private idle: () => void = () => {};
  private unwatch: () => void = () => {};

  /** Waits for a NATS server that is not there yet. Errors: BAD_OPTION, CLUSTER_REFUSED, CLUSTER_FAILED. */
  static async start(options: AgentOptions): Promise<Agent> {
    const connection = await ClusterConnection.open(options.url, "shoal worker", true);
    const blocks = await listen(options.blocks).catch(async (error: unknown) => {
      await connection.close();
      throw error;
    });
    const agent = new Agent(options, connection, blocks, await newId(connection));
    await agent.begin();
    return agent;
  }

  private constructor(
    options: AgentOptions,
    connection: ClusterConnection,
    blocks: BlockServer,
    id: WorkerId,
  ) {
    this.options = options;
    this.connection = connection;
    this.blocks = blocks;
    this.id = id;
    this.pool = new SlotPool({ ...options, onPrint: () => {} });
    this.place = new WorkerPlace(options.directory);
    this.runs = new WorkerRuns(options.directory);
    const { isolation, heapBytes, callSlots, directory, runtime } = options;
    this.leases = new LeasedSlots(connection, {
      isolation,
      heapBytes,
      callSlots,
      bundles: path.join(directory, "bundles"),
      runtime,
    });
    connection.onAway = (isAway) => {
      options.onNote(isAway ? "NATS is away" : "NATS is back");
      if (!isAway && !this.isClosed) this.comeIn();
    };
    connection.onForgotten = () => options.onForgotten();
  }

  get worker(): WorkerId {
    return this.id;
  }

  /**
   * Takes no new task, job or call; settles when the job that it works on is over, till then it serves its blocks, and when
   * the calls that have begun here have ended.
   */
  async drain(): Promise<void> {
    this.isDraining = true;
    this.tellHere();
    const leases = this.leases.drain();
    if (this.seat !== null || this.isSeating) {
      this.seat?.tellLeaving();
      await new Promise<void>((resolve) => (this.idle = resolve));
    }
    await leases;
  }

  /** Ends everything at once. Idempotent. */
  close(): Promise<void> {
    return (this.closing ??= this.closeNow());
  }

  private async closeNow(): Promise<void> {
    this.isDraining = true;
    this.isClosed = true;
    this.tellHere();
    for (const unsubscribe of this.unsubscribes) unsubscribe();
    this.unsubscribeId();
    await this.seat?.leave({ keeps: false, isFenced: true });
    await Promise.all([this.pool.close(), this.leases.close()]);
    await this.connection.flush().catch(() => {}); // the last words of slots; without NATS nobody hears them
    this.blocks.close();
    this.place.leave();
    await within(goneMs, sayGone(this.connection, this.id));
    await this.connection.close();
  }

  private async begin(): Promise<void> {
    const { subjects } = this.connection;
    this.runs.sweep();
    const before = this.place.deadOne();
    if (before !== null) {
      this.connection.publish(subjects.exited, before);
      void sayGone(this.connection, before);
    }
    this.pool.warm();
    this.unsubscribes.push(
      this.connection.subscribe(subjects.open, (bytes) => this.heardOf(parseOpenJob(bytes))),
      this.connection.subscribe(subjects.who, (bytes, _subject, reply) =>
        reply(JSON.stringify(this.info(parseWho(bytes)))),
      ),
    );
    this.takeId(this.id);
    await sayPresent(this.connection, this.id);
    this.tellHere();
    watchOver(this.connection, (runs) => this.forget(runs)).then(
      (unwatch) => (this.isClosed ? unwatch() : this.unsubscribes.push(unwatch)),
      (error: unknown) =>
        this.isClosed || this.options.onNote(`blocks of finished jobs stay for an hour: ${String(error)}`),
    );
  }

  /** Those runs are over: their blocks, if some are here, are not wanted any more. */
  private forget(runs: readonly string[]): void {
    for (const run of runs) {
      if (this.seat?.options.job.run === run || !this.runs.has(run)) continue;
      this.blocks.forget(run);
      this.runs.delete(run);
    }
  }

  /** Those who ask all workers are to wait for this one, too. */
  private comeIn(): void {
    sayPresent(this.connection, this.id).catch(() => {}); // NATS is away again: when it is back, this is said again
    this.tellHere();
  }

  /** For whoever leases slots: so nobody needs to ask all the time who is there. */
  private tellHere(): void {
    this.connection.publish(this.connection.subjects.here, JSON.stringify(this.info({})));
  }

  private takeId(id: WorkerId): void {
    this.unsubscribeId();
    this.id = id;
    this.place.take(id);
    this.unsubscribeId = this.connection.subscribe(
      this.connection.subjects.worker(id),
      (bytes, _subject, reply) => {
        reply(JSON.stringify(this.answer(parseRequest(bytes))));
      },
    );
  }

  private answer(request: AgentRequest | null): AgentAnswer {
    if (request === null) return { ok: false, why: "it does not know this request" };
    if (request.kind === "drain") {
      this.options.onDrain?.();
      return { ok: true };
    }
    if (this.isDraining) return { ok: false, why: "it is leaving" };
    const leased = this.leases.lease(this.id, request);
    return "why" in leased ? { ok: false, why: leased.why } : { ok: true, waits: leased.waits };
  }

  private heardOf(job: OpenJob | null): void {
    if (job === null || this.isDraining) return;
    if (job.v !== protocolVersion) return this.refuse(job);
    if (this.isSeating) return;
    const name = `${job.run}/${job.epoch}`;
    if (this.over.has(name)) return;
    if (this.seat !== null) {
      // The run has another coordinator now: what belonged to the one before it is over.
      const { run, epoch } = this.seat.options.job;
      if (run === job.run && epoch !== job.epoch) this.seat.replace();
      return;
    }
    this.isSeating = true;
    void this.takePart(job, name).catch((error: unknown) => {
      this.isSeating = false;
      // Heard again in a heartbeat, it fails again: what it says is of the bundle, and is said once.
      this.noteOnce(`${job.run} ${job.program.bundle}`, `cannot take part in ${job.run}: ${String(error)}`);
    });
  }

  private async takePart(job: OpenJob, name: string): Promise<void> {
    const { directory, slots, abortGraceMs, localize, program: programOf } = this.options;
    const { bundle, data } = job.program;
    const file =
      bundle === null ? null : await fetchBundle(this.connection, bundle, path.join(directory, "bundles"));
    const program = programOf(data, file);
    const scratch = this.runs.folderOf(job.run);
    const { heartbeatMs } = job;
    const { lostTicks, fenceTicks } = defaultTimes;
    this.blocks.serve(job.run, { scratch, secret: job.secret });
    this.pool.preload(program);
    this.seat = new JobSeat(this.connection, {
      worker: this.id,
      job,
      program,
      slots: { slots, abortGraceMs, key: this.pool.keyOf(program), host: (slot) => this.pool.host(slot) },
      session: { heartbeatMs, lostTicks, fenceTicks, redelivers: false },
      scratch,
      url: this.blocks.url,
      localize,
      ended: (end) => void this.seatEnded(job, name, end),
    });
    this.isSeating = false;
    void this.pool.watched(() => new Promise<void>((resolve) => (this.unwatch = resolve)));
    try {
      this.seat.start();
    } catch (error) {
      await this.seat.leave({ keeps: true, isFenced: true }); // else it would be taken for one that works
      throw error;
    }
  }

  private async seatEnded(
    job: OpenJob,
    name: string,
    { keeps, isFenced }: { keeps: boolean; isFenced: boolean },
  ): Promise<void> {
    this.unwatch();
    this.seat = null;
    if (!isFenced) {
      this.over.add(name);
      if (this.over.size > overMax) this.over.delete(this.over.keys().next().value!);
    }
    if (!keeps) this.blocks.forget(job.run);
    if (isFenced && !this.isDraining) {
      // Whoever was given up comes back as another.
      this.isSeating = true;
      void sayGone(this.connection, this.id);
      try {
        this.takeId(await newId(this.connection));
        this.comeIn();
      } catch (error) {
        this.options.onNote(`no new id: ${String(error)}`);
      } finally {
        this.isSeating = false;
      }
    }
    if (this.isDraining) this.idle();
  }

  private noteOnce(key: string, line: string): void {
    if (this.noted.has(key)) return;
    this.noted.add(key);
    if (this.noted.size > overMax) this.noted.delete(this.noted.keys().next().value!);
    this.options.onNote(line);
  }

  private refuse({ v, version, run }: OpenJob): void {
    this.noteOnce(
      `${v} ${run}`,
      `takes no part in ${run}: its client (shoal ${version}) speaks protocol ${v}, this worker ` +
        `(shoal ${this.options.version}) speaks ${protocolVersion}`,
    );
  }

  private info({ run }: WhoRequest): WorkerInfo {
    const { labels, slots, version } = this.options;
    return {
      worker: this.id,
      version,
      protocol: protocolVersion,
      host: hostname(),
      pid: process.pid,
      slots,
      busy: this.seat?.busy ?? 0,
      leased: this.leases.running,
      callsWaiting: this.leases.waiting,
      callSlots: this.options.callSlots,
      labels,
      run: this.seat?.options.job.run ?? null,
      ...(this.seat === null ? {} : { job: this.seat.options.job.job ?? this.seat.options.job.run }),
      leads: this.leads(),
      isDraining: this.isDraining,
      rssBytes: process.memoryUsage.rss(),
      upSeconds: Math.round((performance.now() - this.startedAt) / 1000),
      url: this.blocks.url,
      ...(run === undefined ? {} : { blocks: this.runs.blocksOf(run) }),
    };
  }
}

async function listen(place: BlockPlace): Promise<BlockServer> {
  try {
    return await BlockServer.listen(place);
  } catch (cause) {
    const why = `blocks cannot be served at ${place.host}:${place.port}: ${(cause as Error).message}`;
    throw new ShoalError("BAD_OPTION", why, {
      cause,
      hint: "Name an address of this machine, a port that is free, and a certificate with its own key.",
    });
  }
}

const newId = async (connection: ClusterConnection): Promise<WorkerId> =>
  workerId(await connection.nextNumber("worker"));
