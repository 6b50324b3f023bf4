// A running job answers questions from other terminals: a Unix domain socket in the state directory.
//
//   .shoal/live.sock          mode 0600; where that path is too long for a socket (about 100 bytes),
//   <tmp>/shoal-<uid>/<hash>.sock   in a directory of mode 0700 that is ours
//
// One question to a connection, one line of JSON each way. Read-only: nothing that is asked changes the job, and no
// code travels. It never keeps the process alive and never fails a job: a job that cannot listen is one that does not
// answer, and its journal tells nearly as much. A stale socket, left by kill -9, refuses connections; the next job in
// the state directory takes its place, which the state directory's lock makes safe.
//
// Owner of: the socket. Not here: who asks (live-client.ts), what the answers say (report/why.ts).

import { chmod, rm } from "node:fs/promises";
import net from "node:net";
import type { LogEntry } from "../core/log.ts";
import type { Driver, LiveState } from "../driver/driver.ts";
import type { RunOpened } from "../protocol/journal.ts";
import type { Progress } from "../report/observer.ts";
import { explainCase, type Explanation } from "../report/why.ts";
import { RunCase } from "../report/why-case.ts";
import { liveFormat, requestMax, type LiveAnswer, type LiveRequest } from "./live-protocol.ts";
import { prepareSocketPath } from "./live-path.ts";

export interface LiveJobOptions {
  readonly stateDir: string;
  readonly opened: RunOpened;
  readonly driver: Pick<Driver, "inspect" | "awayMs">;
  /** Why no worker takes part; null: some do. */
  readonly waits: () => string | null;
  /** Now, on the log's clock. */
  readonly now: () => number;
  readonly progress: () => Progress;
}

const connectionsMax = 16;
const idleMs = 5000;

export class LiveJob {
  private readonly options: LiveJobOptions;
  private readonly found = new RunCase();
  private readonly server: net.Server;
  private file: string | null = null;
  private isBroken = false;

  private constructor(options: LiveJobOptions) {
    this.options = options;
    this.found.add(options.opened);
    this.server = net.createServer((socket) => this.serve(socket));
    this.server.maxConnections = connectionsMax;
    this.server.on("error", () => {}); // it then does not answer: see above
    this.server.unref();
  }

  /** Begins to answer. Never rejects; to be called by the holder of the state directory's lock. */
  static async start(options: LiveJobOptions): Promise<LiveJob> {
    const live = new LiveJob(options);
    const file = await prepareSocketPath(options.stateDir).catch(() => null);
    if (file !== null && (await listen(live.server, file))) live.file = file;
    return live;
  }

  /** Sees every entry of the run's log. Quick, never throws. */
  observe(entry: LogEntry): void {
    if (this.isBroken) return;
    try {
      this.found.observe(entry);
    } catch {
      this.isBroken = true; // a job must not fail since it cannot be explained; the journal has it all
    }
  }

  /** Stops to answer and removes the socket. Never rejects. */
  async close(): Promise<void> {
    this.server.close();
    if (this.file !== null) await rm(this.file, { force: true }).catch(() => {});
    this.file = null;
  }

  private serve(socket: net.Socket): void {
    let text = "";
    socket.unref();
    socket.setEncoding("utf8");
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => {}); // whoever asked has gone
    socket.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end === -1 && text.length <= requestMax) return;
      socket.removeAllListeners("data");
      void this.answer(text.slice(0, Math.max(0, end))).then((answer) =>
        socket.end(`${JSON.stringify(answer)}\n`),
      );
    });
  }

  private async answer(text: string): Promise<LiveAnswer> {
    const { run } = this.options.opened;
    const base = { format: liveFormat, run } as const;
    try {
      const request = JSON.parse(text) as LiveRequest;
      switch (request.ask) {
        case "why":
          return { ...base, explanation: await this.why(request.task) };
        case "progress":
          return { ...base, progress: this.options.progress() };
        case "inspect":
          return { ...base, live: await this.inspect() };
        default:
          return { ...base, refused: "unknown question; why, progress and inspect are known" };
      }
    } catch (error) {
      return { ...base, refused: error instanceof Error ? error.message : String(error) };
    }
  }

  private async why(asked: unknown): Promise<Explanation> {
    const task = typeof asked === "number" ? asked : null;
    if (this.isBroken) throw new Error("this job's case is broken");
    if (task !== null && this.found.stageOf(task) === null) throw new Error(`there is no task t${task}`);
    const live = await this.inspect();
    const { now, waits, driver } = this.options;
    const awayMs = driver.awayMs?.() ?? null;
    return explainCase(this.found, { now: now(), isRunning: true, live, task, waits: waits(), awayMs });
  }

  private async inspect(): Promise<LiveState | null> {
    return (await this.options.driver.inspect?.()) ?? null;
  }
}

/** Whether the server listens, for this user only. */
async function listen(server: net.Server, file: string): Promise<boolean> {
  const isListening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(file, () => resolve(true));
  });
  if (!isListening) return false;
  try {
    await chmod(file, 0o600);
    return true;
  } catch {
    server.close(); // whose socket it is cannot be made sure
    return false;
  }
}
