// Jobs that are left to a cluster: led by some worker, followed from anywhere, taken over when their leader dies.

import { symlinkSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClusterJobs, SubmittedInfo } from "../../src/index.ts";
import { shoal as built } from "../kit/built.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";
import { booksDir, Project, type Running } from "./harness.ts";

const count = (body: string): string => `import { existsSync } from "node:fs";
import { job, read } from "shoal";
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
export default job({ input: "books/pg-*.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).flatMap((line) => { ${body} return line.match(/[a-z]+/g) ?? []; }).countByValue().write.tsv(output));
`;

/** Of the last book only. */
const gateWord = "Becky";
/** Its last tasks wait until somebody opens the gate, so that it is under way as long as a test needs it to be. */
const gated = (gate: string): string =>
  count(`if (line.includes("${gateWord}")) while (!existsSync("${gate}")) pause(20);`);

let server: NatsServer;
let clusters = 0;
let project: Project;
let url: string;
let team: Running[] = [];
let jobs: ClusterJobs;
let expected: string;

beforeAll(async () => {
  server = await startNats();
  using here = new Project({ "count.ts": count("") });
  symlinkSync(booksDir, here.at("books"));
  expect((await here.shoal("run", "count.ts", "--split-size", "128k")).code).toBe(0);
  expected = here.digest("out");
});
afterAll(() => server.close());
afterEach(async () => {
  for (const worker of team) worker.process.kill("SIGCONT");
  for (const worker of team) worker.process.kill("SIGKILL");
  await Promise.all(team.map((worker) => worker.ended));
  team = [];
  await jobs.close();
  project[Symbol.dispose]();
});

async function open(workers: number): Promise<void> {
  project = new Project({ "count.ts": count("") });
  project.write("gated.ts", gated(project.at("gate")));
  symlinkSync(booksDir, project.at("books"));
  url = `${server.url}/submitted-${++clusters}`;
  team = Array.from({ length: workers }, (_, n) =>
    project.start("worker", "--cluster", url, "--slots", "1", "--directory", `.shoal/w${n + 1}`),
  );
  await Promise.all(team.map((worker) => worker.said("is ready")));
  jobs = await built.clusterJobs(url);
}

const ask = (...args: string[]) => project.shoal(...args, "--cluster", url);

async function submit(file: string): Promise<string> {
  const { code, stdout, stderr } = await ask("submit", file, "--split-size", "128k");
  expect(stderr).toContain("left to the cluster");
  expect(code).toBe(0);
  return stdout.trim();
}

const infoOf = (id: string): Promise<SubmittedInfo> => jobs.info(id);

/** The worker that leads the job, as a process. */
async function leaderOf(id: string): Promise<Running> {
  const { leader } = await infoOf(id);
  return team.find(({ process }) => process.pid === leader!.pid)!;
}

const openGate = (): void => project.write("gate", "");

/** Settles when so many tasks of the job are finished. */
async function finished(id: string, tasks: number): Promise<void> {
  const enough = new AbortController();
  const following = jobs.attach(id, {
    signal: enough.signal,
    onProgress: (progress) => {
      if (progress.tasks.finished >= tasks) enough.abort(new Error("enough"));
    },
  });
  await expect(following).rejects.toThrow("enough");
}

test("a job is left, followed, and asked about; its output is that of one machine", async () => {
  await open(2);
  const id = await submit("count.ts");
  expect(id).toMatch(/^s\d+$/);
  const { code, stdout } = await ask("attach", id);
  expect(code).toBe(0);
  expect(stdout).toContain("out");
  expect(project.digest("out")).toBe(expected);
  expect(await infoOf(id)).toMatchObject({ state: "succeeded", leaders: 1 });
  expect((await ask("jobs")).stdout).toMatch(/s\d+ +count +succeeded/);
  expect((await ask("why", id)).stdout).toContain("succeeded");
  expect((await ask("report", id)).stdout).toContain("where the time went");
  expect((await ask("events", id, "--task", "t0")).stdout).toContain("AttemptFinished");
  // The environment names the cluster, an id such as "s1" that a cluster is meant; without either it is told what is missing.
  const bare = async (env: Readonly<Record<string, string>>, ...args: string[]) =>
    await project.startWith(env, ...args).ended;
  const named = { SHOAL_CLUSTER: url };
  expect((await bare(named, "why", id)).stdout).toContain("succeeded");
  expect((await bare(named, "jobs")).stdout).toMatch(/s\d+ +count +succeeded/);
  expect((await bare(named, "jobs", "--state", project.at(".shoal"))).stdout).toContain("No jobs yet");
  expect((await bare(named, "why")).stderr).toContain("no job is known in");
  expect(await bare(named, "jobs", "--cluster", "")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("BAD_OPTION"),
  });
  expect((await bare({}, "why", id)).stderr).toContain("add --cluster nats://…, or set SHOAL_CLUSTER");
  expect((await ask("why", "s99")).stderr).toContain('no submitted job "s99" is known');
});

