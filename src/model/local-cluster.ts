// A small cluster on this machine: a nats-server and some workers, as processes that outlive the one that starts them.
// For trying things out, and for tests of programs; loopback only.
//
//   <stateDir>/cluster/cluster.json    who they are · nats/ the server's files · w1/ … the workers' · *.log
//
// Owner of: that folder.

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect as connectSocket } from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ShoalError } from "../errors.ts";
import { identityIn, identityOf, livenessOf, type ProcessIdentity } from "../store/process.ts";
import { checkWhole } from "./option-checks.ts";

export interface LocalClusterOptions {
  /** Default 2. 1 to 64. */
  readonly workers?: number;
  /** Of each worker. Default: the machine's cores, shared among the workers; at least 1. */
  readonly slots?: number;
  /** The NATS server's. Default 4222. */
  readonly port?: number;
  /** Default: `.shoal`. */
  readonly stateDir?: string;
}

/** A cluster that runs on this machine. */
export interface LocalCluster {
  /** For `connect()` and `--cluster`. */
  readonly url: string;
  /** Process ids. */
  readonly nats: number;
  readonly workers: readonly number[];
  /** Where what they print goes. */
  readonly logs: string;
}

interface ClusterFile {
  readonly format: 1;
  readonly url: string;
  readonly nats: ProcessIdentity;
  readonly workers: readonly ProcessIdentity[];
}

const startMs = 20_000;
const endMs = 10_000;
const pollMs = 20;

const folderOf = (stateDir: string | undefined): string => path.resolve(stateDir ?? ".shoal", "cluster");

/**
 * Starts a NATS server, found on PATH, and workers of the cluster "main" on it; settles when all of them answer.
 *
 * Errors: BAD_OPTION; CLUSTER_RUNNING if this state directory's cluster runs already; NATS_SERVER_MISSING;
 * CLUSTER_FAILED, with the last lines of what they printed.
 *
 * @example
 * const { url } = await startCluster({ workers: 2 });
 */
export async function startCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const { workers = 2, port = 4222 } = options;
  checkWhole("workers", workers, 1, 64);
  checkWhole("slots", options.slots, 1, 1024);
  checkWhole("port", port, 1, 65_535);
  const folder = folderOf(options.stateDir);
  const running = read(folder);
  if (running !== null && all(running).some((process) => livenessOf(process) === "alive")) {
    throw new ShoalError("CLUSTER_RUNNING", `a cluster runs already at ${running.url}`);
  }
  if (await answers(port)) {
    throw new ShoalError("BAD_OPTION", `port ${port} of 127.0.0.1 is in use`, {
      hint: "Name another: --port 4333.",
    });
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const url = `nats://127.0.0.1:${port}`;
  const store = path.join(folder, "nats");
  const nats = await begin(
    "nats-server",
    ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", store],
    folder,
    "nats",
  );
  const started: ProcessIdentity[] = [];
  const save = (): void =>
    writeFileSync(
      path.join(folder, "cluster.json"),
      JSON.stringify({ format: 1, url, nats, workers: started } satisfies ClusterFile),
    );
  save();
  try {
    await untilSo(() => answers(port), "the NATS server does not answer", path.join(folder, "nats.log"));
    for (let number = 1; number <= workers; number++) {
      const args = [
        commandLine(),
        "worker",
        "--cluster",
        url,
        "--directory",
        path.join(folder, `w${number}`),
      ];
      const slots = options.slots === undefined ? [] : ["--slots", String(options.slots)];
      started.push(await begin(process.execPath, [...args, ...slots], folder, `w${number}`));
      save();
    }
    const { ClusterConnection } = await import("../driver/nats/connection.ts");
    const { askWorkers } = await import("../driver/nats/held.ts");
    const connection = await ClusterConnection.open(url, "shoal up", true);
    try {
      const log = path.join(folder, "w1.log");
      await untilSo(
        async () => (await askWorkers(connection)).length >= workers,
        "the workers do not answer",
        log,
      );
    } finally {
      await connection.close();
    }
  } catch (error) {
    await stopCluster(options.stateDir === undefined ? {} : { stateDir: options.stateDir });
    throw error;
  }
  return { url, nats: nats.pid, workers: started.map(({ pid }) => pid), logs: folder };
}

/**
 * Ends the cluster that `startCluster` started with this state directory: its workers let the job that they work on go,
 * then the server ends. Returns how many processes were ended.
 *
 * @example
 * await stopCluster();
 */
export async function stopCluster(options: Pick<LocalClusterOptions, "stateDir"> = {}): Promise<number> {
  const folder = folderOf(options.stateDir);
  const cluster = read(folder);
  if (cluster === null) return 0;
  let ended = 0;
  for (const group of [cluster.workers, [cluster.nats]]) {
    const alive = group.filter((process) => livenessOf(process) === "alive");
    for (const { pid } of alive) kill(pid, "SIGTERM");
    // A second SIGTERM ends a worker without waiting for its job.
    await wait(pollMs);
    for (const process of alive) if (livenessOf(process) === "alive") kill(process.pid, "SIGTERM");
    const giveUpAt = performance.now() + endMs;
    while (alive.some((process) => livenessOf(process) === "alive") && performance.now() < giveUpAt)
      await wait(pollMs);
    for (const process of alive) if (livenessOf(process) === "alive") kill(process.pid, "SIGKILL");
    ended += alive.length;
  }
  rmSync(folder, { recursive: true, force: true });
  return ended;
}

const all = ({ nats, workers }: ClusterFile): ProcessIdentity[] => [nats, ...workers];

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended since
  }
}

/** Null: there is none, or none that can be read. */
function read(folder: string): ClusterFile | null {
  const file = path.join(folder, "cluster.json");
  if (!existsSync(file)) return null;
  try {
    const { url, nats, workers } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    const server = identityIn(nats);
    if (typeof url !== "string" || server === null || !Array.isArray(workers)) return null;
    return {
      format: 1,
      url,
      nats: server,
      workers: workers.map(identityIn).filter((found) => found !== null),
    };
  } catch {
    return null;
  }
}

/** Starts a process that outlives this one; what it prints goes to `<name>.log`. */
async function begin(
  command: string,
  args: string[],
  folder: string,
  name: string,
): Promise<ProcessIdentity> {
  const log = openSync(path.join(folder, `${name}.log`), "a");
  try {
    const child = spawn(command, args, { detached: true, stdio: ["ignore", log, log] });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    return identityOf(child.pid!);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && command === "nats-server") {
      throw new ShoalError("NATS_SERVER_MISSING", "nats-server was not found on PATH");
    }
    throw error;
  } finally {
    closeSync(log);
  }
}

/** The file of the command `shoal`, from this package's own description. */
function commandLine(): string {
  const require = createRequire(import.meta.url);
  const file = require.resolve("shoal/package.json");
  return path.resolve(path.dirname(file), (require(file) as { bin: { shoal: string } }).bin.shoal);
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket(port, "127.0.0.1");
    const done = (is: boolean) => (): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", done(true));
    socket.once("error", done(false));
  });

async function untilSo(is: () => Promise<boolean>, otherwise: string, log: string): Promise<void> {
  const giveUpAt = performance.now() + startMs;
  while (!(await is())) {
    if (performance.now() > giveUpAt) {
      const lines = existsSync(log)
        ? readFileSync(log, "utf8").trimEnd().split("\n").slice(-5).join("\n")
        : "";
      throw new ShoalError("CLUSTER_FAILED", `${otherwise} after ${startMs / 1000} s\n${lines}`);
    }
    await wait(pollMs);
  }
}
