import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newDirectory, oldDirectory, ownerFile, stagingPrefix } from "./output-paths.ts";
import { OutputTransaction, planOutput, stagedPart, type OutputRequest } from "./output.ts";
import { thisProcess } from "./process.ts";

let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "shoal-output-")));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const request = (changes: Partial<OutputRequest> = {}): OutputRequest => ({
  job: "count",
  overwrite: false,
  roots: [],
  directory,
  ...changes,
});

const begin = async (
  run: string,
  changes: Partial<OutputRequest> = {},
  output = "out",
): Promise<OutputTransaction> =>
  await OutputTransaction.begin(await planOutput(output, request(changes)), run);

/** What a slot does. */
function writePart(staging: string, attempt: string, part: number, contents: string): void {
  const file = stagedPart(staging, attempt, part);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, contents);
}

async function produce(
  run: string,
  parts: readonly string[],
  changes: Partial<OutputRequest> = {},
): Promise<OutputTransaction> {
  const transaction = await begin(run, changes);
  for (const [part, contents] of parts.entries())
    writePart(transaction.staging, `t${part}.1`, part, contents);
  await transaction.commit(parts.map((_, part) => ({ attempt: `t${part}.1`, part })));
  return transaction;
}

const contentsOf = (path = join(directory, "out")): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path)
      .filter((name) => name !== ".shoal.json")
      .sort()
      .map((name) => [name, readFileSync(join(path, name), "utf8")]),
  );

const leftovers = (): string[] => readdirSync(directory).filter((name) => name.includes(".shoal-"));

const plan = (output: string, changes: Partial<OutputRequest> = {}): Promise<unknown> =>
  planOutput(output, request(changes));

