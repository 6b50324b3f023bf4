// A cluster's workers, for programs: start one in this process, list them, drain one. Loads the NATS driver when asked.
//
// Not here: the client's side (connect.ts), a small cluster on this machine (model/local-cluster.ts).

import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { heapLimit, memoryLimits } from "./driver/slots/memory-limits.ts";
import { isLoopback, parseClusterUrl, type ClusterAddress } from "./driver/nats/address.ts";
import type { BlockPlace } from "./driver/nats/block-server.ts";
import type { ClusterJobs } from "./model/submitted/cluster-jobs.ts";
import type { ClusterConnection } from "./driver/nats/connection.ts";
import type { WorkerInfo } from "./driver/nats/held.ts";
import {
  defaultMemoryBytes,
  memoryBytesMin,
  moduleUrl,
  packageVersion,
  slotsMax,
  usableBytes,
} from "./connect.ts";
import { ShoalError } from "./errors.ts";
import { check, checkWhole } from "./model/option-checks.ts";
import { workersName } from "./protocol/blocks.ts";
import type { AssignmentPayload } from "./protocol/run.ts";

export type { WorkerInfo };

export interface WorkerOptions {
  /** Tasks that run at a time. Default: the cores that this process may use. 1 to 1,024. */
  readonly slots?: number;
  /**
   * Slots that take the calls of clients (use, map), at a time, besides; clients share them. Default: four times `slots`.
   * 1 to 4,096.
   */
  readonly callSlots?: number;
  /** Bytes of records that all slots together may hold in memory. Default: a quarter of the machine's memory. */
  readonly memoryBytes?: number;
  /** What a slot is; see ConnectOptions. */
  readonly isolation?: "thread" | "process";
  /** What people should know of the worker, by name. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Where bundles and blocks are kept. Default: `.shoal/worker` in the current directory. */
  readonly directory?: string;
  /**
   * This machine's address, at which other workers fetch blocks. Off loopback only with TLS. Default: 127.0.0.1, if NATS is on
   * loopback, too; else it must be told.
   */
  readonly host?: string;
  /** On which blocks are served. Default 0: any that is free. */
  readonly port?: number;
  /** Certificate and key of the block server, in PEM. Default: those in the cluster's address, if it has some. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** How long an attempt that is aborted may take to end before its slot is replaced. Default 1,000. From 0. */
  readonly abortGraceMs?: number;
  /** Something that whoever runs the worker should know, in one line. */
  readonly onNote?: (line: string) => void;
  /** `shoal drain` asked this worker to leave. */
  readonly onDrain?: () => void;
  /**
   * The NATS server has lost its store, and with it all that it knew of workers and jobs. Close the worker: one that starts anew
   * is known again. Default: it is noted. The error is CLUSTER_FAILED.
   */
  readonly onForgotten?: (error: ShoalError) => void;
}

const callSlotsMax = 4096;
/** So many clients find a slot for each that the worker has; more share them. A thread that waits costs some 10 MB. */
const slotsOfEach = 4;

const forgotten = (): ShoalError =>
  new ShoalError(
    "CLUSTER_FAILED",
    "the NATS server's store is another than the one that this worker came to",
    {
      hint: "Start the worker again: it comes as a new one. Jobs that were left to the cluster are forgotten: submit them again.",
    },
  );

/** A worker that runs in this process. */
export interface WorkerHandle {
  /** For instance `w17`; never used twice in a cluster. A worker that was given up comes back under another. */
  readonly id: string;
  /** Takes no new job and no new calls; settles when the job that it works on is over, and calls that have begun. */
  drain(): Promise<void>;
  /** Ends its slots at once, and leaves. */
  close(): Promise<void>;
}

/**
 * Starts a worker of the cluster at `url` (`nats://host:port/name`) in this process. It waits for a NATS server that is
 * not there yet, and outlives its restarts.
 *
 * Errors: BAD_OPTION, CLUSTER_REFUSED, CLUSTER_FAILED.
 *
 * @example
 * const worker = await startWorker("nats://127.0.0.1:4222", { slots: 4 });
 */
