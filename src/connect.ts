// connect(): the one place that picks a driver.

import { createRequire } from "node:module";
import { availableParallelism, totalmem } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { heapLimit, memoryLimits } from "./driver/slots/memory-limits.ts";
import { bundle } from "./bundle/bundle.ts";
import { moduleEntry } from "./bundle/module-entry.ts";
import { CallPool, type CallPoolOptions } from "./driver/slots/calls/call-pool.ts";
import { nestedPlane, type NestedPlane } from "./driver/slots/calls/nested-plane.ts";
import type { NatsDriver, NatsOptions } from "./driver/nats/nats-driver.ts";
import { ThreadsDriver } from "./driver/threads/threads-driver.ts";
import { ShoalError } from "./errors.ts";
import { check, checkWhole } from "./model/option-checks.ts";
import { inertShoal, Shoal } from "./model/shoal.ts";
import type { Submission } from "./model/submitted/client.ts";
import { currentRegistry } from "./plan/registry.ts";
import { noMounts } from "./protocol/place.ts";
import { mountTable, type StoreOptions } from "./store/mounts.ts";

export interface ConnectOptions extends StoreOptions {
  /**
   * Tasks that run at a time. Default: the cores that this process may use. 1 to 1,024. The slots of a cluster are its
   * workers', with their own memory and isolation (`startWorker`): there these are of the slot that describes jobs.
   */
  readonly slots?: number;
  /**
   * Bytes of records that all slots together may hold in memory before they spill. At least 1 MiB. Default: a quarter of
   * the machine's memory.
   */
  readonly memoryBytes?: number;
  /**
   * What a slot is. "thread" (the default) is quickest to start and shares memory. "process" is for code that crashes,
   * leaks or blocks: whatever it does, only its slot is lost.
   */
  readonly isolation?: "thread" | "process";
  /**
   * Where functions (use, map) run. "slots" is the default. "inline" is the calling thread, for debuggers: the same
   * semantics (arguments are cloned all the same), one thing at a time, and nothing can end code that does not end.
   */
  readonly mode?: "slots" | "inline";
  /** Calls of functions that may wait for a slot: one more is refused with QUEUE_FULL. Default 1,000,000. From 1. */
  readonly waitingCallsMax?: number;
  /**
   * On a cluster: how long calls wait when all call slots are leased by other clients, before they reject with SLOTS_TAKEN.
   * Default 30,000. From 0.
   */
  readonly slotWaitMs?: number;
  /** How long a call that was aborted may take to end before its slot is replaced. Default 1,000. From 0. */
  readonly abortGraceMs?: number;
  /** Where bundles and scratch files are kept. Default: `.shoal` in `directory`. */
  readonly stateDir?: string;
  /** Relative paths are relative to this directory. Default: the current one. */
  readonly directory?: string;
  /** Takes what user code prints in slots. Default: standard error. */
  readonly onOutput?: (text: string) => void;
}

export const slotsMax = 1024;
export const memoryBytesMin = 2 ** 20;

/**
 * Connects to this machine: starts its slots, which stay warm until `close()`. With an address, connects to the cluster
 * there (`nats://host:port/name`), whose workers run the tasks of jobs; the rest is the same.
 *
 * Errors: BAD_OPTION, naming the option, the value received and the range; CLUSTER_UNREACHABLE, CLUSTER_REFUSED.
 *
 * @example
 * await using shoal = await connect({ slots: 2 });
 *
 * @example
 * await using shoal = await connect("nats://127.0.0.1:4222");
 */