test("values and errors come back to whoever follows", async () => {
  await open(1);
  project.write(
    "total.ts",
    'import { job, read } from "shoal";\nexport default job({ input: "books/pg-*.txt" }, ({ input }) => read.lines(input).count());\n',
  );
  const here = await project.shoal("run", "total.ts");
  const there = await ask("attach", await submit("total.ts"));
  expect(there.stdout).toBe(here.stdout);
  project.write(
    "broken.ts",
    'import { job, read } from "shoal";\nexport default job({ input: "books/pg-*.txt" }, ({ input }) =>\n  read.lines(input).map(() => { throw new Error("no good"); }).count());\n',
  );
  const failed = await ask("attach", await submit("broken.ts"));
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("no good");
  expect(failed.stderr).toContain("broken.ts:3");
});

test("the worker that leads is killed: another goes on, and does no finished task again", async () => {
  await open(3);
  const id = await submit("gated.ts");
  // So many that others than the one that is killed have some: what it holds dies with it.
  await finished(id, 20);
  // Followed from before: what a leader says when it takes over, it says once.
  const notes: string[] = [];
  const following = jobs.attach(id, { onNote: (note) => void notes.push(note) });
  (await leaderOf(id)).process.kill("SIGKILL");
  await until("another leads", async () => (await infoOf(id)).leaders === 2);
  openGate();
  await following;
  expect(notes.join("\n")).toMatch(
    /continues the run of .*: [1-9]\d* of \d+ tasks (is|are) finished already/,
  );
  expect(project.digest("out")).toBe(expected);
  expect((await infoOf(id)).leaders).toBe(2);
});

test("all workers are killed: whoever follows or asks is told that nobody leads it; a new one goes on", async () => {
  await open(1);
  const id = await submit("gated.ts");
  await finished(id, 2);
  const following = project.start("attach", id, "--cluster", url);
  const [only] = team;
  only!.process.kill("SIGKILL");
  await following.said(`nobody leads ${id} at the moment: shoal workers tells which there are`);
  expect(await infoOf(id)).toMatchObject({ state: "running", waits: `nobody leads ${id} at the moment` });
  expect((await ask("jobs")).stdout).toContain(`nobody leads ${id} at the moment`);
  expect((await ask("why", id)).stdout).toContain("NOBODY_LEADS");
  openGate();
  team.push(project.start("worker", "--cluster", url, "--slots", "1", "--directory", ".shoal/w2"));
  await following.said(`${id} is led again`);
  expect((await following.ended).code).toBe(0);
  expect(project.digest("out")).toBe(expected);
  expect(await infoOf(id)).toMatchObject({ waits: null, leaders: 2 });
});

test("the worker that leads is stopped for a while: another takes over, and the first one does no harm", async () => {
  await open(2);
  const id = await submit("gated.ts");
  await finished(id, 2);
  const leader = await leaderOf(id);
  leader.process.kill("SIGSTOP");
  await until("another leads", async () => (await infoOf(id)).leaders === 2);
  leader.process.kill("SIGCONT");
  openGate();
  const { code } = await ask("attach", id);
  expect(code).toBe(0);
  expect(project.digest("out")).toBe(expected);
  expect((await infoOf(id)).leaders).toBe(2);
  expect(project.list(".").filter((name) => name.startsWith(".out"))).toEqual([]);
});

test("shoal cancel ends it; what was there stays", async () => {
  await open(1);
  const id = await submit("gated.ts");
  await until("it is led", async () => (await infoOf(id)).state === "running");
  const { code, stdout } = await ask("cancel", id);
  expect(code).toBe(0);
  expect(stdout).toBe(`${id} is cancelled\n`);
  expect(project.list(".")).not.toContain("out");
  const attached = await ask("attach", id);
  expect(attached.code).toBe(130);
});

