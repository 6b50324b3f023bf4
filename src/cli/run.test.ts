// The command against a scripted shoal: what it prints where, and how it ends. Real jobs run in the
// end-to-end tests.

import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { ShoalError } from "../errors.ts";
import { explain } from "../report/explain.ts";
import { RunObserver } from "../report/observer.ts";
import { renderReport } from "../report/render.ts";
import { reportJson } from "../report/report-json.ts";
import type { Api, JobResult, RunOptions } from "./api.ts";
import type { Surroundings } from "./run.ts";
import { shoal } from "./shoal.ts";

const report = new RunObserver({
  job: "words",
  slots: 2,
  inputFiles: 1,
  inputBytes: 10,
  startedAt: 0,
  stages: [{ name: "read", tasks: 1, inputBytes: 10 }],
}).report(100);

interface Script {
  readonly run?: (
    parameters: Readonly<Record<string, unknown>>,
    options: RunOptions,
    print: (text: string) => void,
  ) => Promise<Partial<JobResult<unknown>>>;
  readonly describe?: () => Promise<void>;
  readonly stdout?: Writable;
}

class Scripted {
  readonly signals = Object.assign(new EventEmitter(), {
    exit: (code: number) => {
      this.exits.push(code);
    },
  });
  readonly exits: number[] = [];
  readonly connections: Parameters<Api["connect"]>[0][] = [];
  readonly calls: { readonly parameters: unknown; readonly options: RunOptions }[] = [];
  closed = 0;
  out = "";
  err = "";
  readonly around: Surroundings;

  constructor(script: Script = {}) {
    const stdout = new PassThrough();
    stdout.on("data", (data: Buffer) => {
      this.out += data.toString();
    });
    const api: Api = {
      loadConfig: async () => ({}),
      clusterJobs: () => Promise.reject(new Error("this is one machine")),
      reportOf: () => Promise.reject(new Error("this is one machine")),
      connect: async (options) => await this.connect(options, script),
      renderReport,
      reportJson,
      explainReport: explain,
    };
    this.around = {
      stdout: script.stdout ?? stdout,
      stderr: {
        write: (text) => {
          this.err += text;
        },
      },
      env: {},
      signals: this.signals as unknown as Surroundings["signals"],
      loadApi: async () => api,
    };
  }

  async shoal(...argv: string[]): Promise<number> {
    return await shoal(argv, this.around);
  }

  private async connect(
    options: Parameters<Api["connect"]>[0],
    script: Script,
  ): Promise<Awaited<ReturnType<Api["connect"]>>> {
    this.connections.push(options);
    const run = async (
      _: unknown,
      parameters: object = {},
      runOptions: RunOptions = {},
    ): Promise<JobResult<unknown>> => {
      this.calls.push({ parameters, options: runOptions });
      const given = await script.run?.(parameters as Record<string, unknown>, runOptions, (text) =>
        options.onOutput?.(text),
      );
      return { job: "j1", value: undefined, output: null, report, ...given };
    };
    return {
      describe: async () => {
        await script.describe?.();
        return {
          name: "words",
          file: "/words.ts",
          parameters: [
            { name: "input", type: "string", default: "*.txt" },
            { name: "slots", type: "number", default: 1 },
          ],
        };
      },
      run: run as Awaited<ReturnType<Api["connect"]>>["run"],
      submit: () => Promise.reject(new Error("nothing is submitted here")),
      close: async () => {
        this.closed++;
      },
    };
  }
}

