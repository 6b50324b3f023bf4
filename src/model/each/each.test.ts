import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isRunning, until } from "../../../test/kit/processes.ts";
import { isShoalError } from "../../errors.ts";
import { each, type EachInput } from "./each.ts";
import type { EachOptions, EachProgress } from "./options.ts";
import type { EachResult } from "./result.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-each-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => path.join(directory, name);

interface Told extends Omit<EachResult, "stdout" | "stderr"> {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs to the end, with the outputs as text. */
async function all(
  command: string | readonly string[],
  inputs: Iterable<EachInput> | AsyncIterable<EachInput>,
  options: EachOptions = {},
): Promise<Told[]> {
  const results: Told[] = [];
  for await (const result of each(command, inputs, options))
    results.push({ ...result, stdout: result.stdout.text(), stderr: result.stderr.text() });
  return results;
}

describe("a result", () => {
  test("says what ran and how it ended", async () => {
    const [first, second] = await all("echo {}; echo oops >&2; exit {#}", ["a b", "c"], { jobs: 1 });
    expect(first).toMatchObject({
      seq: 1,
      args: ["a b"],
      command: "echo 'a b'; echo oops >&2; exit 1",
      ok: false,
      exitCode: 1,
      signal: null,
      isTimedOut: false,
      refusal: null,
      attempts: 1,
      slot: 1,
      stdout: "a b\n",
      stderr: "oops\n",
    });
    expect(first!.runtimeMs).toBeGreaterThan(0);
    expect(Math.abs(first!.startedAt - Date.now())).toBeLessThan(60_000);
    expect(second).toMatchObject({ seq: 2, exitCode: 2 });
  });

  test("of a job that a signal ended", async () => {
    const [result] = await all("kill -9 $$", ["x"]);
    expect(result).toMatchObject({ ok: false, exitCode: null, signal: "SIGKILL" });
  });

  test("of a job that cannot be started", async () => {
    const [long] = await all("echo", ["x".repeat(3_000_000)]);
    expect(long).toMatchObject({ ok: false, exitCode: 126, signal: null });
    expect(long!.refusal).toContain("E2BIG");
    const [shell] = await all("echo", ["x"], { shell: at("no-shell") });
    expect(shell!.refusal).toContain("ENOENT");
  });

  test("can be read in chunks, of any size, until the next is asked for", async () => {
    const run = each("head -c 3000000 /dev/zero; echo {}", ["a", "b"], { keepOrder: true });
    const earlier: EachResult[] = [];
    for await (const result of run) {
      let bytes = 0;
      for await (const chunk of result.stdout.chunks()) bytes += chunk.length;
      expect([result.stdout.bytes, bytes]).toEqual([3_000_002, 3_000_002]);
      earlier.push(result);
    }
    expect(() => earlier[0]!.stdout.text()).toThrow(
      expect.toSatisfy((error) => isShoalError(error, "CLOSED")),
    );
  });
});

test("jobs see their number, their slot, their directory and their environment", async () => {
  const [result] = await all('echo "$PARALLEL_SEQ $PARALLEL_JOBSLOT $(pwd) $COLOUR"', [[]], {
    directory,
    env: { ...process.env, COLOUR: "blue" },
  });
  expect(result!.stdout).toBe(`1 1 ${directory} blue \n`.replace(" \n", "\n"));
});

test("words are one command, and an input may be several arguments", async () => {
  const [result] = await all(["printf", "%s|", "$HOME", "{2}", "{1}"], [["a b", "c'd"]]);
  expect(result!.stdout).toBe("$HOME|c'd|a b|");
});

test("inputs are pulled as jobs end, and results that nobody takes hold back new jobs", async () => {
  let pulled = 0;
  let hasReturned = false;
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) yield String(++pulled);
    } finally {
      hasReturned = true;
    }
  }
  const seqs: number[] = [];
  for await (const { seq } of each("true", endless(), { jobs: 2 })) {
    seqs.push(seq);
    if (seqs.length === 10) break;
  }
  expect(seqs).toHaveLength(10);
  expect(pulled).toBeLessThan(1100);
  await until("the inputs are let go", () => hasReturned);
});

test("leaving the loop kills what runs", async () => {
  const pidFile = at("pid");
  for await (const result of each(
    "if [ {} = 2 ]; then echo $$ > pid; sleep 100; fi; until [ -s pid ]; do sleep 0.01; done",
    ["1", "2"],
    {
      jobs: 2,
      directory,
    },
  )) {
    expect(result.seq).toBe(1);
    break;
  }
  expect(isRunning(Number(readFileSync(pidFile, "utf8")))).toBe(false);
});

