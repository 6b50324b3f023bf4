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

/** On PATH, or else taken out of Debian's package, into a folder that git does not see. */
export function natsServer(): string {
  if (found !== null) return found;
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
  const folder = server === "nats-server" ? "" : `${path.dirname(server)}:`;
  return { PATH: `${folder}${process.env["PATH"] ?? ""}` };
};

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
    close: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
