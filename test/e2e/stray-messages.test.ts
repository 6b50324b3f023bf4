// A worker on a real server that is told of jobs which nobody leads, or whose code is nowhere: it is free for others.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Agent } from "../../src/driver/nats/agent.ts";
import { ClusterConnection } from "../../src/driver/nats/connection.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";

let server: NatsServer;
let directory: string;
let clusters = 0;
let agent: Agent;
let connection: ClusterConnection;
let notes: string[];

beforeAll(async () => {
  server = await startNats();
  directory = mkdtempSync(path.join(tmpdir(), "shoal-stray-"));
});
afterEach(async () => {
  await agent.close();
  await connection.close();
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

async function open(): Promise<void> {
  const url = `${server.url}/stray-${++clusters}`;
  notes = [];
  agent = await Agent.start({
    url,
    slots: 0,
    isolation: "thread",
    heapBytes: null,
    memoryLimits: null,
    preload: "none",
    labels: {},
    directory: path.join(directory, String(clusters)),
    version: "0.0.0",
    abortGraceMs: 50,
    callSlots: 4,
    blocks: { host: "127.0.0.1", port: 0, tls: null },
    program: (data) => ({ module: "none", data }),
    localize: (payload) => payload,
    runtime: "",
    onNote: (line) => void notes.push(line),
    onForgotten: () => {},
  });
  connection = await ClusterConnection.open(url, "a test");
}

const job = (run: string, bundle: string | null, v = 1): string =>
  JSON.stringify({
    v,
    version: "9.9.9",
    run,
    epoch: 1,
    stages: ["map"],
    secret: "s",
    program: { data: {}, bundle },
    heartbeatMs: 20,
  });

/** Tells it again and again, as coordinators do, until the worker says hello. */
async function hello(run: string): Promise<void> {
  const { subjects } = connection;
  let heard = 0;
  const end = connection.subscribe(subjects.door(run, "*"), () => void heard++);
  await until(`the worker works on ${run}`, () => {
    connection.publish(subjects.open, job(run, null));
    return heard > 0;
  });
  end();
}

test("a job whose coordinator died after it had told of it: the worker waits for it no longer than for any other", async () => {
  await open();
  const first = agent.worker;
  await hello("run-a");
  await until("it comes back as another", () => agent.worker !== first);
  await hello("run-b");
});

test("a bundle that is nowhere is noted once, however often it is heard of; so is another version", async () => {
  await open();
  const { subjects } = connection;
  let refused = 0;
  const bundle = "0".repeat(64);
  await until("it was told often enough", async () => {
    connection.publish(subjects.open, job("run-a", bundle));
    connection.publish(subjects.open, job("run-c", null, 2));
    // An answer shows that it has heard what was said before.
    await connection.request(subjects.who, "{}", 2000);
    return ++refused > 10 && notes.length >= 2;
  });
  await hello("run-b");
  expect(notes.filter((line) => line.includes("cannot take part in run-a"))).toHaveLength(1);
  expect(notes.filter((line) => line.includes("speaks protocol 2"))).toEqual([
    "takes no part in run-c: its client (shoal 9.9.9) speaks protocol 2, this worker (shoal 0.0.0) speaks 1",
  ]);
});
