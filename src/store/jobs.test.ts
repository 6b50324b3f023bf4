import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jobDirectory, listJobs, readEntry, writeSummary, type JobSummary } from "./jobs.ts";
import { sweepJobs, sweepNowAndThen } from "./jobs-sweep.ts";
import { stagingPrefix } from "./output-paths.ts";
import { thisProcess } from "./process.ts";

let state: string;
beforeEach(() => {
  state = realpathSync(mkdtempSync(join(tmpdir(), "shoal-jobs-")));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const dead = (): JobSummary["owner"] => ({ ...thisProcess(), pid: spawnSync("true").pid, started: "1" });

/** A job with files of its run, last touched `daysAgo`. */
async function make(key: string, more: Partial<JobSummary> = {}, daysAgo = 0, bytes = 10): Promise<string> {
  const path = jobDirectory(state, key);
  const run = more.run ?? `run-of-${key}`;
  mkdirSync(join(path, run, "blocks"), { recursive: true });
  mkdirSync(join(path, "journal"));
  writeFileSync(join(path, run, "blocks/t0.1"), "x".repeat(bytes));
  writeFileSync(join(path, "journal/journal-000001.log"), "");
  await writeSummary(path, {
    format: 1,
    key,
    run,
    job: key,
    file: "job.ts",
    directory: state,
    parameters: {},
    output: null,
    owner: dead(),
    incarnation: 1,
    openedAt: 1000 - daysAgo,
    closedAt: null,
    outcome: null,
    tasks: 3,
    kept: 1,
    ...more,
  });
  const at = new Date(Date.now() - daysAgo * 86_400_000);
  for (const name of [path, join(path, "journal/journal-000001.log")]) utimesSync(name, at, at);
  return path;
}

describe("the list of jobs", () => {
  test("is empty without a state directory", async () => {
    expect(await listJobs(join(state, "nothing"))).toEqual([]);
  });

  test("has each job with its state, those that began last first; damaged summaries are left out", async () => {
    await make("a", { owner: thisProcess(), openedAt: 1 });
    await make("b", { openedAt: 3 });
    await make("c", { openedAt: 2, outcome: "failed", closedAt: 9 });
    mkdirSync(jobDirectory(state, "d"));
    writeFileSync(join(jobDirectory(state, "d"), "job.json"), '{"format":1');
    mkdirSync(jobDirectory(state, "e"));
    writeFileSync(join(jobDirectory(state, "e"), "job.json"), '{"format":1,"run":"x"}');
    expect((await listJobs(state)).map((entry) => [entry.key, entry.state])).toEqual([
      ["b", "cut-off"],
      ["c", "failed"],
      ["a", "running"],
    ]);
    expect(await readEntry(jobDirectory(state, "b"))).toMatchObject({
      run: "run-of-b",
      journal: join(jobDirectory(state, "b"), "journal"),
    });
  });
});

describe("the sweep", () => {
  const keys = (): string[] => readdirSync(join(state, "jobs")).sort();

  test("takes what nobody touched for a week, with what is staged beside its output; never what runs, nor its own", async () => {
    const output = join(state, "out");
    const staging = join(state, `${stagingPrefix("out")}run-of-old`);
    mkdirSync(join(staging, "attempts"), { recursive: true });
    writeFileSync(join(staging, "owner.json"), JSON.stringify(dead()));
    await make("old", { output }, 8);
    await make("oldest", { output: join(state, "gone/out") }, 30);
    await make("young", {}, 6);
    await make("mine", {}, 9);
    await make("living", { owner: thisProcess() }, 9);
    await make("elsewhere", { owner: { ...dead(), host: "elsewhere.invalid" } }, 9);
    expect((await sweepJobs(state, "mine", Date.now())).sort()).toEqual(["old", "oldest"]);
    expect(keys()).toEqual(["elsewhere", "living", "mine", "young"]);
    expect(existsSync(staging)).toBe(false);
    expect(existsSync(dirname(staging))).toBe(true);
  });

  test("takes the oldest of those that are too large together", async () => {
    await make("a", {}, 3, 400_000);
    await make("b", {}, 2, 400_000);
    await make("c", {}, 1, 400_000);
    expect(await sweepJobs(state, "none", Date.now(), { ageMs: 1e12, bytesMax: 900_000 })).toEqual(["a"]);
    expect(keys()).toEqual(["b", "c"]);
  });

  test("deletes the files of jobs that have succeeded, and keeps their journals", async () => {
    const path = await make("done", { outcome: "succeeded", closedAt: 5 });
    await sweepJobs(state, "none", Date.now());
    expect(readdirSync(path).sort()).toEqual(["job.json", "journal"]);
  });

  test("is done at most every ten minutes", async () => {
    await make("old", {}, 8);
    const now = Date.now();
    await sweepNowAndThen(state, "none", now);
    expect(keys()).toEqual([]);
    await make("old", {}, 8);
    await sweepNowAndThen(state, "none", now + 60_000);
    expect(keys()).toEqual(["old"]);
    await sweepNowAndThen(state, "none", now + 700_000);
    expect(keys()).toEqual([]);
  });
});
