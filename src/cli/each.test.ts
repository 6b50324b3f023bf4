import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { isShoalError } from "../errors.ts";
import type { EachOutput, EachProgress } from "./api.ts";
import { checkLine, parseEachLine } from "./each-line.ts";
import { delimiterOf, engineOptions } from "./each-options.ts";
import { jsonResult, tagged } from "./each-print.ts";
import { eachProgressLine, EachView } from "./each-progress.ts";
import { each } from "./each.ts";
import { noPaint } from "./paint.ts";
import type { Surroundings } from "./run.ts";

describe("the line", () => {
  const parsed = (...args: string[]): unknown => {
    const { values, command, sources } = parseEachLine(args);
    return [values, command.join(" "), sources];
  };

  test("has options, the command, and arguments; the command's own options are its own", () => {
    expect(parsed("-j4", "--keep-order", "grep", "-c", "--", "x", "-k", ":::", "-a", "--b")).toEqual([
      { jobs: "4", keepOrder: true },
      "grep -c -- x -k",
      [{ values: ["-a", "--b"], isLinked: false }],
    ]);
  });

  test("takes options as GNU parallel does: bundled, with = or a space, abbreviated, under other names", () => {
    expect(parsed("-kj", "4", "--jl", "a", "--retries=3", "--timeout", "-1", "echo")).toEqual([
      { keepOrder: true, jobs: "4", joblog: "a", retries: "3", timeout: "-1" },
      "echo",
      [],
    ]);
    expect(parsed("-kj4", "-P", "+2", "--max-procs=50%", "-N2", "--keep", "-0", "--", "-x")).toEqual([
      { keepOrder: true, jobs: "50%", maxArgs: "2", null: true },
      "-x",
      [],
    ]);
  });

  test("has sources of four kinds, and files before them", () => {
    expect(
      parsed("-a", "f", "-a", "-", "c", ":::", "1", "2", ":::+", "3", "::::", "g", "-", "::::+", "h", ":::"),
    ).toEqual([
      {},
      "c",
      [
        { file: "f", isLinked: false },
        { stdin: true, isLinked: false },
        { values: ["1", "2"], isLinked: false },
        { values: ["3"], isLinked: true },
        { file: "g", isLinked: false },
        { stdin: true, isLinked: false },
        { file: "h", isLinked: true },
        { values: [], isLinked: false },
      ],
    ]);
  });

  test("may lack the command: the arguments are commands", () => {
    expect(parsed("-k", ":::", "echo a")).toEqual([
      { keepOrder: true },
      "",
      [{ values: ["echo a"], isLinked: false }],
    ]);
  });

  test.each([
    [["--re", "x"], "unknown option"], // of three options the beginning
    [["-z", "x"], 'unknown option "-z"'],
    [["-kz", "x"], 'unknown option "-z"'],
    [["--null", "-d", ","], "--null and --delimiter are both given"],
    [["--json", "--tag", "x"], "--json and --tag are both given"],
  ])("%j is refused", (args, message) => {
    expect(() => checkLine(parseEachLine(args))).toThrow(
      expect.toSatisfy((error) => isShoalError(error, "BAD_OPTION") && error.message.includes(message)),
    );
  });

  test("values become the engine's options", () => {
    expect(
      engineOptions({
        jobs: "-1",
        timeout: "1.5",
        delay: "250ms",
        retries: "0",
        joblog: "+l",
        keepOrder: true,
      }),
    ).toEqual({
      jobs: "-1",
      timeoutMs: 1500,
      delayMs: 250,
      retries: 0,
      joblog: "l",
      joblogAppend: true,
      keepOrder: true,
      resume: false,
      retryFailed: false,
      dryRun: false,
    });
    expect(engineOptions({ timeout: "300%" })).toMatchObject({ timeoutPercent: 300 });
    expect(engineOptions({ resumeFailed: true })).toMatchObject({ resume: "failed" });
    expect([
      delimiterOf({}),
      delimiterOf({ null: true }),
      delimiterOf({ delimiter: "\\t" }),
      delimiterOf({ delimiter: "," }),
    ]).toEqual(["\n", "\0", "\t", ","]);
    expect(() => delimiterOf({ delimiter: "é" })).toThrow(/--delimiter must be one ASCII character/);
  });
});

