// What a real server keeps of submitted jobs: by age and number, whole jobs, and nothing of those that are not over.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ClusterConnection } from "../../src/driver/nats/connection.ts";
import { appendJournal, openJournals, readJournal } from "../../src/driver/nats/journal-messages.ts";
import {
  commandKey,
  jobKey,
  leaseKey,
  listRecords,
  valueName,
  type SubmittedJob,
} from "../../src/model/submitted/record.ts";
import { SweepTurn, sweepSubmitted } from "../../src/model/submitted/retention.ts";
import { noMounts } from "../../src/protocol/place.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { shoal as built } from "../kit/built.ts";
import { until } from "../kit/processes.ts";

const dayMs = 86_400_000;
const now = Date.now();
const limits = { ageMs: 7 * dayMs, jobsMax: 3, bundleAgeMs: 30 * dayMs };

let server: NatsServer;
let connection: ClusterConnection;
let clusters = 0;

beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server.close());
beforeEach(async () => {
  connection = await ClusterConnection.open(`${server.url}/kept-${++clusters}`, "a test");
  await openJournals(connection);
});
afterEach(() => connection.close());

const bundleOf = (n: number): string => String(n % 10).repeat(64);

/** A job with all that the server has of one. */
async function keep(n: number, state: SubmittedJob["state"], endedAt: number | null): Promise<void> {
  const id = `s${n}`;
  const record: SubmittedJob = {
    format: 1,
    id,
    description: { name: "count" } as SubmittedJob["description"],
    command: `c${n}`,
    bundle: bundleOf(n),
    data: {},
    directory: "/",
    mounts: noMounts,
    parameters: {},
    options: {},
    state,
    submittedAt: now - 100 * dayMs + n,
    endedAt,
    leader: null,
    epoch: 1,
    countedFrom: 0,
    run: null,
    error: null,
    output: null,
    hasValue: true,
  };
  const segment = "count-0/journal/journal-000001.log";
  await connection.setKey(jobKey(id), JSON.stringify(record), null);
  await connection.setKey(leaseKey(id), "{}", null);
  await connection.setKey(commandKey(`c${n}`), id, null);
  await appendJournal(connection, id, 0, { id: `${id}-1`, segment, place: "1/1", bytes: Buffer.from(id) });
  await connection.putObject(connection.subjects.results, valueName(id), Buffer.from(id));
  await connection.putObject(connection.subjects.bundles, `${bundleOf(n)}.mjs`, Buffer.from(id));
}

/** What is there of a job. */
async function left(n: number): Promise<string[]> {
  const id = `s${n}`;
  const found: string[] = [];
  if ((await connection.getKey(jobKey(id))) !== null) found.push("record");
  if ((await connection.getKey(leaseKey(id))) !== null) found.push("lease");
  if ((await connection.getKey(commandKey(`c${n}`))) !== null) found.push("command");
  for await (const _message of readJournal(connection, id, 1)) found.push("journal");
  if ((await connection.getObject(connection.subjects.results, valueName(id))) !== null) found.push("value");
  return found;
}

const all = ["record", "lease", "command", "journal", "value"];

test("jobs that were over a week ago go, with all that belongs to them; others stay whole", async () => {
  await keep(1, "succeeded", now - 8 * dayMs);
  await keep(2, "failed", now - 6 * dayMs);
  await keep(3, "running", null);
  await keep(4, "queued", null);
  expect((await sweepSubmitted(connection, now, limits)).jobs).toEqual(["s1"]);
  expect(await left(1)).toEqual([]);
  for (const n of [2, 3, 4]) expect(await left(n)).toEqual(all);
  expect((await sweepSubmitted(connection, now, limits)).jobs).toEqual([]);
});

test("of more than are kept, the first to end go; what is not over does not count", async () => {
  for (const n of [1, 2, 3, 4, 5]) await keep(n, "cancelled", now - n * 1000);
  await keep(6, "running", null);
  expect((await sweepSubmitted(connection, now, limits)).jobs).toEqual(["s4", "s5"]);
  expect((await listRecords(connection)).map(({ id }) => id)).toHaveLength(4);
  expect(await left(4)).toEqual([]);
  expect(await left(6)).toEqual(all);
});

