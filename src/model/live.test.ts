import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attemptId, workerId } from "../base/ids.ts";
import type { LogEntry } from "../core/log.ts";
import type { LiveState } from "../driver/driver.ts";
import type { RunOpened } from "../protocol/journal.ts";
import { RunObserver } from "../report/observer.ts";
import { askLive } from "./live-client.ts";
import { socketPaths } from "./live-path.ts";
import { LiveJob } from "./live.ts";

const opened: RunOpened = {
  kind: "opened",
  format: 1,
  run: "j1",
  incarnation: 1,
  at: 0,
  clock: 0,
  pid: 1,
  job: "words",
  file: "",
  directory: "",
  parameters: {},
  program: "",
  fingerprint: "",
  slots: 2,
  memoryBytes: 1,
  splits: [],
  inputFiles: 1,
  inputBytes: 1,
  output: null,
  stages: [{ name: "read", tasks: 3, reads: [], output: "kept", inputBytes: 1 }],
};
const state: LiveState = {
  attempts: [
    {
      attempt: attemptId(0, 1),
      stage: 0,
      slot: 0,
      startedAt: 0,
      recordsIn: 5,
      bytesIn: 5,
      stack: "    at spin (job.ts:5:1)",
    },
  ],
  memory: { at: 0, rssBytes: 1, slots: [] },
};

let home = "";
const open: LiveJob[] = [];

beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), "shoal-live-"));
});
afterEach(async () => {
  for (const live of open.splice(0)) await live.close();
  await rm(home, { recursive: true, force: true });
});

async function start(stateDir = home, run = "j1"): Promise<LiveJob> {
  const observer = new RunObserver({
    job: "words",
    slots: 2,
    stages: [{ name: "read", tasks: 3, inputBytes: 1 }],
    inputFiles: 1,
    inputBytes: 1,
    startedAt: 0,
  });
  const live = await LiveJob.start({
    stateDir,
    opened: { ...opened, run },
    driver: { inspect: async () => state },
    waits: () => null,
    now: () => 5000,
    progress: () => observer.progress(5000),
  });
  open.push(live);
  const entry = (id: number, at: number, type: "event" | "effect", body: unknown): LogEntry =>
    ({ id, at, cause: null, machine: "coordinator", type, body }) as LogEntry;
  live.observe(entry(1, 0, "event", { kind: "WorkerJoined", worker: workerId(1), slots: 2 }));
  live.observe(
    entry(2, 0, "effect", {
      kind: "AssignAttempt",
      worker: workerId(1),
      attempt: attemptId(0, 1),
      stage: 0,
      index: 0,
      inputs: [],
      isBackup: false,
    }),
  );
  live.observe(
    entry(3, 100, "event", {
      kind: "AttemptStarted",
      worker: workerId(1),
      attempt: attemptId(0, 1),
      slot: 0,
    }),
  );
  return live;
}

/** Sends raw bytes to the socket and gives what comes back. */
async function raw(file: string, text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    let answer = "";
    const socket = net.connect(file, () => socket.write(text));
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("a live job", () => {
  it("answers why, with the stack of a running task, progress and inspect", async () => {
    await start();
    const why = await askLive(home, { ask: "why", task: null });
    expect(why).toMatchObject({ format: 1, run: "j1", explanation: { state: "running", isLive: true } });
    const finding = why!.explanation!.findings.find(({ code }) => code === "NO_PROGRESS")!;
    expect(finding).toMatchObject({ about: "t0.1", details: { quietMs: 4900 } });
    expect(finding.lines.join()).toContain("at spin (job.ts:5:1)");
    expect((await askLive(home, { ask: "progress" }))!.progress!.tasks.total).toBe(3);
    expect((await askLive(home, { ask: "inspect" }))!.live).toEqual(state);
  });

  it("answers for one task; refuses tasks that are not there", async () => {
    await start();
    const codes = (await askLive(home, { ask: "why", task: 2 }))!.explanation!.findings.map(
      ({ code }) => code,
    );
    expect(codes).toContain("TASK_WAITING");
    expect((await askLive(home, { ask: "why", task: 9 }))!.refused).toContain("no task t9");
  });

  it("listens for this user only, and removes its socket at the end", async () => {
    const live = await start();
    const file = (await socketPaths(home))[0]!;
    expect(((await lstat(file)).mode & 0o777).toString(8)).toBe("600");
    await live.close();
    expect(existsSync(file)).toBe(false);
    expect(await askLive(home, { ask: "progress" })).toBeNull();
  });

  it("answers nonsense, too much and strange questions with a refusal, and lives on", async () => {
    await start();
    const file = (await socketPaths(home))[0]!;
    for (const text of ["{nonsense\n", "null\n", '{"ask":"run","code":"1"}\n', "[]\n", "\n"]) {
      expect(JSON.parse(await raw(file, text)), text).toHaveProperty("refused");
    }
    expect(JSON.parse(await raw(file, "x".repeat(5000)))).toHaveProperty("refused");
    expect((await askLive(home, { ask: "progress" }))!.run).toBe("j1");
  });

  it("takes the place of a stale socket, which itself answers nobody", async () => {
    const file = (await socketPaths(home))[0]!;
    const stale = net.createServer();
    await new Promise<void>((resolve) => stale.listen(`${file}.other`, resolve));
    await import("node:fs/promises").then(({ rename }) => rename(`${file}.other`, file));
    await new Promise<void>((resolve) => stale.close(() => resolve()));
    expect(existsSync(file)).toBe(true);
    expect(await askLive(home, { ask: "progress" })).toBeNull();
    await start();
    expect((await askLive(home, { ask: "progress" }))!.run).toBe("j1");
  });

  it("does not touch what is in its place and is no socket", async () => {
    const file = (await socketPaths(home))[0]!;
    await writeFile(file, "precious");
    const live = await start();
    expect(await askLive(home, { ask: "progress" })).toBeNull();
    await live.close();
    expect(existsSync(file)).toBe(true);
  });

  it("in a directory whose path is too long for a socket: answers from a private directory", async () => {
    const deep = path.join(home, "d".repeat(100));
    await mkdir(deep);
    const [file, more] = await socketPaths(deep);
    expect(more).toBeUndefined();
    expect(Buffer.byteLength(file!)).toBeLessThanOrEqual(100);
    await start(deep, "j2");
    expect((await askLive(deep, { ask: "progress" }))!.run).toBe("j2");
    expect(((await lstat(path.dirname(file!))).mode & 0o777).toString(8)).toBe("700");
    expect(await askLive(home, { ask: "progress" })).toBeNull();
  });

  it("survives entries that make no sense", async () => {
    const live = await start();
    expect(() =>
      live.observe({
        id: 9,
        at: 1,
        cause: null,
        machine: "coordinator",
        type: "event",
        body: null,
      } as unknown as LogEntry),
    ).not.toThrow();
    expect((await askLive(home, { ask: "why", task: null }))!.refused).toContain("broken");
  });
});
