// Faults of the disk, on real processes: it is full, it fails, it cannot make things durable. What must come of it: a
// clear error or recovery, never a wrong output; the old output as it was; the same command right when the disk is.

import { spawn } from "node:child_process";
import { cpSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { callsIn, SmallDisk, straceArgs, whyNoSmallDisk, whyNoStrace } from "../kit/faults.ts";
import { cli, Project, Running, type Result } from "./harness.ts";

/** Groups, so that scratch is about as large as the input, and the output too. */
const program = `import { job, read } from "shoal";
export default job({ input: "input.txt", output: "disk/out" }, ({ input, output }) =>
  read.lines(input).keyBy((line) => line.slice(0, 5)).groupByKey().map(([key, lines]) => key + " " + lines.join("|")).write.text(output));
`;
const input = Array.from(
  { length: 60_000 },
  (_, i) => `${String((i * 7919) % 20_000).padStart(5, "0")} a line of some length, number ${i}\n`,
).join("");
const args = ["run", "job.ts", "--slots", "2", "--split-size", "500k", "--partitions", "4"];

let expected = "";
let model: Project;

beforeAll(async () => {
  model = new Project({ "job.ts": program, "input.txt": input });
  const { code, stderr } = await model.shoal(...args);
  if (code !== 0) throw new Error(stderr);
  expected = model.digest("disk/out");
});
afterAll(() => model[Symbol.dispose]());

/** A project in which the job has run before, on other input: its output is what must not be lost. */
async function projectWithOldOutput(): Promise<{ project: Project; old: string }> {
  const project = new Project({ "job.ts": program, "input.txt": "00000 the old input\n" });
  onTestFinished(() => project[Symbol.dispose]());
  const { code, stderr } = await project.shoal(...args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const old = project.digest("disk/out");
  project.write("input.txt", input);
  return { project, old };
}

/** It failed and said why, or it is right. Nothing between. */
function expectHonest({ code, stderr }: Result, output: string, old: string, reason: RegExp): void {
  if (code === 0) {
    expect(output).toBe(expected);
    return;
  }
  expect(stderr).toMatch(/^error (OUTPUT|SCRATCH|JOURNAL|STATE|BUNDLE|ATTEMPTS)_[A-Z]+: /m);
  expect(stderr).toMatch(reason);
  expect(stderr).not.toContain("internal error");
  expect(code).not.toBe(70);
  expect(output).toBe(old);
}

async function expectRightAgain(project: Project): Promise<void> {
  const { code, stderr } = await project.shoal(...args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(project.digest("disk/out")).toBe(expected);
  expect(project.leftovers()).toEqual([]);
}

const diskReason = whyNoSmallDisk === null ? "" : ` (skipped: no small disk here: ${whyNoSmallDisk})`;

describe.skipIf(whyNoSmallDisk !== null)(`a full disk${diskReason}`, () => {
  // reason: mounting needs root
  test("under the output: an error that says so, the old output stays; with room, the same command is right", async () => {
    const { project, old } = await projectWithOldOutput();
    cpSync(project.at("disk"), project.at("kept"), { recursive: true });
    using disk = new SmallDisk(project.at("disk"), "1m");
    cpSync(project.at("kept/out"), project.at("disk/out"), { recursive: true });
    const result = await project.shoal(...args);
    expect(result.code).toBe(4);
    expectHonest(result, project.digest("disk/out"), old, /the disk is full|ENOSPC/);
    disk.resize("64m");
    await expectRightAgain(project);
  });

  test.each(["1m", "200k", "20k"])(
    "of %s under the state directory: an error that says so; with room, the same command is right",
    async (size) => {
      const { project, old } = await projectWithOldOutput();
      using disk = new SmallDisk(project.at("state"), size);
      const result = await project.shoal(...args, "--state", "state");
      expect(result.code).not.toBe(0);
      expectHonest(result, project.digest("disk/out"), old, /the disk is full|ENOSPC/);
      disk.resize("64m");
      const again = await project.shoal(...args, "--state", "state");
      expect({ code: again.code, stderr: again.stderr }).toMatchObject({ code: 0 });
      expect(project.digest("disk/out")).toBe(expected);
    },
  );

  test("under the temporary directory of the system: of no matter", async () => {
    const { project } = await projectWithOldOutput();
    using disk = new SmallDisk(project.at("tmp"), "4k");
    const env = { ...process.env, NO_COLOR: "1", TMPDIR: disk.directory };
    const { code } = await new Running(
      spawn(process.execPath, [cli, ...args], { cwd: project.dir, stdio: ["ignore", "pipe", "pipe"], env }),
    ).ended;
    expect(code).toBe(0);
    expect(project.digest("disk/out")).toBe(expected);
  });
});

const straceReason = whyNoStrace === null ? "" : ` (skipped: strace does not work here: ${whyNoStrace})`;
/** Faults at every place, not at two of each call. */
const isThorough = process.env["SHOAL_THOROUGH"] === "1";

describe.skipIf(whyNoStrace !== null)(`a system call that fails${straceReason}`, () => {
  // reason: strace is not everywhere
  async function runWith(
    fault: string,
    ...more: string[]
  ): Promise<{ project: Project; result: Result; old: string; log: string }> {
    const { project, old } = await projectWithOldOutput();
    const log = project.at("strace.log");
    const child = spawn("strace", [...straceArgs(log, fault), process.execPath, cli, ...args, ...more], {
      // One thread for all asynchronous calls: strace counts by threads.
      cwd: project.dir,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", UV_THREADPOOL_SIZE: "1" },
    });
    return { project, result: await new Running(child).ended, old, log };
  }

  const placesOf = new Map<string, Promise<number[]>>();
  /** 1, 2, 3 … for each time that a thread makes the call; if there are many, some of them. */
  function places(call: string): Promise<number[]> {
    if (!placesOf.has(call)) placesOf.set(call, seekPlaces(call));
    return placesOf.get(call)!;
  }
  async function seekPlaces(call: string): Promise<number[]> {
    const {
      log,
      result: { code, stderr },
    } = await runWith(`${call}:delay_enter=0`);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const most = Math.max(...callsIn(log).perThread.values());
    const all = Array.from({ length: most }, (_, i) => i + 1);
    return isThorough || most <= 2 ? all : [1, Math.ceil(most / 2)];
  }

  test.each([
    ["fdatasync", "EIO"],
    ["fdatasync", "ENOSPC"],
    ["fsync", "EIO"],
    ["rename", "EIO"],
    ["mkdir", "ENOSPC"],
    ["link", "EIO"],
  ])(
    "%s, by %s, here or there: a clear error or recovery, never a wrong output",
    async (call, error) => {
      let struck = 0;
      for (const place of await places(call)) {
        const { project, result, old, log } = await runWith(`${call}:error=${error}:when=${place}`);
        struck += callsIn(log).failed; // The journal syncs as often as there is time to: places may not come again.
        expectHonest(
          result,
          project.digest("disk/out"),
          old,
          new RegExp(`${error}|the disk is full|ENOENT: .* mkdir`),
        );
        await expectRightAgain(project);
      }
      expect(struck).toBeGreaterThan(0);
    },
    300_000,
  );

  test("fdatasync in a slot, once, late in a stage of many files: that file's attempt is done again", async () => {
    const { project, result, log } = await runWith("fdatasync:error=EIO:when=40", "--partitions", "120");
    expect(callsIn(log).failed).toBeGreaterThan(0);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(/tried again: attempt t\d+\.1 failed: cannot finish .*part-\d+: .*EIO/);
    expect(project.list("disk/out").filter((name) => name.startsWith("part-"))).toHaveLength(120);
    expect(project.output("disk/out").split("\n").sort()).toEqual(
      model.output("disk/out").split("\n").sort(),
    );
  });

  test.each(["fdatasync", "fsync"])("a %s that failed is not tried again", async (call) => {
    const { log, result } = await runWith(`${call}:error=EIO`);
    const { perFile, failed } = callsIn(log);
    expect(failed).toBeGreaterThan(0);
    expect([...perFile].filter(([, calls]) => calls > 1)).toEqual([]);
    expect({ code: result.code, stderr: result.stderr }).not.toMatchObject({ code: 0 });
  });
});
