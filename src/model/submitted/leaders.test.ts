import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClusterConnection, Keyed } from "../../driver/nats/connection.ts";
import { JobKeeper } from "./keeper.ts";
import { notingProgress } from "./lead-job.ts";
import { jobKey, readRecord, type SubmittedJob } from "./record.ts";

const id = "s1";
const record: SubmittedJob = {
  format: 1,
  id,
  description: { name: "count", file: "count.ts", parameters: {} } as unknown as SubmittedJob["description"],
  command: "abc",
  bundle: "0".repeat(64),
  data: {},
  directory: "/",
  mounts: { mounts: [], stores: {} },
  parameters: {},
  options: {},
  state: "running",
  submittedAt: 1,
  endedAt: null,
  leader: null,
  epoch: 50,
  countedFrom: 0,
  run: null,
  error: null,
  output: null,
  hasValue: false,
};

/** A bucket, as ClusterConnection shows it. */
class Bucket {
  private readonly kept = new Map<string, Keyed>();

  async getKey(key: string): Promise<Keyed | null> {
    return this.kept.get(key) ?? null;
  }

  async setKey(key: string, text: string, revision: number | null): Promise<number | null> {
    const before = this.kept.get(key)?.revision ?? null;
    if (before !== revision) return null;
    this.kept.set(key, { text, revision: (before ?? 0) + 1 });
    return (before ?? 0) + 1;
  }

  async deleteKey(key: string): Promise<void> {
    this.kept.delete(key);
  }
}

let connection: ClusterConnection;
let directory: string;
beforeEach(async () => {
  connection = new Bucket() as unknown as ClusterConnection;
  await connection.setKey(jobKey(id), JSON.stringify(record), null);
  directory = mkdtempSync(path.join(tmpdir(), "shoal-leaders-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const now = async (): Promise<SubmittedJob> => (await readRecord(connection, id)).record;

test("a job failed that fifty kills had hit, though it got on between them", async () => {
  const progress = notingProgress(connection, id, 40);
  progress(30);
  progress(28); // a worker died, with what it had finished
  expect((await now()).countedFrom).toBe(0);
  progress(29);
  await vi.waitUntil(async () => (await now()).countedFrom === 40);

  const lead = path.join(directory, "lead.mjs");
  writeFileSync(lead, "process.exit(0);");
  const notes: string[] = [];
  const onNote = (note: string): void => void notes.push(note);
  const keeper = new JobKeeper(connection, { url: "", worker: () => "w1", directory, lead, onNote });
  await keeper["tryToLead"](id, await now());
  expect(notes).toEqual(["leads s1, after 50 others"]);
  await vi.waitUntil(() => keeper["led"].size === 0, 30_000);
  await keeper.close();
});

test("a job fails when fifty leaders have died and nothing was finished", async () => {
  const onNote = vi.fn();
  const options = { url: "", worker: () => "w1", directory, lead: "none", onNote };
  await new JobKeeper(connection, options)["tryToLead"](id, await now());
  expect(onNote).not.toHaveBeenCalled();
  expect(await now()).toMatchObject({ state: "failed", error: { code: "CLUSTER_FAILED" } });
});