describe("mistakes", () => {
  async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const signals = { on: () => {}, off: () => {}, exit: () => {} };
    const loadApi = (): never => {
      throw new Error("not used");
    };
    const around: Surroundings = {
      stdout,
      stderr: stderr as never,
      env: { NO_COLOR: "1" },
      signals,
      loadApi,
    };
    const code = await each(args, around);
    stdout.end();
    stderr.end();
    return { code, stdout: await text(stdout), stderr: await text(stderr) };
  }

  test.each([
    [["--colsep", ",", "echo"], "GNU parallel's --colsep is not an option of shoal each"],
    [
      ["-j", "x", "echo", ":::", "1"],
      '--jobs must be a number from 0 to 65536, or +N, -N or N% of the cores; received "x"',
    ],
    [["--timeout", "soon", "echo", ":::", "1"], "--timeout must be a time such as 10 (seconds)"],
    [["--timeout", "0.5%", "echo", ":::", "1"], '--timeout must be at least 1%; received "0.5%"'],
    [["--retries", "-1", "echo", ":::", "1"], '--retries must be a whole number, at least 0; received "-1"'],
    [["-n0", "echo", ":::", "1"], '--max-args must be a whole number, at least 1; received "0"'],
    [["--halt", "now", "echo", ":::", "1"], "--halt must be never, or now or soon"],
    [["--resume", "echo", ":::", "1"], "--resume needs a joblog, and none is named"],
    [["--retry-failed"], "--retry-failed needs a joblog, and none is named"],
    [["--joblog"], "--joblog needs a value, and nothing follows it"],
    [["--bar=1", "echo"], '--bar takes no value; received "--bar=1"'],
    [
      ["--resume", "--retry-failed", "--joblog", "log"],
      "--resume and --retry-failed are both given; one can hold",
    ],
    [["--joblog", "no/log", "--retry-failed"], "there is no joblog"],
    [["--joblog", ".", "echo", ":::", "1"], "cannot be written"],
    [["echo", "::::", "none"], "none does not exist"],
    [["echo", "::::"], "no file follows ::::"],
    [["echo", "::::", "-", "-"], "standard input is named twice"],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([255, ""]);
  });

  test("are told in JSON, too, but not for a --json that is the command's own", async () => {
    const told = await run("--json", "-j", "x", "echo", ":::", "1");
    expect(JSON.parse(told.stdout)).toMatchObject({
      type: "error",
      format: 1,
      ok: false,
      exitCode: 255,
      error: { code: "BAD_OPTION", details: { option: "--jobs" } },
    });
    expect((await run("-j", "x", "echo", ":::", "--json")).stdout).toBe("");
  });

  test("--help tells of every option and the exit status", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    for (const word of [
      "--joblog <file>",
      "--retry-failed",
      "--halt <rule>",
      "Exit status:",
      "255",
      "PARALLEL_SEQ",
    ])
      expect(stdout).toContain(word);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  });
});

/** An output that comes in the given chunks. */
const output = (...chunks: (string | Uint8Array)[]): EachOutput => {
  const buffers = chunks.map((chunk) => Buffer.from(chunk as string));
  return {
    bytes: buffers.reduce((sum, { length }) => sum + length, 0),
    text: () => Buffer.concat(buffers).toString(),
    chunks: async function* () {
      yield* buffers;
    },
  };
};

async function joined(chunks: AsyncIterable<string | Uint8Array>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk as string));
  return Buffer.concat(parts).toString();
}

