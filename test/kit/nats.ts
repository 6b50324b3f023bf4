// A real nats-server for tests, on a free port of loopback, with JetStream in a directory of its own.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { until } from "./processes.ts";

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it as kill -9 does. */
  kill(): Promise<void>;
  /** Starts it again on the same port and directory. */
  restart(): Promise<void>;
  /** Deletes all that it has stored; while it is down. */
  forget(): void;
  close(): Promise<void>;
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

let found: string | null = null;

/** What SHOAL_NATS_SERVER names; on PATH; or else taken out of Debian's package, into a folder that git does not see. */
export function natsServer(): string {
  if (found !== null) return found;
  const named = process.env["SHOAL_NATS_SERVER"];
  if (named !== undefined) return (found = named);
  if (spawnSync("nats-server", ["--version"]).status === 0) return (found = "nats-server");
  const folder = path.resolve(import.meta.dirname, "../../tmp/nats");
  const file = path.join(folder, "usr/sbin/nats-server");
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const fetched = spawnSync("sh", ["-ec", "apt-get download nats-server && dpkg -x nats-server_*.deb ."], {
      cwd: folder,
      encoding: "utf8",
    });
    if (fetched.status !== 0) {
      throw new Error(`these tests need nats-server on PATH (apt install nats-server): ${fetched.stderr}`);
    }
  }
  return (found = file);
}

/** For programs that look for nats-server on PATH. */
export const natsEnv = (): { readonly PATH: string } => {
  const server = natsServer();
  const folder = server === "nats-server" ? "" : `${path.dirname(path.resolve(server))}:`;
  return { PATH: `${folder}${process.env["PATH"] ?? ""}` };
};

/** How a test that is not about it starts its servers: SHOAL_NATS_SERVERS=3 has it run on a cluster of three. */
export async function startNatsAsAsked(): Promise<NatsServer> {
  const count = Number(process.env["SHOAL_NATS_SERVERS"] ?? 1);
  if (count === 1) return await startNats();
  const cluster = await startNatsCluster(count);
  const { first } = cluster;
  return { ...first, url: cluster.url, close: () => cluster.close() };
}

export interface NatsCluster {
  /** Of all of its servers. */
  readonly url: string;
  readonly servers: readonly NatsServer[];
  readonly first: NatsServer;
  close(): Promise<void>;
}

/** Servers that keep streams together. */
export async function startNatsCluster(count: number): Promise<NatsCluster> {
  const routes = await Promise.all(Array.from({ length: count }, () => freePort()));
  const urls = routes.map((port) => `nats://127.0.0.1:${port}`);
  const servers = await Promise.all(
    urls.map((url, n) =>
      startNats(["-n", `n${n}`, "--cluster_name", "kit", "--cluster", url, "--routes", urls.join(",")]),
    ),
  );
  return {
    url: `nats://${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    servers,
    first: servers[0]!,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

export async function startNats(args: readonly string[] = []): Promise<NatsServer> {
  const directory = mkdtempSync(path.join(tmpdir(), "shoal-nats-"));
  const port = await freePort();
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    child = spawn(natsServer(), ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", directory, ...args], {
      stdio: "ignore",
    });
    await until("nats-server listens", () => isListening(port));
  };
  const kill = async (): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill("SIGKILL");
    await ended;
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return child!.pid!;
    },
    kill,
    restart: start,
    forget: () => rmSync(directory, { recursive: true, force: true }),
    close: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
