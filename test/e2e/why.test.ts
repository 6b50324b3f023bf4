// `shoal why` names the cause: real jobs in real slots, asked from a second process, while they run where that is the
// point. Nothing sleeps: jobs wait for a file that the test writes, and the test asks until the answer is there.

import { mkdirSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Project, type Result, type Running } from "./harness.ts";

interface Found {
  readonly code: string;
  readonly about: string | null;
  readonly text: string;
  readonly lines: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;
  readonly evidence: readonly number[];
}

interface Why {
  readonly run: string;
  readonly job: string;
  readonly state: string;
  readonly isLive: boolean;
  readonly findings: readonly Found[];
}

/** In every job: blocks its slot, as CPU-bound code would, until the test writes the file. */
const until = `import { existsSync } from "node:fs";
const until = (file) => { while (!existsSync(file)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); };
`;

/** Ten lines of ten bytes: with --split-size 10 ten tasks, t0 to t9, of one line each. */
const lines = Array.from({ length: 10 }, (_, i) => `line ${i}...\n`).join("");

function projectWith(
  body: string,
  input: Readonly<Record<string, string>> = { "input.txt": lines },
): Project {
  return new Project({
    ...input,
    "job.ts": `import { job, read, taskContext } from "shoal";
import { rmSync } from "node:fs";
void [taskContext, rmSync];
${until}
${body}`,
  });
}

const mapJob = (
  fn: string,
): string => `export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).map(${fn}).write.text(output));
`;

async function whyOf(project: Project, ...args: string[]): Promise<Why> {
  const { stdout, stderr, code } = await project.shoal("why", "--json", ...args);
  expect(code, stderr).toBe(0);
  const document = JSON.parse(stdout) as Why & { format: number; ok: boolean };
  expect(document).toMatchObject({ format: 1, ok: true });
  return document;
}

/** The finding of a job that is over. */
async function finding(project: Project, code: string): Promise<Found> {
  const why = await whyOf(project);
  const found = why.findings.find((other) => other.code === code);
  expect(found, JSON.stringify(why.findings)).toBeDefined();
  return found!;
}

/** Asks while the job runs until it is found. */
async function findingOf(
  project: Project,
  running: Running,
  code: string,
  isIt: (found: Found) => boolean = () => true,
): Promise<Found> {
  let ended: Result | null = null;
  void running.ended.then((result) => (ended = result));
  for (let last = "not asked"; ;) {
    if (ended !== null) throw new Error(`ended without ${code}: ${(ended as Result).stderr}\nlast: ${last}`);
    const { stdout, code: exitCode } = await project.shoal("why", "--json");
    last = stdout;
    if (exitCode !== 0) continue; // nothing is known yet: it has just begun
    const why = JSON.parse(stdout) as Why;
    const found = why.findings.find((other) => other.code === code && isIt(other));
    if (found !== undefined && why.isLive) return found;
  }
}