describe("what is printed", () => {
  test("a tag comes before each line, also of lines that come in pieces", async () => {
    expect(await joined(tagged(output("a", "b\n", "\nc", "\n").chunks(), "T "))).toBe("T ab\nT \nT c\n");
    expect(await joined(tagged(output("a\nb").chunks(), "T "))).toBe("T a\nT b");
    expect(await joined(tagged(output().chunks(), "T "))).toBe("");
  });

  test("JSON carries any output: text as text, and what is no UTF-8 as base64, also cut in a character", async () => {
    const member = async (stdout: EachOutput): Promise<unknown> => {
      const result = { seq: 1, args: ["\udce9"], command: "x", stdout, stderr: output('\u001b\u2028"') };
      const line = await joined(jsonResult(result as never));
      for (const unsafe of ["\u2028", "\u001b"]) expect(line).not.toContain(unsafe);
      const parsed = JSON.parse(line) as Record<string, unknown>;
      expect(parsed).toMatchObject({ type: "job", seq: 1, args: ["\udce9"], stderr: '\u001b\u2028"' });
      return parsed["stdout"] ?? parsed["stdoutBase64"];
    };
    const emoji = Buffer.from("\ufeffa💀é\n");
    expect(await member(output(emoji))).toBe("\ufeffa💀é\n");
    expect(await member(output(emoji.subarray(0, 6), emoji.subarray(6, 7), emoji.subarray(7)))).toBe(
      "\ufeffa💀é\n",
    );
    const cut = [emoji.subarray(0, 2), emoji.subarray(2, 6)];
    expect(await member(output(...cut))).toBe(Buffer.concat(cut).toString("base64"));
    expect(await member(output(Buffer.from([0xff])))).toBe("/w==");
    expect(await member(output())).toBe("");
  });
});

describe("progress", () => {
  const progress: EachProgress = {
    succeeded: 3,
    failed: 1,
    running: 2,
    total: 10,
    skipped: 5,
    elapsedMs: 6000,
    etaMs: 2500,
  };
  const line = (changes: Partial<EachProgress>, width = Infinity, bar = false): string =>
    eachProgressLine({ ...progress, ...changes }, { width, bar, paint: noPaint });

  test("says how far it is, and what is known of the rest", () => {
    expect(line({})).toBe("40 %  4/10 jobs  1 failed  ~3 s left  2 running  5 done before");
    expect(line({}, Infinity, true)).toMatch(/^█{9}░{15} {2}40 %/);
    expect(line({ total: null, etaMs: null, failed: 0, skipped: 0 })).toBe("3 jobs  2 running");
    expect(line({ succeeded: 9, running: 0, skipped: 0 })).toBe("100 %  10/10 jobs  1 failed");
    expect(line({ total: 0, succeeded: 0, failed: 0, running: 0, skipped: 0, etaMs: null })).toBe(
      "100 %  0/0 jobs",
    );
  });

  test("fits its width", () => {
    for (let width = 5; width < 80; width++)
      expect([...line({}, width, true)].length).toBeLessThanOrEqual(width);
  });

  test("is taken away while others print, and drawn again", () => {
    const drawn: string[] = [];
    const live = Object.assign((it: string) => void drawn.push(it), {
      clear: () => void drawn.push("clear"),
      done: () => void drawn.push("done"),
    });
    const screen = { write: (it: string) => drawn.push(it), isTTY: true, columns: 80 };
    const view = new EachView({
      screen,
      paint: noPaint,
      bar: false,
      eta: true,
      loadLiveLine: async () => live,
    });
    return view.open().then(() => {
      view.progress(progress);
      view.hide();
      view.progress({ ...progress, succeeded: 4, elapsedMs: 9000 });
      view.show();
      view.note("so");
      view.close();
      expect(drawn.map((it) => it.slice(0, 6))).toEqual([
        "40 %  ",
        "clear",
        "50 %  ",
        "clear",
        "note: ",
        "50 %  ",
        "50 %  ",
        "done",
      ]);
    });
  });
});