export async function startWorker(url: string, options: WorkerOptions = {}): Promise<WorkerHandle> {
  const slots = options.slots ?? availableParallelism();
  const memoryBytes = options.memoryBytes ?? defaultMemoryBytes();
  const isolation = options.isolation ?? "thread";
  const abortGraceMs = options.abortGraceMs ?? 1000;
  const callSlots = options.callSlots ?? Math.min(callSlotsMax, slotsOfEach * slots);
  checkWhole("slots", slots, 1, slotsMax);
  checkWhole("callSlots", callSlots, 1, callSlotsMax);
  checkWhole("memoryBytes", memoryBytes, memoryBytesMin, Number.MAX_SAFE_INTEGER);
  checkWhole("abortGraceMs", abortGraceMs, 0, 2 ** 31 - 1);
  check(["thread", "process"].includes(isolation), "isolation", isolation, '"thread" or "process"');
  const address = parseClusterUrl(url);
  const blocks = blockPlace(address, options);
  const directory = path.resolve(options.directory ?? ".shoal/worker");
  const plan = { slots, memoryBytes, usableBytes: usableBytes() };
  const executor = moduleUrl("shoal/executor");
  const runtime = moduleUrl("shoal");
  const { Agent } = await import("./driver/nats/agent.ts");
  const agent = await Agent.start({
    url,
    slots,
    isolation,
    blocks,
    abortGraceMs,
    callSlots,
    heapBytes: heapLimit(plan),
    memoryLimits: memoryLimits(plan),
    preload: executor,
    labels: options.labels ?? {},
    directory,
    version: packageVersion(),
    program: (data, file) => ({
      module: executor,
      data: { ...(data as object), ...(file === null ? {} : { bundle: file }), runtime },
    }),
    runtime,
    localize: (payload, scratch): AssignmentPayload => {
      const { run, split } = (payload ?? {}) as AssignmentPayload;
      const { ca } = address;
      return { run: { ...run, scratch, ca, memoryBytes: Math.floor(memoryBytes / slots) }, split };
    },
    onNote: options.onNote ?? (() => {}),
    ...(options.onDrain === undefined ? {} : { onDrain: options.onDrain }),
    onForgotten: () => {
      const error = forgotten();
      if (options.onForgotten !== undefined) options.onForgotten(error);
      else options.onNote?.(`${error.message}: it must be closed, and started again`);
    },
  });
  const { JobKeeper } = await import("./model/submitted/keeper.ts");
  const keeper = new JobKeeper(agent.connection, {
    url,
    worker: () => agent.worker,
    directory,
    lead: fileURLToPath(moduleUrl("shoal/lead")),
    onNote: options.onNote ?? (() => {}),
  });
  agent.leads = () => keeper.leads;
  await keeper.start();
  return {
    get id() {
      return agent.worker;
    },
    drain: async () => {
      await keeper.close();
      await agent.drain();
    },
    close: async () => {
      await keeper.close();
      await agent.close();
    },
  };
}

/** Where blocks are served: in the clear on loopback only. BAD_OPTION. */
function blockPlace(address: ClusterAddress, options: WorkerOptions): BlockPlace {
  const { port = 0 } = options;
  checkWhole("port", port, 0, 65_535);
  const host = options.host ?? (address.isLocal ? "127.0.0.1" : undefined);
  check(
    host !== undefined,
    "host",
    host,
    "this machine's address, at which other workers fetch blocks, since NATS is not on loopback",
  );
  check(isIP(host!) !== 0 || /^[A-Za-z0-9.-]+$/.test(host!), "host", host, "an address of this machine");
  check(!/^(0\.0\.0\.0|::)$/.test(host!), "host", host, "one address, which other workers can connect to");
  const tls = options.tls ?? address.identity;
  check(
    tls !== null || isLoopback(host!),
    "host",
    host,
    "an address of loopback where there is no certificate: `shoal cluster init --host` makes some",
  );
  if (tls !== null) checkIsFor(host!, tls.cert);
  return { host: host!, port, tls };
}

/** What readers will ask of it (executor/block-request.ts). */
function checkIsFor(host: string, pem: string): void {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (cause) {
    throw new ShoalError("BAD_OPTION", `tls.cert is no certificate in PEM: ${(cause as Error).message}`, {
      cause,
    });
  }
  const { subjectAltName } = certificate;
  const isFor = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  if (isFor !== undefined || certificate.checkHost(workersName) !== undefined) return;
  const names = subjectAltName ?? "nobody";
  throw new ShoalError("BAD_OPTION", `tls.cert must be for ${host} or ${workersName}, and is for ${names}`);
}

/**
 * The workers of a cluster that answer within two seconds, by number.
 *
 * Errors: BAD_OPTION, CLUSTER_UNREACHABLE, CLUSTER_REFUSED.
 *
 * @example
 * for (const { worker, slots, busy } of await workers("nats://127.0.0.1:4222")) console.log(worker, busy, "of", slots);
 */
export async function workers(url: string): Promise<WorkerInfo[]> {
  const { askWorkers } = await import("./driver/nats/held.ts");
  return await connected(url, "shoal workers", (connection) => askWorkers(connection));
}

/**
 * Asks a worker to take no new job, and to leave when the one that it works on is over. Nothing is lost.
 *
 * Errors: WORKER_UNKNOWN if no worker of that id answers; those of `workers()`.
 */
export async function drainWorker(url: string, worker: string): Promise<void> {
  const { askToDrain } = await import("./driver/nats/held.ts");
  await connected(url, "shoal drain", (connection) => askToDrain(connection, worker));
}

/** For one question. */
async function connected<T>(
  url: string,
  name: string,
  ask: (connection: ClusterConnection) => Promise<T>,
): Promise<T> {
  const { ClusterConnection: Connection } = await import("./driver/nats/connection.ts");
  const connection = await Connection.open(url, name);
  try {
    return await ask(connection);
  } finally {
    await connection.close();
  }
}

/**
 * The jobs that were left to a cluster (`Shoal.submit`): list them, follow one, cancel one, ask about one.
 *
 * Errors: BAD_OPTION, CLUSTER_UNREACHABLE, CLUSTER_REFUSED.
 *
 * @example
 * const jobs = await clusterJobs("nats://127.0.0.1:4222");
 * const { output } = await jobs.attach("s12", { onProgress: console.log });
 * await jobs.close();
 */
export async function clusterJobs(url: string): Promise<ClusterJobs> {
  const { ClusterJobs: Jobs } = await import("./model/submitted/cluster-jobs.ts");
  return await Jobs.connect(url);
}