async function finish(project: Project, running: Running): Promise<void> {
  project.write("go", "");
  const { code, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  expect((await whyOf(project)).findings.map((found) => found.code)).toEqual(["FINISHED"]);
}

describe("why, of a job that failed", () => {
  test("input missing on retry", async () => {
    using project = projectWith(
      mapJob(`(line) => {
      if (taskContext().attempt === 1 && line.startsWith("second")) { rmSync("b.txt"); throw new Error("bad luck"); }
      return line;
    }`).replace('"input.txt"', '"*.txt"'),
      { "a.txt": "first\n", "b.txt": "second\n" },
    );
    const { code } = await project.shoal("run", "job.ts", "--split-size", "1k", "--slots", "1");
    expect(code).not.toBe(0);
    const found = await finding(project, "INPUT_MISSING");
    expect(found.text).toContain("b.txt");
    expect(found.text).toContain("bad luck");
    expect(found.details["earlier"]).toEqual([expect.stringMatching(/^t\d+\.1$/)]);
    expect(found.evidence.length).toBeGreaterThan(2);
  });

  test("poison task, with the certificates of its slots", async () => {
    using project = projectWith(
      mapJob(
        `(line) => { if (line.startsWith("line 7")) process.kill(process.pid, "SIGSEGV"); return line; }`,
      ),
    );
    const { code } = await project.shoal(
      "run",
      "job.ts",
      "--split-size",
      "10",
      "--slots",
      "2",
      "--isolation",
      "process",
    );
    expect(code).not.toBe(0);
    const found = await finding(project, "POISON_TASK");
    expect(found.about).toBe("t7");
    expect(found.text).toContain("3 in a row");
    const certificates = found.details["certificates"] as { signal: string; isolation: string }[];
    expect(certificates).toHaveLength(3);
    for (const certificate of certificates)
      expect(certificate).toMatchObject({ isolation: "process", signal: "SIGSEGV" });
  });

  test("memory exhausted", async () => {
    using project = projectWith(
      mapJob(
        `(line) => { const all = []; if (line.startsWith("line 3")) for (;;) all.push(new Array(100_000).fill(line)); return line; }`,
      ),
    );
    const { code } = await project.shoal(
      "run",
      "job.ts",
      "--split-size",
      "10",
      "--slots",
      "1",
      "--memory",
      "64m",
    );
    expect(code).not.toBe(0);
    const found = await finding(project, "MEMORY_EXHAUSTED");
    expect(found.about).toBe("t3");
    expect(found.text).toContain("ran out of memory");
    expect(found.details).toMatchObject({ outOfMemory: "heap" });
  });

  test("an endless loop that the time limit ended: where it was", async () => {
    using project = projectWith(`function spin() { for (;;); }
${mapJob(`(line) => { if (line.startsWith("line 2")) spin(); return line; }`)}`);
    const { code } = await project.shoal(
      "run",
      "job.ts",
      "--split-size",
      "10",
      "--slots",
      "2",
      "--task-timeout",
      "300ms",
    );
    expect(code).toBe(1);
    const found = await finding(project, "TIME_LIMIT");
    expect(found.about).toBe("t2");
    expect(found.lines.join("\n")).toMatch(/at spin .*job\.ts:\d+:\d+/);
  });

  test("a function that fails: the error, and how often it was tried", async () => {
    using project = projectWith(
      mapJob(
        `(line) => { if (line.startsWith("line 4")) throw new TypeError("no such word"); return line; }`,
      ),
    );
    expect((await project.shoal("run", "job.ts", "--split-size", "10")).code).toBe(1);
    const found = await finding(project, "TASK_FAILED");
    expect(found).toMatchObject({ about: "t4", details: { attempts: 4, code: "ATTEMPTS_EXHAUSTED" } });
    expect(found.text).toContain("no such word");
    const other = await whyOf(project, "--task", "t2");
    expect(other.findings.map((each) => each.code)).toEqual(["TASK_FINISHED"]);
  });
});

describe("why, of a job that runs", () => {
  test("all slots busy", async () => {
    using project = projectWith(mapJob(`(line) => { until("go"); return line; }`));
    const running = project.start("run", "job.ts", "--split-size", "10", "--slots", "2");
    const found = await findingOf(project, running, "SLOTS_BUSY");
    expect(found.details).toMatchObject({ waiting: 8, slots: 2, running: ["t0.1", "t1.1"] });
    expect((await whyOf(project, "--task", "t9")).findings[0]).toMatchObject({
      code: "TASK_WAITING",
      details: { ahead: 7 },
    });
    const { stdout } = await project.shoal("jobs");
    expect(stdout).toMatch(/job {2,}running .* 0\/10 tasks/);
    expect((statSync(project.at(".shoal/live.sock")).mode & 0o777).toString(8)).toBe("600");
    await finish(project, running);
    expect(project.leftovers()).toEqual([]);
    expect(project.list(".shoal")).not.toContain("live.sock");
  });

  test("a straggler", async () => {
    using project = projectWith(
      mapJob(`(line) => { if (line.startsWith("line 0")) until("go"); return line; }`),
    );
    const running = project.start("run", "job.ts", "--split-size", "10", "--slots", "2");
    const found = await findingOf(project, running, "STRAGGLER");
    expect(found.about).toBe("t0.1");
    expect(found.text).toMatch(/has run for .*; the median of its stage is /);
    const backed = await findingOf(
      project,
      running,
      "STRAGGLER",
      ({ details }) => details["backup"] !== null,
    );
    expect(backed.text).toContain("A backup, t0.2, has run for");
    await finish(project, running);
  });

  test("waiting for a shuffle", async () => {
    using project =
      projectWith(`export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).map((line) => { if (line.startsWith("line 6")) until("go"); return line; }).countByValue().write.tsv(output));
`);
    const running = project.start("run", "job.ts", "--split-size", "10", "--slots", "3", "--partitions", "2");
    const found = await findingOf(
      project,
      running,
      "WAITING_FOR_SHUFFLE",
      ({ details }) => details["leftCount"] === 1,
    );
    expect(found.about).toBe("stage 2");
    expect(found.details).toMatchObject({ left: ["t6"], running: ["t6.1"], tasks: 2, idleSlots: 2 });
    expect(found.text).toContain("2 slots are idle");
    await finish(project, running);
  });

  test.each(["thread", "process"])("a task in an endless loop, with its stack: %s", async (isolation) => {
    using project = projectWith(`function spin() { let n = 0; for (;;) n = (n + 1) % 7; }
${mapJob(`(line) => { if (line.startsWith("line 5")) spin(); return line; }`)}`);
    const running = project.start(
      "run",
      "job.ts",
      "--split-size",
      "10",
      "--slots",
      "2",
      "--isolation",
      isolation,
    );
    const found = await findingOf(
      project,
      running,
      "NO_PROGRESS",
      ({ details }) => details["stack"] !== null,
    );
    expect(found.about).toBe("t5.1");
    expect(found.text).toContain("endless loop");
    expect(found.lines.join("\n")).toMatch(/at spin .*job\.ts:\d+:\d+/);
    running.process.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    expect((await whyOf(project)).findings[0]).toMatchObject({ code: "CANCELLED" });
  });

  test("a task that waits for a promise: no stack, and it says so", async () => {
    using project = projectWith(
      mapJob(
        `async (line) => { if (line.startsWith("line 5")) await new Promise(() => setInterval(() => {}, 1000)); return line; }`,
      ),
    );
    const running = project.start("run", "job.ts", "--split-size", "10", "--slots", "2");
    const found = await findingOf(project, running, "NO_PROGRESS");
    expect(found.text).toContain("it waits for something");
    running.process.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
  });

  test("a task that failed and is tried again", async () => {
    using project = projectWith(
      mapJob(`(line) => {
      if (line.startsWith("line 1")) { if (taskContext().attempt < 3) throw new Error("not yet"); until("go"); }
      return line;
    }`),
    );
    const running = project.start("run", "job.ts", "--split-size", "10", "--slots", "2");
    const found = await findingOf(
      project,
      running,
      "RETRYING",
      ({ details }) => details["errors"] === 2 && details["running"] !== null,
    );
    expect(found.text).toContain("failed 2 times of the 4 that it may, the last time in t1.2");
    expect(found.text).toContain("not yet");
    await finish(project, running);
  });
});

test("a job that was killed: cut off, and the same command continues", async () => {
  using project = projectWith(
    mapJob(`(line) => { if (line.startsWith("line 8")) until("go"); return line; }`),
  );
  const command = ["run", "job.ts", "--split-size", "10", "--slots", "2"];
  const running = project.start(...command);
  await findingOf(project, running, "FEWER_TASKS_THAN_SLOTS");
  running.process.kill("SIGKILL");
  await running.ended;
  const why = await whyOf(project);
  expect(why.state).toBe("cut-off");
  expect(why.isLive).toBe(false);
  expect(why.findings[0]).toMatchObject({
    code: "CUT_OFF",
    details: { finished: 9, tasks: 10, running: ["t8.1"] },
  });
  expect((await project.shoal("jobs")).stdout).toMatch(/cut-off/);
  project.write("go", "");
  expect((await project.shoal(...command)).code).toBe(0);
  expect((await whyOf(project)).findings[0]).toMatchObject({
    code: "FINISHED",
    details: { incarnations: 2 },
  });
  expect((await project.shoal("events")).stdout).toContain("continued, for the 2nd time");
});

test("jobs are named by run, its beginning, or the job's name; a near miss is suggested", async () => {
  using project = projectWith(mapJob("(line) => line"));
  expect((await project.shoal("run", "job.ts")).code).toBe(0);
  const { run } = await whyOf(project);
  for (const name of [run, run.slice(0, -3), "job"]) expect((await whyOf(project, name)).run).toBe(run);
  const { code, stderr } = await project.shoal("why", "jbo");
  expect(code).toBe(2);
  expect(stderr).toContain('no job "jbo" is known; did you mean "job"?');
  expect((await project.shoal("why", "--task", "t99")).stderr).toContain("its only task is t0");
  const elsewhere = await project.shoal("why", "--state", "nowhere");
  expect(elsewhere.stderr).toContain("no job is known in");
});

test("events, report and what-if of a finished job", async () => {
  using project =
    projectWith(`export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).countByValue().write.tsv(output));
`);
  const { stdout } = await project.shoal("run", "job.ts", "--split-size", "10", "--slots", "1", "--json");
  const ran = JSON.parse(stdout) as {
    run: string;
    report: { wallMs: number; stages: unknown[]; input: object; output: object };
  };

  const story = (await project.shoal("events", "--task", "t3")).stdout;
  for (const fact of ["> AssignAttempt t3.1", "< AttemptStarted t3.1", "< AttemptFinished t3.1", "[cause]"])
    expect(story).toContain(fact);
  expect(story).not.toContain("AttemptFinished t5.1");
  const { events } = JSON.parse((await project.shoal("events", "--json")).stdout) as {
    events: { id: number | null; cause: number | null }[];
  };
  const ids = new Set<number | null>();
  for (const { id, cause } of events) {
    if (cause !== null) expect(ids.has(cause)).toBe(true);
    ids.add(id);
  }

  const { report } = JSON.parse((await project.shoal("report", "--json")).stdout) as {
    report: Record<string, unknown>;
  };
  expect(report).toMatchObject({
    outcome: "succeeded",
    slots: 1,
    stages: ran.report.stages,
    input: ran.report.input,
    output: ran.report.output,
  });
  expect((await project.shoal("report", "--explain")).stdout).toContain("Amdahl's law");

  const whatIf = JSON.parse((await project.shoal("what-if", "--slots", "1,2,1000", "--json")).stdout) as {
    measuredMs: number;
    error: number;
    own: { wallMs: number };
    predictions: { slots: number; wallMs: number }[];
    bound: { wallMs: number };
  };
  expect(whatIf.measuredMs).toBe(report["wallMs"]);
  expect(whatIf.predictions.map(({ slots }) => slots)).toEqual([1, 2, 1000]);
  expect(whatIf.predictions[0]!.wallMs).toBe(whatIf.own.wallMs);
  expect(whatIf.predictions[2]!.wallMs).toBeGreaterThanOrEqual(whatIf.bound.wallMs);
  expect((await project.shoal("what-if")).stdout).toContain("its error on this very run is");
});

test("a what-if of a job that failed is refused", async () => {
  using project = projectWith(mapJob(`() => { throw new Error("no"); }`));
  expect((await project.shoal("run", "job.ts")).code).toBe(1);
  const { code, stderr } = await project.shoal("what-if", "--slots", "4");
  expect(code).toBe(2);
  expect(stderr).toContain("predictions need a job that succeeded");
});

test("a state directory with a path too long for a socket: the job answers all the same", async () => {
  using project = projectWith(mapJob(`(line) => { until("go"); return line; }`));
  const state = "s".repeat(100);
  mkdirSync(project.at(state));
  const running = project.start("run", "job.ts", "--split-size", "10", "--slots", "2", "--state", state);
  for (let isLive = false; !isLive;) {
    const { stdout, code } = await project.shoal("why", "--json", "--state", state);
    isLive = code === 0 && (JSON.parse(stdout) as Why).isLive;
  }
  project.write("go", "");
  expect((await running.ended).code).toBe(0);
});