describe("errors", () => {
  test("of options come at once", () => {
    expect(() => each("true", [], { jobs: "many" })).toThrow(/jobs must be/);
    expect(() => each("true", "abc" as never)).toThrow(/inputs must be a list/);
  });

  test("of inputs come after the jobs that were read before", async () => {
    const seen: number[] = [];
    const run = each(
      "true",
      (function* () {
        yield "a";
        throw new Error("no more");
      })(),
    );
    await expect(
      (async () => {
        for await (const { seq } of run) seen.push(seq);
      })(),
    ).rejects.toThrow("no more");
    expect(seen).toEqual([1]);
  });

  test.each([
    ["a number", [1], /input 1 must be a string or an array of strings; received number/],
    ["a NUL", ["a\0"], /input 1 holds a NUL/],
  ])("inputs that are %s are refused", async (_what, inputs, message) => {
    await expect(all("true", inputs as string[])).rejects.toThrow(message);
  });

  test("what a callback throws ends the run", async () => {
    const onProgress = (): void => {
      throw new Error("mine");
    };
    await expect(all("true", ["a", "b"], { onProgress })).rejects.toThrow("mine");
  });

  test("a run is iterated once", async () => {
    const run = each("true", []);
    for await (const _ of run);
    await expect(
      (async () => {
        for await (const _ of run);
      })(),
    ).rejects.toThrow(/iterated twice/);
  });

  test("a signal that is raised ends the run with CANCELLED, and what runs with it", async () => {
    const controller = new AbortController();
    const run = each("echo $$; exec sleep 100", ["x"], {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(
      (async () => {
        for await (const _ of run);
      })(),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    expect(run.summary).toMatchObject({ interrupted: 1, isCancelled: true, succeeded: 0, failed: 0 });
  });
});

test("a run that drains starts nothing more, and gives what runs", async () => {
  const run = each(
    "echo {}",
    (function* () {
      for (let i = 1; ; i++) yield String(i);
    })(),
    { jobs: 1 },
  );
  const seqs: number[] = [];
  for await (const { seq } of run) {
    seqs.push(seq);
    run.drain();
  }
  expect(seqs.length).toBeLessThanOrEqual(3);
  expect(run.summary).toMatchObject({ isCancelled: false, interrupted: 0 });
});

test("progress counts jobs, and knows how many there are", async () => {
  const told: EachProgress[] = [];
  await all("exit {}", ["0", "1", "0"], { jobs: 1, onProgress: (progress) => told.push(progress) });
  expect(told.every(({ total }) => total === 3)).toBe(true);
  expect(new Set(told.map(({ succeeded, failed }) => succeeded + failed))).toEqual(new Set([0, 1, 2, 3]));
  expect(told.at(-1)).toMatchObject({ succeeded: 2, failed: 1, running: 0, etaMs: 0 });
});

test("the summary counts, and has GNU parallel's exit status", async () => {
  const run = each("exit {}", ["0", "1", "2"]);
  for await (const _ of run);
  expect(run.summary).toMatchObject({ succeeded: 1, failed: 2, skipped: 0, interrupted: 0, exitStatus: 2 });
});

describe("a joblog", () => {
  const numbers = (name: string): number[] =>
    readFileSync(at(name), "utf8")
      .split("\n")
      .slice(1, -1)
      .map((line) => Number(line.split("\t")[0]));
  const seqsOf = async (inputs: string[], options: EachOptions): Promise<number[]> =>
    (await all("exit {}", inputs, { keepOrder: true, ...options })).map(({ seq }) => seq);

  test("is continued, retried or begun anew as is said", async () => {
    const joblog = at("log");
    expect(await seqsOf(["0", "1"], { joblog })).toEqual([1, 2]);
    expect(await seqsOf(["0", "1", "0"], { joblog, resume: true })).toEqual([3]);
    expect(await seqsOf(["0", "1", "0"], { joblog, resume: "failed" })).toEqual([2]);
    expect(numbers("log")).toEqual([1, 2, 3, 2]);
    const [again] = await all("ignored", [], { joblog, retryFailed: true });
    expect(again).toMatchObject({ seq: 2, command: "exit 1", exitCode: 1 });
    expect(await seqsOf(["0"], { joblog, joblogAppend: true })).toEqual([1]);
    expect(numbers("log")).toEqual([1, 2, 3, 2, 2, 1]);
    expect(await seqsOf(["0"], { joblog })).toEqual([1]);
    expect(numbers("log")).toEqual([1]);
  });

  test("of another command is told", async () => {
    const notes: string[] = [];
    const options = { joblog: at("other"), resume: true, onNote: (line: string) => notes.push(line) };
    await all("echo {}", ["a", "b"], options);
    expect(notes).toEqual([]);
    await all("printf {}", ["a", "b"], options);
    expect(notes).toEqual([
      'the joblog belongs to another command or input: its job 1 was "echo a", and is "printf a" now',
    ]);
  });

  test("has a job only when its result was dealt with", async () => {
    const joblog = at("dealt");
    const run = each("true", ["a", "b", "c"], { joblog, keepOrder: true });
    for await (const { seq } of run) {
      expect(numbers("dealt")).toEqual(seq === 1 ? [] : [1]);
      if (seq === 2) break;
    }
    expect(numbers("dealt")).toEqual([1]);
  });

  test("that is not there cannot be retried, and one that is none not continued", async () => {
    await expect(all("true", [], { joblog: at("none"), retryFailed: true })).rejects.toThrow(
      /there is no joblog/,
    );
    writeFileSync(at("foreign"), "hello\n");
    await expect(all("true", [], { joblog: at("foreign"), resume: true })).rejects.toThrow(/is no joblog/);
    expect(readFileSync(at("foreign"), "utf8")).toBe("hello\n");
  });

  test("is left alone by a dry run", async () => {
    const results = await all("rm {}", ["a b"], { dryRun: true, joblog: at("dry") });
    expect(results[0]).toMatchObject({ command: "rm 'a b'", ok: true, stdout: "" });
    expect(() => readFileSync(at("dry"))).toThrow();
  });
});
