// What is kept on the server and read again: records of submitted jobs with their leases and what is said about them, and
// their journals.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { JournalStream } from "../../../src/driver/nats/journal-stream.ts";
import { isShoalError } from "../../../src/errors.ts";
import { ClusterJobs } from "../../../src/model/submitted/cluster-jobs.ts";
import { JobKeeper } from "../../../src/model/submitted/keeper.ts";
import { jobKey, leaseKey, type SubmittedJob } from "../../../src/model/submitted/record.ts";
import type { JournalRecord } from "../../../src/protocol/journal.ts";
import { Journal } from "../../../src/store/journal/journal.ts";
import { readJournal } from "../../../src/store/journal/read.ts";
import { damaged } from "./mutate.ts";
import { rng } from "../../../src/base/rng.ts";
import { must, type Victim } from "./receiver.ts";
import { Wire } from "./wire.ts";

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const record = (id: string, more: Partial<SubmittedJob>): SubmittedJob => ({
  format: 1,
  id,
  description: { name: "count", file: "count.ts" } as unknown as SubmittedJob["description"],
  command: "c".repeat(32),
  bundle: "0".repeat(64),
  data: { file: "count.ts" },
  directory: "/home/a",
  mounts: {
    mounts: [{ prefix: "/data", target: "s3://bucket", endpoint: null, region: null, options: { a: "b" } }],
    stores: { s3: { endpoint: null, region: null } },
  },
  parameters: { input: "a.txt" },
  options: { partitions: 3 },
  state: "queued",
  submittedAt: 1000,
  endedAt: null,
  leader: null,
  epoch: 0,
  countedFrom: 0,
  run: null,
  error: null,
  output: null,
  hasValue: false,
  ...more,
});

const records = [
  record("s1", {}),
  record("s1", { state: "running", leader: { host: "a", pid: 7 }, epoch: 2, run: "run-a" }),
  record("s1", {
    state: "failed",
    endedAt: 2000,
    error: { name: "Error", message: "no", cause: { name: "Error", message: "why" } },
  }),
  record("s1", { state: "succeeded", endedAt: 2000, output: { directory: "out", files: ["part-00000"] } }),
];
const said = [
  { progress: { tasks: { total: 3, finished: 1 } } },
  { note: "a backup was started" },
  { printed: "x\n" },
  { over: true },
];
const lease = { holder: "w1", epoch: 3, renewals: 7 };

/** Whoever keeps watch over submitted jobs, and whoever lists and follows them. */
export async function atRecords(): Promise<Victim> {
  const wire = new Wire();
  let notes = 0;
  const keeper = new JobKeeper(wire.connection, {
    url: "",
    worker: () => "w2",
    directory: "none",
    lead: "none",
    onNote: () => void notes++,
  });
  await keeper.start();
  const jobs = Reflect.construct(ClusterJobs, [wire.connection]) as ClusterJobs;
  wire.change(leaseKey("s1"), JSON.stringify(lease));
  wire.change(leaseKey("s2"), JSON.stringify(lease));
  wire.change(jobKey("s2"), JSON.stringify(record("s2", {})));
  let printed = 0;
  const options = {
    onProgress: () => {},
    onNote: () => {},
    onOutput: (text: string) => void (printed += text.length),
  };
  const following = new AbortController();
  const followed = jobs.attach("s2", { ...options, signal: following.signal });
  followed.catch(() => {}); // it is followed until the end of this
  const all = [...records, ...said, lease];
  return {
    messages: all.map(json),
    give: async (bytes, index) => {
      const text = Buffer.from(bytes).toString("utf8");
      if (index < records.length) {
        wire.change(jobKey("s1"), text);
        JSON.stringify(await jobs.list());
        await jobs.info("s1").catch((error: unknown) => {
          if (!isShoalError(error)) throw error;
        });
      } else if (index < records.length + said.length) wire.give(wire.subjects.said("s2"), bytes);
      else {
        wire.change(leaseKey("s1"), text);
        await keeper["tryToLead"]("s1", { epoch: 0, countedFrom: 0 }).catch((error: unknown) => {
          if (!isShoalError(error)) throw error;
        });
      }
      wire.change(leaseKey("s1"), JSON.stringify(lease));
    },
    check: async () => {
      wire.change(jobKey("s1"), JSON.stringify(records[0]));
      must(keeper["open"].has("s1"), "the keeper does not see a job that waits");
      wire.change(jobKey("s1"), JSON.stringify(records[3]));
      must(!keeper["open"].has("s1"), "the keeper does not see that a job is over");
      must((await jobs.list()).length === 2, "the list is not whole");
      const before = printed;
      wire.give(wire.subjects.said("s2"), json({ printed: "abc" }));
      must(printed === before + 3, "whoever follows hears nothing");
      must(keeper["led"].size === 0, "a job is led that is another's");
    },
    close: async () => {
      following.abort(new Error("enough"));
      await keeper.close();
    },
  };
}