export async function connect(options?: ConnectOptions): Promise<Shoal>;
export async function connect(url: string, options?: ConnectOptions): Promise<Shoal>;
export async function connect(
  first: ConnectOptions | string = {},
  second: ConnectOptions = {},
): Promise<Shoal> {
  const options = typeof first === "string" ? second : first;
  if (currentRegistry() !== undefined) return inertShoal();
  const plane = nestedPlane();
  if (plane !== null) return nestedShoal(plane.use());
  const slots = options.slots ?? availableParallelism();
  const memoryBytes = options.memoryBytes ?? defaultMemoryBytes();
  const isolation = options.isolation ?? "thread";
  const mode = options.mode ?? "slots";
  const waitingMax = options.waitingCallsMax ?? 1_000_000;
  const abortGraceMs = options.abortGraceMs ?? 1000;
  const slotWaitMs = options.slotWaitMs ?? 30_000;
  checkWhole("slots", slots, 1, slotsMax);
  checkWhole("memoryBytes", memoryBytes, memoryBytesMin, Number.MAX_SAFE_INTEGER);
  check(["thread", "process"].includes(isolation), "isolation", isolation, '"thread" or "process"');
  check(["slots", "inline"].includes(mode), "mode", mode, '"slots" or "inline"');
  checkWhole("waitingCallsMax", waitingMax, 1, Number.MAX_SAFE_INTEGER);
  checkWhole("abortGraceMs", abortGraceMs, 0, 2 ** 31 - 1);
  checkWhole("slotWaitMs", slotWaitMs, 0, 2 ** 31 - 1);
  const mounts = mountTable(options);
  const directory = path.resolve(options.directory ?? ".");
  const stateDir = path.resolve(directory, options.stateDir ?? ".shoal");
  const plan = { slots, memoryBytes, usableBytes: usableBytes() };
  const executor = moduleUrl("shoal/executor");
  const common = {
    slots,
    isolation,
    heapBytes: heapLimit(plan),
    memoryLimits: memoryLimits(plan),
    onPrint: options.onOutput ?? ((text: string) => process.stderr.write(text)),
  };
  const cluster =
    typeof first === "string" ? await clusterDriver(first, { ...common, preload: executor }) : null;
  const clusterSlots =
    cluster === null ? 0 : (await cluster.workers()).reduce((sum, worker) => sum + worker.slots, 0);
  const pool = { ...common, preload: null, limits: { waitingMax, abortGraceMs } };
  return new Shoal({
    ...(cluster === null
      ? {}
      : { submit: async (submission, joins) => await submitTo(cluster, submission, joins) }),
    driver: cluster ?? new ThreadsDriver({ ...common, preload: executor, abortGraceMs: 1000 }),
    calls: () =>
      new CallPool(
        mode === "inline"
          ? { ...pool, isolation: "inline", memoryLimits: null }
          : cluster === null
            ? pool
            : {
                ...pool,
                ...remoteSlots(pool.limits),
                staff: (of) => cluster.staff(of, { slotWaitMs, note: common.onPrint }),
              },
      ),
    bundle: async (module) => await bundle(moduleEntry(module, directory), { stateDir, runtimeExports }),
    slots: cluster === null ? slots : Math.max(1, clusterSlots),
    memoryBytes,
    directory,
    mounts,
    executor,
    stateDir,
    onPrint: common.onPrint,
    runtime: { url: moduleUrl("shoal"), exports: runtimeExports },
  });
}

/** Loads the NATS client, which one machine never does. */
async function clusterDriver(url: string, slots: Omit<NatsOptions, "url" | "version">): Promise<NatsDriver> {
  const { NatsDriver: Cluster } = await import("./driver/nats/nats-driver.ts");
  return await Cluster.connect({ ...slots, url, version: packageVersion() });
}

async function submitTo(cluster: NatsDriver, submission: Submission, joins: boolean): Promise<string> {
  const { submitJob } = await import("./model/submitted/client.ts");
  return await submitJob(cluster.connection, submission, joins);
}

/**
 * What a slot of a worker holds is more than it does in a round trip, so that it does not run dry while it is told more;
 * and not many, since they are lost with a worker that falls silent. Chosen by the simulated pool (driver/sim/calls).
 */
const remoteHeld = { heldMicros: 2000, overdueMicros: 2000, heldMax: 64 };

/** For calls: slots of the workers; each watches its own memory. */
const remoteSlots = (limits: CallPoolOptions["limits"]) =>
  ({ limits: { ...limits, ...remoteHeld }, isolation: "process", memoryLimits: null }) as const;

/** What user code in a slot gets: its calls are calls of the program; jobs are not for it to run. */
function nestedShoal(plane: NestedPlane): Shoal {
  const refused = (): Promise<never> =>
    Promise.reject(new ShoalError("PLAN_INVALID", "a function that runs in a slot cannot run jobs"));
  return new Shoal({
    driver: { name: "threads", call: refused, run: refused, close: () => Promise.resolve() },
    mounts: noMounts,
    slots: 1,
    onPrint: () => {},
    memoryBytes: memoryBytesMin,
    directory: path.resolve("."),
    executor: "",
    stateDir: path.resolve(".shoal"),
    runtime: { url: "", exports: runtimeExports },
    calls: () => plane,
    bundle: async (module) => ({ file: "", entry: module, hash: "" }),
  });
}

/** The names that a bundle's `import … from "shoal"` can have: those of index.ts, which a test compares. */
export const runtimeExports = [
  "Dataset",
  "EachInputs",
  "Shoal",
  "ShoalError",
  "any",
  "callContext",
  "clusterJobs",
  "connect",
  "drainWorker",
  "each",
  "errorCodes",
  "events",
  "explainReport",
  "hedge",
  "initCluster",
  "isShoalError",
  "job",
  "jobs",
  "loadConfig",
  "mapReduce",
  "memo",
  "move",
  "race",
  "read",
  "renderReport",
  "renderWhatIf",
  "renderWhy",
  "reportJson",
  "reportOf",
  "shared",
  "startCluster",
  "startWorker",
  "stopCluster",
  "storyText",
  "taskContext",
  "whatIf",
  "why",
  "workers",
] as const;

/** By the package's own name: found from dist, from tests and from a program's bundle alike. */
export const moduleUrl = (name: string): string =>
  pathToFileURL(createRequire(import.meta.url).resolve(name)).href;

/** What this process may use: the container's limit where there is one. */
export function usableBytes(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

export const defaultMemoryBytes = (): number => Math.max(64 * 2 ** 20, Math.floor(usableBytes() / 4));

export const packageVersion = (): string =>
  (createRequire(import.meta.url)("shoal/package.json") as { version: string }).version;