describe("planOutput refuses", () => {
  it("a file in its place, or on the way there", async () => {
    writeFileSync(join(directory, "file"), "");
    await expect(plan("file")).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("is a file"),
    });
    await expect(plan("file/out")).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    await expect(plan("")).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    await expect(plan("/")).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("root"),
    });
    symlinkSync("nowhere", join(directory, "dangling"));
    await expect(plan("dangling")).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
  });

  it("what is inside the input, and what the input is inside of, by any name", async () => {
    mkdirSync(join(directory, "in/sub"), { recursive: true });
    writeFileSync(join(directory, "in/a.txt"), "");
    symlinkSync("in", join(directory, "link"));
    const roots = [join(directory, "in")];
    for (const output of ["in", "in/new", "in/sub", "link/new", "./x/../in/deep/new"]) {
      await expect(plan(output, { roots }), output).rejects.toMatchObject({
        code: "OUTPUT_INVALID",
        message: expect.stringContaining("inside the input"),
      });
    }
    await expect(plan(".", { roots })).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("holds the input"),
    });
    await expect(
      plan("in", { roots: [join(directory, "link/a.txt")], overwrite: true }),
    ).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    await plan("in-2", { roots });
    await plan("new", { roots: [join(directory, "in/a.txt")] });
    expect(existsSync(join(directory, "in/new"))).toBe(false);
  });

  it("a directory with things in it that are not this job's output, and names some", async () => {
    mkdirSync(join(directory, "out"));
    for (let i = 0; i < 8; i++) writeFileSync(join(directory, `out/f${i}`), "");
    await expect(plan("out")).rejects.toMatchObject({
      code: "OUTPUT_NOT_EMPTY",
      message: expect.stringMatching(/"f0", "f1", "f2", "f3", "f4" and 3 more/),
      hint: expect.stringContaining("--overwrite"),
    });
    await plan("out", { overwrite: true });
    expect(readdirSync(join(directory, "out"))).toHaveLength(8);
  });

  it("another job's output, and its own to which something was added", async () => {
    await produce("r1", ["a"]);
    await plan("out");
    await expect(plan("out", { job: "other" })).rejects.toMatchObject({
      code: "OUTPUT_NOT_EMPTY",
      message: expect.stringContaining('"count"'),
    });
    writeFileSync(join(directory, "out/notes.txt"), "mine");
    await expect(plan("out")).rejects.toMatchObject({
      code: "OUTPUT_NOT_EMPTY",
      message: expect.stringContaining('"notes.txt"'),
    });
  });

  it.each([
    "{}",
    "not json",
    '{"format":2,"job":"count","run":"r","files":["x"]}',
    '{"format":1,"job":"count","run":"r","files":[1]}',
    "null",
  ])("what only looks like an output: %s", async (marker) => {
    mkdirSync(join(directory, "out"));
    writeFileSync(join(directory, "out/.shoal.json"), marker);
    await expect(plan("out")).rejects.toMatchObject({ code: "OUTPUT_NOT_EMPTY" });
  });

  it("to replace the current directory, whatever is said", async () => {
    writeFileSync(join(directory, "precious"), "");
    await expect(plan(".", { overwrite: true })).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
      message: expect.stringContaining("current directory"),
    });
    await expect(plan("..", { overwrite: true })).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
  });

  it("what cannot be written: permissions, a read-only file system, a mount point", async () => {
    mkdirSync(join(directory, "closed"), { mode: 0o555 });
    chmodSync(directory, 0o755);
    const isRoot = process.getuid?.() === 0;
    if (!isRoot)
      await expect(plan("closed/out")).rejects.toMatchObject({
        code: "OUTPUT_INVALID",
        message: expect.stringContaining("permission"),
      });
    // /proc and /sys/kernel are there on every Linux, and nobody makes directories in them
    await expect(plan("/proc/shoal/out")).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    if (!isRoot) return; // mounting is for root
    const disk = join(directory, "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
    try {
      await expect(plan("disk")).rejects.toMatchObject({
        code: "OUTPUT_INVALID",
        message: expect.stringContaining("mounted"),
      });
      await plan("disk/out");
      execFileSync("mount", ["-o", "remount,ro", disk]);
      await expect(plan("disk/out")).rejects.toMatchObject({
        code: "OUTPUT_INVALID",
        message: expect.stringContaining("read-only"),
      });
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

describe("planOutput", () => {
  it("makes missing parents, and nothing else", async () => {
    const { directory: target, hadOutput } = await planOutput("a/b/out", request());
    expect([target, hadOutput]).toEqual([join(directory, "a/b/out"), false]);
    expect(readdirSync(join(directory, "a/b"))).toEqual([]);
  });

  it("follows a link to the directory that will be replaced", async () => {
    mkdirSync(join(directory, "real"));
    symlinkSync("real", join(directory, "out"));
    const transaction = await produce("r1", ["a"]);
    expect(transaction.directory).toBe(join(directory, "real"));
    expect(contentsOf(join(directory, "real"))).toEqual({ "part-00000": "a" });
    expect(contentsOf()).toEqual({ "part-00000": "a" });
  });
});

describe("a transaction", () => {
  it("publishes the winners and nothing else, all at once", async () => {
    const transaction = await begin("r1");
    writePart(transaction.staging, "t0.1", 0, "loser");
    writePart(transaction.staging, "t0.2", 0, "winner 0");
    writePart(transaction.staging, "t1.1", 1, "winner 1");
    writePart(transaction.staging, "t2.1", 2, "never asked for");
    expect(transaction.attemptFile("t0.2", 0)).toBe(stagedPart(transaction.staging, "t0.2", 0));
    await transaction.discard("t0.1");
    expect(existsSync(dirname(transaction.attemptFile("t0.1", 0)))).toBe(false);
    expect(existsSync(join(directory, "out"))).toBe(false);
    expect(transaction.keeps).toContain("nothing was written");
    await transaction.commit(
      [
        { attempt: "t1.1", part: 1 },
        { attempt: "t0.2", part: 0 },
      ],
      { made: "today" },
    );
    expect(contentsOf()).toEqual({ "part-00000": "winner 0", "part-00001": "winner 1" });
    expect(JSON.parse(readFileSync(join(directory, "out/.shoal.json"), "utf8"))).toEqual({
      format: 1,
      job: "count",
      run: "r1",
      files: ["part-00000", "part-00001"],
      made: "today",
    });
    expect(transaction.files).toEqual(["part-00000", "part-00001"]);
    expect(transaction.keeps).toContain("new output");
    expect(leftovers()).toEqual([]);
  });

  it("replaces an empty directory, its own output, and with overwrite anything", async () => {
    mkdirSync(join(directory, "out"));
    await produce("r1", ["one", "two"]);
    await produce("r2", ["three"]);
    expect(contentsOf()).toEqual({ "part-00000": "three" });
    mkdirSync(join(directory, "out/deep/er"), { recursive: true });
    writeFileSync(join(directory, "out/deep/er/file"), "");
    await produce("r3", ["four"], { overwrite: true, job: "other" });
    expect(contentsOf()).toEqual({ "part-00000": "four" });
    expect(leftovers()).toEqual([]);
  });

  it("publishes no files when there are no winners", async () => {
    await produce("r1", []);
    expect(readdirSync(join(directory, "out"))).toEqual([".shoal.json"]);
    await plan("out");
  });

  it("leaves the old output as it was when it is aborted, or when a winner's file is missing", async () => {
    await produce("r1", ["old"]);
    const aborted = await begin("r2");
    writePart(aborted.staging, "t0.1", 0, "new");
    expect(aborted.keeps).toContain("as it was");
    await aborted.abort();
    await aborted.abort();
    const failing = await begin("r3");
    writePart(failing.staging, "t0.1", 0, "new");
    await expect(
      failing.commit([
        { attempt: "t0.1", part: 0 },
        { attempt: "t1.1", part: 1 },
      ]),
    ).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
    expect(failing.files).toEqual([]);
    await failing.abort();
    expect(contentsOf()).toEqual({ "part-00000": "old" });
    expect(leftovers()).toEqual([]);
  });

  it("refuses two winners for one part", async () => {
    const transaction = await begin("r1");
    await expect(
      transaction.commit([
        { attempt: "t0.1", part: 0 },
        { attempt: "t0.2", part: 0 },
      ]),
    ).rejects.toMatchObject({ code: "INTERNAL" });
    await transaction.abort();
  });

  it("does not replace what was put there while the job ran", async () => {
    const transaction = await begin("r1");
    writePart(transaction.staging, "t0.1", 0, "new");
    mkdirSync(join(directory, "out"));
    writeFileSync(join(directory, "out/mine"), "precious");
    await expect(transaction.commit([{ attempt: "t0.1", part: 0 }])).rejects.toMatchObject({
      code: "OUTPUT_NOT_EMPTY",
    });
    await transaction.abort();
    expect(contentsOf()).toEqual({ mine: "precious" });
    expect(leftovers()).toEqual([]);
  });

  it("puts the old output back when the new one cannot take its place", async () => {
    await produce("r1", ["old"]);
    const transaction = await begin("r2");
    writePart(transaction.staging, "t0.1", 0, "new");
    await transaction.assemble([{ attempt: "t0.1", part: 0 }], {});
    await transaction.moveOldAside();
    expect(existsSync(join(directory, "out"))).toBe(false);
    rmSync(newDirectory(transaction.staging), { recursive: true });
    await expect(transaction.moveNewIn()).rejects.toThrow("ENOENT");
    expect(contentsOf()).toEqual({ "part-00000": "old" });
    await transaction.abort();
    expect(leftovers()).toEqual([]);
  });

  it("keeps the old output in staging, for ever, when something else has taken its place between the renames", async () => {
    await produce("r1", ["old"]);
    const transaction = await begin("r2");
    await transaction.assemble([], {});
    await transaction.moveOldAside();
    mkdirSync(join(directory, "out"));
    writeFileSync(join(directory, "out/mine"), "precious");
    await expect(transaction.moveNewIn()).rejects.toThrow();
    await transaction.abort();
    expect(contentsOf()).toEqual({ mine: "precious" });
    expect(contentsOf(oldDirectory(transaction.staging))).toEqual({ "part-00000": "old" });
  });
});

describe("two runs with one output", () => {
  it("the second is refused while the first lives", async () => {
    const first = await begin("r1");
    await expect(plan("out")).rejects.toMatchObject({
      code: "OUTPUT_BUSY",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await first.abort();
    await plan("out");
  });

  it("of two that planned at the same time, not both begin", async () => {
    const plans = await Promise.all([planOutput("out", request()), planOutput("out", request())]);
    const begun = await Promise.allSettled(plans.map((each, i) => OutputTransaction.begin(each, `r${i}`)));
    const winners = begun.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(winners.length).toBeLessThan(2);
    for (const outcome of begun)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "OUTPUT_BUSY" });
    for (const winner of winners) await winner.abort();
    expect(leftovers()).toEqual([]);
  });
});

/** A process that is certainly gone, and had this identity. */
function deadOwner(): string {
  const { pid } = spawnSync("true");
  return JSON.stringify({ ...thisProcess(), pid, started: "1" });
}

describe("what crashed runs left", () => {
  const staging = (run: string): string => join(directory, `${stagingPrefix("out")}${run}`);

  it("is swept, whatever was in it", async () => {
    mkdirSync(join(staging("r1"), "attempts/t0.1"), { recursive: true });
    writeFileSync(join(staging("r1"), ownerFile), deadOwner());
    writeFileSync(join(staging("r1"), "attempts/t0.1/part-00000"), "half");
    mkdirSync(staging("r2")); // died before it wrote its name
    await plan("out");
    expect(leftovers()).toEqual([]);
  });

  it("is left alone when it is not certain to be ours, or of another output or machine", async () => {
    mkdirSync(staging("strange"));
    writeFileSync(join(staging("strange"), "file"), "someone's");
    mkdirSync(staging("damaged"));
    writeFileSync(join(staging("damaged"), ownerFile), "{");
    mkdirSync(staging("far"));
    writeFileSync(
      join(staging("far"), ownerFile),
      JSON.stringify({ ...thisProcess(), host: "elsewhere.invalid" }),
    );
    mkdirSync(join(directory, ".out2.shoal-r1"));
    writeFileSync(join(directory, ".out2.shoal-r1", ownerFile), deadOwner());
    const before = leftovers();
    await plan("out");
    expect(leftovers()).toEqual(before);
    await plan("out2");
    expect(leftovers()).toEqual(before.filter((name) => !name.startsWith(".out2")));
  });

  it("belongs to the living when a pid is in use again by the same process, and to the dead when by another", async () => {
    mkdirSync(staging("r1"));
    writeFileSync(join(staging("r1"), ownerFile), JSON.stringify({ ...thisProcess(), started: "1" }));
    await plan("out");
    expect(leftovers()).toEqual([]);
    mkdirSync(staging("r1"));
    writeFileSync(
      join(staging("r1"), ownerFile),
      JSON.stringify({ ...thisProcess(), boot: "an earlier one" }),
    );
    await plan("out");
    expect(leftovers()).toEqual([]);
  });
});

describe("the same run goes on", () => {
  const part = (attempt: string, n: number, bytes: number) => ({ attempt, part: n, bytes });
  const goOn = async (run: string): Promise<OutputTransaction> => await begin(run, { continues: run });

  it("with the parts that are there, whole, after it had let go of them in this very process", async () => {
    const first = await begin("r1");
    writePart(first.staging, "t0.1", 0, "one");
    writePart(first.staging, "t1.2", 1, "two");
    writePart(first.staging, "t2.1", 2, "half");
    writePart(first.staging, "t9.1", 3, "never finished");
    await first.suspend();
    const second = await goOn("r1");
    const kept = await second.keep(
      [part("t0.1", 0, 3), part("t1.2", 1, 3), part("t2.1", 2, 99), part("t4.1", 4, 1)],
      5,
    );
    expect([...kept]).toEqual(["t0.1", "t1.2"]);
    expect(readdirSync(join(second.staging, "attempts")).sort()).toEqual(["t0.1", "t1.2"]);
    writePart(second.staging, "t2.2", 2, "three");
    await second.commit([
      { attempt: "t0.1", part: 0 },
      { attempt: "t1.2", part: 1 },
      { attempt: "t2.2", part: 2 },
    ]);
    expect(Object.values(contentsOf())).toEqual(["one", "two", "three"]);
    expect(leftovers()).toEqual([]);
  });

  it("after a commit that was cut short while it assembled: what was moved is moved back", async () => {
    const first = await begin("r1");
    writePart(first.staging, "t0.1", 0, "one");
    writePart(first.staging, "t1.1", 1, "two");
    await first.assemble(
      [
        { attempt: "t0.1", part: 0 },
        { attempt: "t1.1", part: 1 },
      ],
      {},
    );
    await first.suspend();
    const second = await goOn("r1");
    expect((await second.keep([part("t0.1", 0, 3), part("t1.1", 1, 3)], 2)).size).toBe(2);
    await second.commit([
      { attempt: "t0.1", part: 0 },
      { attempt: "t1.1", part: 1 },
    ]);
    expect(Object.values(contentsOf())).toEqual(["one", "two"]);
    expect(leftovers()).toEqual([]);
  });

  it("with the output it has published: nothing is left to do, and nothing is done", async () => {
    await produce("r1", ["one", "two"]);
    const before = readFileSync(join(directory, "out/.shoal.json"), "utf8");
    const second = await goOn("r1");
    expect((await second.keep([part("t0.1", 0, 3), part("t1.1", 1, 3)], 2)).size).toBe(2);
    expect(second.files).toEqual(["part-00000", "part-00001"]);
    await second.commit([
      { attempt: "t0.1", part: 0 },
      { attempt: "t1.1", part: 1 },
    ]);
    expect(readFileSync(join(directory, "out/.shoal.json"), "utf8")).toBe(before);
    expect(leftovers()).toEqual([]);
  });

  it("but not with a published output that was changed since, nor with that of another run", async () => {
    await produce("r1", ["one", "two"]);
    writeFileSync(join(directory, "out/part-00001"), "changed");
    const second = await goOn("r1");
    expect((await second.keep([part("t0.1", 0, 3), part("t1.1", 1, 3)], 2)).size).toBe(0);
    await second.suspend();
    await produce("r2", ["one", "two"]);
    const third = await goOn("r1");
    expect((await third.keep([part("t0.1", 0, 3), part("t1.1", 1, 3)], 2)).size).toBe(0);
    await third.abort();
  });

  it("not if something else has taken the place of the old output that it had put aside", async () => {
    await produce("r0", ["old"]);
    const first = await begin("r1");
    writePart(first.staging, "t0.1", 0, "one");
    await first.assemble([{ attempt: "t0.1", part: 0 }], {});
    await first.moveOldAside();
    await first.suspend();
    mkdirSync(join(directory, "out"));
    writeFileSync(join(directory, "out/precious"), "mine");
    await expect(goOn("r1")).rejects.toMatchObject({
      code: "OUTPUT_NOT_EMPTY",
      message: expect.stringContaining("put the old output aside"),
    });
    expect(contentsOf(join(first.staging, "old"))).toEqual({ "part-00000": "old" });
    rmSync(join(directory, "out"), { recursive: true });
    const second = await goOn("r1");
    expect(contentsOf()).toEqual({ "part-00000": "old" });
    await second.abort();
  });

  it("as another run takes parts over, under other names", async () => {
    const first = await begin("r1");
    writePart(first.staging, "t0.1", 0, "one");
    writePart(first.staging, "t1.1", 1, "two");
    await first.suspend();
    const second = await begin("r2", { continues: "r1" });
    const taken = await second.takeFrom("r1", [
      { from: part("t1.1", 1, 3), attempt: "t0.1", part: 0 },
      { from: part("t0.1", 0, 99), attempt: "t1.1", part: 1 },
    ]);
    expect([...taken]).toEqual(["t0.1"]);
    expect(readFileSync(second.attemptFile("t0.1", 0), "utf8")).toBe("two");
    expect(existsSync(first.staging)).toBe(false);
    await second.abort();
    expect(leftovers()).toEqual([]);
  });
});

describe("kill -9", () => {
  const steps = ["begin", "write", "assemble", "moveOldAside", "renameNewIn", "done"] as const;

  /** Runs the transaction in a process of its own, which kills itself after `step`. */
  async function killedAfter(step: string): Promise<void> {
    const script = `
      import { mkdirSync, renameSync, writeFileSync } from "node:fs";
      import { dirname } from "node:path";
      const { OutputTransaction, planOutput } = await import(${JSON.stringify(bundle)});
      const after = (name) => { if (name === ${JSON.stringify(step)}) process.kill(process.pid, "SIGKILL"); };
      const plan = await planOutput("out", {
        job: "count", overwrite: false, roots: [], directory: ${JSON.stringify(directory)},
      });
      const transaction = await OutputTransaction.begin(plan, "r" + process.pid);
      after("begin");
      const file = transaction.attemptFile("t0.1", 0);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "new");
      after("write");
      await transaction.assemble([{ attempt: "t0.1", part: 0 }], {});
      after("assemble");
      await transaction.moveOldAside();
      after("moveOldAside");
      if (${JSON.stringify(step)} === "renameNewIn") renameSync(transaction.staging + "/new", transaction.directory);
      after("renameNewIn");
      await transaction.moveNewIn();
      after("done");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const signal = await new Promise((resolve) => child.once("exit", (_code, by) => resolve(by)));
    expect(signal).toBe("SIGKILL");
  }

  let bundle: string;

  beforeEach(async () => {
    const { build } = await import("esbuild");
    bundle = join(directory, "store.mjs");
    await build({
      entryPoints: [join(import.meta.dirname, "output.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: bundle,
      logLevel: "silent",
    });
  });

  it.each(steps)(
    "after %s leaves the old output or the new one, and the next run cleans up",
    async (step) => {
      for (const hadOutput of [true, false]) {
        rmSync(join(directory, "out"), { recursive: true, force: true });
        if (hadOutput) await produce("r1", ["old"]);
        await killedAfter(step);
        const { hadOutput: found } = await planOutput("out", request());
        const isNew = step === "renameNewIn" || step === "done";
        expect(found).toBe(hadOutput || isNew);
        if (found) expect(contentsOf()).toEqual({ "part-00000": isNew ? "new" : "old" });
        expect(leftovers()).toEqual([]);
        await produce("r2", ["newer"]);
        expect(contentsOf()).toEqual({ "part-00000": "newer" });
      }
      expect(basename(bundle)).toBe("store.mjs");
    },
  );
});