interface Kept {
  readonly segment: string;
  readonly place: string;
  readonly bytes: Uint8Array;
}

/** A journal in a stream, of which one message or its bytes are changed. As a message it is text; bytes are in base64. */
export async function atJournal(): Promise<Victim> {
  const lab = mkdtempSync(path.join(os.tmpdir(), "shoal-frames-"));
  const source = path.join(lab, "source");
  mkdirSync(source);
  const journal = await Journal.open(source, () => {});
  for (let id = 1; id <= 30; id++) {
    const body = { kind: "CancelRequested", reason: `reason ${id}` };
    const entry = { id, at: id, cause: null, machine: "coordinator", type: "event", body };
    journal.append({ kind: "entry", entry } as JournalRecord);
  }
  await journal.close();
  const [name] = readdirSync(source);
  const whole = readFileSync(path.join(source, name!));
  const segment = `count-0123456789/journal/${name!}`;
  const parts = [0, 1, 2].map((n) =>
    whole.subarray(Math.floor((whole.length * n) / 3), Math.floor((whole.length * (n + 1)) / 3)),
  );
  const good: Kept[] = [
    { segment: "claim", place: "1/1", bytes: new Uint8Array() },
    { segment, place: "1/1", bytes: parts[0]! },
    { segment, place: "1/2", bytes: parts[1]! },
    { segment, place: "2/2", bytes: parts[2]! },
  ];
  const chances = rng(13);
  let restored = 0;
  const restore = async (messages: readonly Kept[]): Promise<number> => {
    const wire = new Wire();
    wire.uses = messages.map(({ segment: of, place, bytes }, seq) => {
      const headers: Record<string, string> = { segment: of, place };
      return { seq: seq + 1, header: { get: (key: string) => headers[key] }, data: bytes };
    });
    const directory = path.join(lab, `r${++restored}`);
    try {
      await new JournalStream(wire.connection, "s1", 0, () => {}).restore(directory);
      let read = 0;
      for await (const _record of readJournal(path.join(directory, path.dirname(segment)))) read++;
      return read;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
  const count = await restore(good);
  return {
    messages: good.map(({ segment: of, place, bytes }) =>
      json({ segment: of, place, bytes: Buffer.from(bytes).toString("base64") }),
    ),
    give: async (bytes, index) => {
      let one: Kept = { ...good[index]!, bytes: damaged(good[index]!.bytes, chances) };
      try {
        const {
          segment: of,
          place,
          bytes: text,
        } = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
        const header = (value: unknown): string =>
          typeof value === "string" ? value : JSON.stringify(value);
        one = {
          segment: header(of),
          place: header(place),
          bytes: Buffer.from(typeof text === "string" ? text : "", "base64"),
        };
      } catch {
        // damaged bytes in a good message
      }
      const messages = [...good];
      messages[index] = one;
      try {
        must((await restore(messages)) <= count, "more was read than was written");
      } catch (error) {
        if (!isShoalError(error, "JOURNAL_DAMAGED") && !isShoalError(error, "STATE_NEWER")) throw error;
      }
    },
    check: async () => must((await restore(good)) === count, "a good journal is not read"),
    close: () => rmSync(lab, { recursive: true, force: true }),
  };
}