test("what runs left behind goes after a week, code that no kept job needs after a month", async () => {
  await keep(1, "running", null);
  const { results, bundles } = connection.subjects;
  await connection.putObject(results, "run-a/t0.1", Buffer.from("x"));
  await connection.putObject(bundles, `${bundleOf(2)}.mjs`, Buffer.from("y"));
  const names = async (store: string): Promise<string[]> =>
    (await connection.listObjects(store)).map(({ name }) => name).sort();
  await sweepSubmitted(connection, now + 6 * dayMs, limits);
  expect(await names(results)).toEqual(["run-a/t0.1", "s1/value"]);
  await sweepSubmitted(connection, now + 8 * dayMs, limits);
  expect(await names(results)).toEqual(["s1/value"]);
  expect(await names(bundles)).toEqual([`${bundleOf(1)}.mjs`, `${bundleOf(2)}.mjs`]);
  await sweepSubmitted(connection, now + 31 * dayMs, limits);
  expect(await names(bundles)).toEqual([`${bundleOf(1)}.mjs`]);
  // Nothing of them is left, not even a note that they were there.
  const { state } = await connection.use("asking", async (nc) =>
    (await jetstreamManager(nc)).streams.info(`OBJ_${results}`),
  );
  expect(state.messages).toBe(2); // the value of s1, and what it is called
});

test("of many workers one sweeps at a time, and none that has just seen another do it", async () => {
  const [first, second] = [new SweepTurn(connection), new SweepTurn(connection)];
  expect(await first.take()).toBe(true);
  expect(await second.take()).toBe(false);
  // Nobody has swept since the second one looked.
  expect(await second.take()).toBe(true);
  expect(await first.take()).toBe(false);
  const both = await Promise.all([first.take(), first.take()]);
  expect(both.filter(Boolean)).toHaveLength(1);
});

test("a record that nobody can read, or of a later version, is left alone, and keeps nobody from the others", async () => {
  await keep(1, "succeeded", now - 1000);
  await connection.setKey(jobKey("s2"), "no record", null);
  await connection.setKey(jobKey("s3"), JSON.stringify({ format: 2, id: "s3" }), null);
  const jobs = await built.clusterJobs(connection.url);
  try {
    expect((await jobs.list()).map(({ id }) => id)).toEqual(["s1"]);
    await expect(jobs.info("s2")).rejects.toMatchObject({ code: "CLUSTER_FAILED" });
    await expect(jobs.info("s3")).rejects.toMatchObject({ code: "STATE_NEWER" });
  } finally {
    await jobs.close();
  }
  await sweepSubmitted(connection, now + 100 * dayMs, limits);
  expect(await connection.getKey(jobKey("s2"))).not.toBeNull();
  expect(await connection.getKey(jobKey("s3"))).not.toBeNull();
});

test("a damaged record ends no worker: it goes on to lead what it can read", async () => {
  await connection.setKey(jobKey("s1"), "no record", null);
  await connection.setKey(jobKey("s2"), JSON.stringify({ format: 2, id: "s2" }), null);
  await keep(3, "queued", null);
  await connection.deleteKey(leaseKey("s3"));
  const directory = mkdtempSync(path.join(tmpdir(), "shoal-kept-"));
  const notes: string[] = [];
  const onNote = (line: string): void => void notes.push(line);
  const worker = await built.startWorker(connection.url, { slots: 1, directory, onNote });
  try {
    await until("it leads the third", () => notes.some((line) => line.startsWith("leads s3")));
    expect((await built.workers(connection.url)).map((one) => one.worker)).toEqual([worker.id]);
    expect(notes.filter((line) => /s1|s2/.test(line))).toEqual([]);
  } finally {
    await worker.close();
    rmSync(directory, { recursive: true, force: true });
  }
});

test.each([
  ["of one message", 1000],
  ["of several", 300_000],
  ["of many", 1_000_000],
])("of a deleted object %s nothing is left, and of its neighbours all", async (_what, size) => {
  const { results } = connection.subjects;
  const bytes = Buffer.alloc(size, "x");
  const names = Array.from({ length: 20 }, (_, n) => `gone/t${n}.1`);
  await Promise.all(
    ["gone", "stays/t0.1", ...names].map((name) => connection.putObject(results, name, bytes)),
  );
  await Promise.all([connection.deleteObjects(results, "gone/"), connection.deleteObjects(results, "gone/")]);
  expect(await connection.getObject(results, "gone/t7.1")).toBe(null);
  await connection.deleteObject(results, "gone");
  await connection.deleteObject(results, "gone"); // it is not there: nothing happens
  expect((await connection.listObjects(results)).map(({ name }) => name)).toEqual(["stays/t0.1"]);
  expect(await connection.getObject(results, "stays/t0.1")).toEqual(bytes);
  const left = await connection.use("counting", async (nc) => {
    const { state } = await (await jetstreamManager(nc)).streams.info(`OBJ_${results}`);
    return state.messages;
  });
  expect(left).toBe(1 + Math.ceil(size / (128 * 1024)));
});