describe("shoal run", () => {
  it("hands options and parameters on, prints records on standard output and the report on standard error", async () => {
    const it_ = new Scripted({
      run: async (_, __, print) => {
        print("from user code\n");
        return {
          value: [
            ["a", 1],
            ["b", 2],
          ],
        };
      },
    });
    expect(
      await it_.shoal(
        "run",
        "words.ts",
        "--input",
        "a.txt",
        "--slots",
        "2",
        "--memory",
        "2m",
        "--param.slots",
        "7",
        "--split-size",
        "1m",
        "--partitions",
        "3",
        "--task-timeout",
        "5s",
        "--state",
        "s",
        "--overwrite",
      ),
    ).toBe(0);
    expect(it_.out).toBe('["a",1]\n["b",2]\n');
    expect(it_.err).toContain("from user code\n");
    expect(it_.err).toContain("where the time went");
    expect(it_.connections).toEqual([
      { slots: 2, memoryBytes: 2 ** 21, stateDir: "s", onOutput: expect.any(Function) },
    ]);
    expect(it_.calls[0]!.parameters).toEqual({ input: "a.txt", slots: 7 });
    expect(it_.calls[0]!.options).toMatchObject({
      startedAt: 0,
      overwrite: true,
      partitions: 3,
      splitBytes: 2 ** 20,
      taskTimeoutMs: 5000,
    });
    expect(it_.closed).toBe(1);
    expect(it_.signals.eventNames()).toEqual([]);
  });

  it("prints a count as a number, and files as a line on standard error only", async () => {
    const count = new Scripted({ run: async () => ({ value: 12 }) });
    expect(await count.shoal("run", "words.ts", "--quiet")).toBe(0);
    expect([count.out, count.err]).toEqual(["12\n", ""]);
    const files = new Scripted({
      run: async () => ({ output: { directory: "counts\u0007", files: ["part-00000"] } }),
    });
    expect(await files.shoal("run", "words.ts", "--explain")).toBe(0);
    expect(files.out).toBe("");
    expect(files.err).toContain("wrote 1 file to counts\\x07\n");
    expect(files.err).toContain("Nothing was computed");
  });

  it("prints one document under --json", async () => {
    const it_ = new Scripted({
      run: async () => ({ output: { directory: "counts", files: ["part-00000"] } }),
    });
    expect(await it_.shoal("run", "words.ts", "--json", "--explain")).toBe(0);
    expect(JSON.parse(it_.out)).toEqual({
      format: 1,
      ok: true,
      exitCode: 0,
      job: "words",
      run: "j1",
      output: { directory: "counts", files: ["part-00000"] },
      report: JSON.parse(JSON.stringify(reportJson(report))),
      explain: explain(report),
    });
    expect(it_.err).toBe("");
  });

  it("tells of a failure on standard error, and under --json in the document too", async () => {
    const run = async (): Promise<never> => {
      throw Object.assign(
        new ShoalError("INPUT_NOT_FOUND", "no file matches x", { details: { kept: "nothing" } }),
        { report },
      );
    };
    const text = new Scripted({ run });
    expect(await text.shoal("run", "words.ts")).toBe(3);
    expect(text.err).toMatch(/^error INPUT_NOT_FOUND: no file matches x\nkept: nothing\nhint: /);
    expect(text.out).toBe("");
    expect(text.closed).toBe(1);
    const json = new Scripted({ run });
    expect(await json.shoal("run", "words.ts", "--json")).toBe(3);
    const document = JSON.parse(json.out) as { error: Record<string, unknown> };
    expect(document).toMatchObject({ format: 1, ok: false, exitCode: 3, job: "words", report: { slots: 2 } });
    expect(document.error).toMatchObject({
      code: "INPUT_NOT_FOUND",
      message: "no file matches x",
      definite: true,
      retryable: false,
    });
    expect(document.error).not.toHaveProperty("stack");
    expect(json.err).toContain("error INPUT_NOT_FOUND");
  });

  it("refuses a wrong line before it connects, and a wrong parameter before it runs", async () => {
    const option = new Scripted();
    expect(await option.shoal("run", "words.ts", "--slots", "0", "--json")).toBe(2);
    expect(JSON.parse(option.out)).toMatchObject({ ok: false, exitCode: 2, error: { code: "BAD_OPTION" } });
    expect(option.connections).toEqual([]);
    const parameter = new Scripted();
    expect(await parameter.shoal("run", "words.ts", "--inptu", "a")).toBe(2);
    expect(parameter.err).toContain("did you mean --input?");
    expect(parameter.calls).toEqual([]);
    expect(parameter.closed).toBe(1);
  });

  it("refuses what the workers of a cluster would not heed", async () => {
    for (const [verb, ...options] of [
      ["run", "--memory", "1g"],
      ["run", "--attached", "--slots", "2"],
      ["submit", "--isolation", "process"],
    ]) {
      const it_ = new Scripted();
      expect(await it_.shoal(verb!, "words.ts", "--cluster", "nats://127.0.0.1:4222", ...options)).toBe(2);
      const option = options.at(-2)!;
      expect(it_.err).toContain(
        `${option} is for slots of this machine: those of a cluster are its workers'`,
      );
      expect(it_.err).toContain(`shoal worker ${option} …`);
      expect(it_.connections).toEqual([]);
    }
  });

  it("refuses to submit what is to end with its client", async () => {
    const it_ = new Scripted();
    const line = ["submit", "words.ts", "--cluster", "nats://127.0.0.1:4222", "--attached"];
    expect(await it_.shoal(...line)).toBe(2);
    expect(it_.err).toContain("--attached is for shoal run: what is submitted is left to the cluster");
    expect(it_.connections).toEqual([]);
  });

  it("shows the job's parameters for --help, and runs nothing", async () => {
    const it_ = new Scripted();
    expect(await it_.shoal("run", "words.ts", "--help")).toBe(0);
    expect(it_.out).toMatch(/Parameters of words:\n +--input <text> +default: "\*\.txt"/);
    expect(it_.calls).toEqual([]);
    expect(it_.closed).toBe(1);
  });

  it("cancels at the first Ctrl-C, says what was kept, and ends at once at the second", async () => {
    const it_ = new Scripted({
      run: async (_, { signal }) => {
        const aborted = new Promise((resolve) => signal!.addEventListener("abort", resolve));
        it_.signals.emit("SIGINT", "SIGINT");
        await aborted;
        it_.signals.emit("SIGTERM", "SIGTERM");
        const reason = signal!.reason as ShoalError;
        throw new ShoalError(reason.code, reason.message, { details: { kept: "counts as it was" } });
      },
    });
    expect(await it_.shoal("run", "words.ts")).toBe(130);
    expect(it_.err).toContain("note: Ctrl-C: cancelling and cleaning up; once more ends at once\n");
    expect(it_.err).toContain("error CANCELLED: cancelled by Ctrl-C\nkept: counts as it was\n");
    expect(it_.exits).toEqual([130]);
    expect(it_.closed).toBe(1);
  });

  it("cancels a job's file that never ends loading", async () => {
    const it_ = new Scripted({
      describe: async () => {
        it_.signals.emit("SIGTERM", "SIGTERM");
        await new Promise(() => {});
      },
    });
    expect(await it_.shoal("run", "words.ts")).toBe(130);
    expect(it_.err).toContain("error CANCELLED: cancelled by SIGTERM\n");
    expect(it_.closed).toBe(1);
  });

  it("calls whatever else is thrown a bug", async () => {
    const it_ = new Scripted({
      run: async () => {
        throw new TypeError("undefined is not a function");
      },
    });
    expect(await it_.shoal("run", "words.ts")).toBe(70);
    expect(it_.err).toContain("internal error: TypeError: undefined is not a function");
  });

  it("is quiet when the reader of its output has gone, and not when the disk is full", async () => {
    const failing = (code: string) =>
      new Writable({
        write: (_, __, callback) =>
          callback(Object.assign(new Error(code), { code, errno: -1, syscall: "write" })),
      });
    const run = async (): Promise<Partial<JobResult<unknown>>> => ({
      value: Array.from({ length: 100_000 }, (_, i) => i),
    });
    const gone = new Scripted({ run, stdout: failing("EPIPE") });
    expect(await gone.shoal("run", "words.ts", "--quiet")).toBe(0);
    expect(gone.err).toBe("");
    const full = new Scripted({ run, stdout: failing("ENOSPC") });
    expect(await full.shoal("run", "words.ts", "--quiet")).toBe(4);
    expect(full.err).toContain("error OUTPUT_FAILED: standard output cannot be written: ENOSPC");
  });
});

describe("shoal", () => {
  it("has help and version", async () => {
    const it_ = new Scripted();
    expect(await it_.shoal("--version")).toBe(0);
    expect(it_.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await it_.shoal("--help")).toBe(0);
    expect(await it_.shoal("help", "run")).toBe(0);
    expect(await it_.shoal("run", "--help")).toBe(0);
    expect(it_.out).toContain("--task-timeout <time>");
    expect(it_.connections).toEqual([]);
  });

  it.each<[string[], RegExp]>([
    [[], /^Usage: shoal <command>/],
    [["rum"], /unknown command "rum"; did you mean run\?/],
    [["rnu"], /unknown command "rnu"; did you mean run\?/],
    [["help", "rnu"], /unknown command "rnu"; did you mean run\?/],
    [["words.ts"], /did you mean "shoal run words.ts"\?/],
    [["--verison"], /unknown option "--verison"; did you mean --version\?/],
    [["constructor"], /unknown command "constructor"\n/],
    [["run"], /no job is named/],
  ])("%j is wrong usage", async (argv, message) => {
    const it_ = new Scripted();
    expect(await it_.shoal(...argv)).toBe(2);
    expect(it_.err).toMatch(message);
  });
});
