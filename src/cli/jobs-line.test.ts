// The lines of the commands that ask about jobs. What they answer about real jobs is in test/e2e/why.test.ts.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobInfo } from "./api.ts";
import { jobLines } from "./jobs.ts";
import { wrap } from "./jobs-line.ts";
import { noPaint } from "./paint.ts";
import type { Surroundings } from "./run.ts";
import { shoal } from "./shoal.ts";
import { painted } from "./why.ts";

let empty = "";
beforeAll(() => {
  empty = mkdtempSync(path.join(os.tmpdir(), "shoal-jobs-"));
});
afterAll(() => rmSync(empty, { recursive: true, force: true }));

async function say(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const stdout = new PassThrough();
  stdout.on("data", (data: Buffer) => (out += data.toString()));
  const around = {
    stdout,
    stderr: {
      write: (text: string) => {
        err += text;
      },
    },
    env: {},
    signals: {},
    loadApi: () => {
      throw new Error("no job is run here");
    },
  };
  const code = await shoal(argv, around as unknown as Surroundings);
  return { code, out, err };
}

const commands = ["jobs", "why", "events", "report", "what-if"];

describe.each(commands)("shoal %s", (name) => {
  it("has help, which is listed", async () => {
    const { code, out } = await say(name, "--help");
    expect(code).toBe(0);
    expect(out).toContain(`Usage: shoal ${name}`);
    expect(out).toContain("--json");
    expect((await say("--help")).out).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  it("has all its options in docs/cli.md", async () => {
    const docs = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
    const section = docs.slice(docs.indexOf("## Asking about jobs"));
    const options = [...(await say(name, "--help")).out.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    expect(options.length).toBeGreaterThan(2);
    for (const option of options) expect(section).toContain(option);
  });

  it("refuses unknown options, with the nearest", async () => {
    const { code, err } = await say(name, "--jsn");
    expect(code).toBe(2);
    expect(err).toContain('unknown option "--jsn"; did you mean --json?');
  });

  it("refuses an option without its value", async () => {
    expect((await say(name, "--state")).err).toContain("--state needs a value");
    expect((await say(name, "--state", "--json")).err).toContain("--state needs a value");
  });

  it("refuses more arguments than it takes", async () => {
    const { code, err } = await say(name, "a", "b");
    expect(code).toBe(2);
    expect(err).toMatch(/takes (one job at most|no argument), received "a", "b"/);
  });
});

describe("an empty state directory", () => {
  it("has no jobs, and says so", async () => {
    expect(await say("jobs", "--state", empty)).toEqual({
      code: 0,
      out: "No jobs yet: shoal run <job.ts> runs one.\n",
      err: "",
    });
    expect(JSON.parse((await say("jobs", "--state", empty, "--json")).out)).toEqual({
      format: 1,
      ok: true,
      exitCode: 0,
      jobs: [],
    });
  });

  it.each(commands.slice(1))("is an error for %s, in JSON too", async (name) => {
    const { code, out, err } = await say(name, "--state", empty, "--json");
    expect(code).toBe(2);
    expect(err).toContain(`no job is known in ${empty}`);
    expect(JSON.parse(out)).toMatchObject({
      format: 1,
      ok: false,
      exitCode: 2,
      error: { code: "RUN_UNKNOWN" },
    });
  });
});

describe("shoal what-if", () => {
  it.each(["0", "x", "4,,5", "4;5", "100001", "-1", "1.5", Array(40).fill("1").join(",")])(
    "refuses --slots %s",
    async (slots) => {
      const { code, err } = await say("what-if", `--slots=${slots}`, "--state", empty);
      expect(code).toBe(2);
      expect(err).toContain("--slots must be up to 32 whole numbers");
    },
  );
});

describe("the table of jobs", () => {
  const info = (some: Partial<JobInfo>): JobInfo => ({
    run: "j1",
    job: "words",
    file: "words.ts",
    parameters: {},
    output: null,
    state: "succeeded",
    startedAt: 1_000_000,
    endedAt: 1_003_200,
    tasks: 16,
    finishedTasks: 16,
    incarnation: 1,
    pid: 1,
    ...some,
  });

  it("aligns, and shows what is known", () => {
    const lines = jobLines(
      [
        info({ state: "running", run: "j2", endedAt: null, finishedTasks: 3 }),
        info({}),
        info({
          run: "j0",
          state: "cut-off",
          job: "a\u001b[31mname",
          endedAt: null,
          finishedTasks: null,
          incarnation: 3,
        }),
      ],
      noPaint,
      1_061_000,
    );
    expect(lines[1]).toMatch(
      /^j2 {3}words {8}running {4}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}1 m 01 s {2}3\/16 tasks$/,
    );
    expect(lines[2]).toMatch(/succeeded .* 3\.20 s {2}16\/16 tasks$/);
    expect(lines[3]).toMatch(/^j0 {3}a\\e\[31mname {2}cut-off .* 16 tasks {5}continued 2 times$/);
  });
});

describe("text for a terminal", () => {
  it("is folded at spaces, as indented as it began", () => {
    expect(wrap("  one two three four", 12)).toEqual(["  one two", "  three four"]);
    expect(wrap("unbreakable-and-long", 5)).toEqual(["unbreakable-and-long"]);
    expect(wrap("as it is", Infinity)).toEqual(["as it is"]);
  });

  it("never obeys what is in data", () => {
    expect(painted(["t0 \u001b[2J said", "", "WORKING", "  x\u0007"], noPaint, 100)).toEqual([
      "t0 \\e[2J said",
      "",
      "WORKING",
      "  x\\x07",
    ]);
  });
});