const run = (...args: string[]) =>
  project.start("run", "gated.ts", "--split-size", "128k", "--cluster", url, ...args);
const idOfOnly = async (): Promise<string> => {
  const [only, ...others] = await jobs.list();
  expect(others).toEqual([]);
  return only!.id;
};

test("what shoal run began goes on without it, and the same command finds it", async () => {
  await open(2);
  const first = run();
  await until("it is led", async () => (await jobs.list())[0]?.state === "running");
  first.process.kill("SIGKILL");
  await first.ended;
  const second = run();
  await second.said(`the same command began ${await idOfOnly()} before`);
  openGate();
  const { code, stdout, stderr } = await second.ended;
  expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: "" });
  expect(stderr).toContain("where the time went");
  expect(project.digest("out")).toBe(expected);
  expect(await infoOf(await idOfOnly())).toMatchObject({ state: "succeeded", leaders: 1 });
});

test("Ctrl-C of shoal run cancels the job; the same command goes on with what was finished", async () => {
  await open(2);
  const first = run();
  await until("it is known", async () => (await jobs.list()).length === 1);
  await finished(await idOfOnly(), 20);
  first.process.kill("SIGINT");
  const cancelled = await first.ended;
  expect({ code: cancelled.code, stderr: cancelled.stderr }).toMatchObject({ code: 130 });
  expect(await infoOf(await idOfOnly())).toMatchObject({ state: "cancelled" });
  openGate();
  const { code, stderr } = await run().ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toMatch(/continues the run of .*: [1-9]\d* of \d+ tasks are finished already/);
  expect(project.digest("out")).toBe(expected);
  expect((await infoOf(await idOfOnly())).leaders).toBe(2);
});

test("--fresh begins anew, and what failed says so to whoever waits", async () => {
  await open(1);
  project.write(
    "fails.ts",
    'import { existsSync } from "node:fs";\nimport { job, read } from "shoal";\n' +
      'export default job({ input: "books/pg-*.txt" }, ({ input }) =>\n' +
      `  read.lines(input).map((line) => { if (!existsSync(${JSON.stringify(project.at("gate"))})) throw new Error("no good"); return line; }).count());\n`,
  );
  const fails = (...args: string[]) => ask("run", "fails.ts", ...args);
  const failed = await fails();
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("no good");
  expect(failed.stderr).toContain("fails.ts:4");
  openGate();
  const counted = await fails("--json");
  expect(JSON.parse(counted.stdout)).toMatchObject({ ok: true, value: 66602 });
  expect(await jobs.list()).toHaveLength(1);
  expect((await fails("--fresh", "--quiet")).stdout).toBe("66602\n");
  expect(await jobs.list()).toHaveLength(2);
});

test("a job that failed goes on as it is asked for now: with --overwrite, where that was missing", async () => {
  await open(1);
  project.write("out/notes.txt", "mine");
  const counting = (...args: string[]) => ask("run", "count.ts", "--split-size", "128k", ...args);
  const refused = await counting();
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("OUTPUT_NOT_EMPTY");
  const { code, stderr } = await counting("--overwrite");
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(project.digest("out")).toBe(expected);
  expect(project.list("out")).not.toContain("notes.txt");
  expect(await jobs.list()).toHaveLength(1);
});

test("a job that waits for workers says so, and for which job; when it is over the next one goes on", async () => {
  await open(1);
  const first = await submit("gated.ts");
  await finished(first, 1);
  const { stdout } = await ask("submit", "count.ts", "--output", "second", "--split-size", "128k");
  const second = stdout.trim();
  const following = project.start("attach", second, "--cluster", url);
  const why = `waits for workers: the only one is at work on ${first}`;
  await until("it is said", async () => (await infoOf(second)).waits === why);
  await following.said(why);
  expect((await ask("jobs")).stdout).toContain(why);
  const { stdout: explained } = await ask("why", second);
  expect(explained).toContain("WAITING_FOR_WORKERS");
  expect(explained.replaceAll(/\s+/g, " ")).toContain(`the only one is at work on ${first}.`);
  expect((await ask("workers")).stdout).toMatch(new RegExp(`\\b${first}\\b`));
  openGate();
  expect((await following.ended).code).toBe(0);
  expect(project.digest("second")).toBe(expected);
  expect(await infoOf(second)).toMatchObject({ state: "succeeded", waits: null });
});
