import { describe, expect, it } from "vitest";
import { isShoalError } from "../errors.ts";
import type { ShoalError } from "../errors.ts";
import { ownOptions } from "./own-options.ts";
import { runHelp } from "./run-help.ts";
import { parseRunLine } from "./run-line.ts";

function refusal(...args: string[]): ShoalError {
  try {
    parseRunLine(args);
  } catch (error) {
    if (isShoalError(error)) return error;
    throw error;
  }
  throw new Error(`accepted: ${args.join(" ")}`);
}

describe("parseRunLine", () => {
  it("takes its own options from anywhere and leaves the rest in order", () => {
    const line = parseRunLine([
      "--slots",
      "2",
      "job.ts",
      "--input",
      "a",
      "--memory=256m",
      "--words=b",
      "--json",
      "--verbose",
      "--split-size",
      "16m",
      "--task-timeout",
      "30s",
      "--state",
      "tmp",
      "--partitions",
      "10",
      "--overwrite",
      "--fresh",
      "--quiet",
      "--explain",
      "extra",
    ]);
    expect(line).toEqual({
      job: "job.ts",
      rest: ["--input", "a", "--words=b", "--verbose", "extra"],
      flags: {
        slots: 2,
        memoryBytes: 256 * 2 ** 20,
        partitions: 10,
        splitBytes: 16 * 2 ** 20,
        taskTimeoutMs: 30_000,
        stateDir: "tmp",
        overwrite: true,
        fresh: true,
        json: true,
        quiet: true,
        attached: false,
        explain: true,
        help: false,
      },
    });
  });

  it("has no opinion where nothing is given", () => {
    const { flags, rest } = parseRunLine(["job.ts"]);
    expect(rest).toEqual([]);
    expect(Object.values(flags).filter((value) => value !== undefined && value !== false)).toEqual([]);
  });

  it("takes a file that begins with a dash after --", () => {
    expect(parseRunLine(["--", "-job.ts", "--input", "a"])).toMatchObject({
      job: "-job.ts",
      rest: ["--input", "a"],
    });
  });

  it.each<[string[], RegExp]>([
    [["--slots", "0"], /--slots must be a whole number from 1 to 1024, received "0"/],
    [["--slots", "1000000"], /1 to 1024, received "1000000"/],
    [["--slots", "NaN"], /received "NaN"/],
    [["--slots", "1.5"], /received "1.5"/],
    [["--slots", "-1"], /received "-1"/],
    [["--slots", "1e2"], /received "1e2"/],
    [["--slots", " 2"], /received " 2"/],
    [["--slots="], /received ""/],
    [["--slots", "9".repeat(400)], /received "9{99}…"/],
    [["--slots"], /--slots needs a value/],
    [["--memory", "1k"], /--memory must be a size of at least 1m, such as 256m or 2g, received "1k"/],
    [["--memory", "0"], /received "0"/],
    [["--memory", "lots"], /received "lots"/],
    [["--memory", "9999999999t"], /received/],
    [["--partitions", "0"], /--partitions must be a whole number from 1 to 100000, received "0"/],
    [["--partitions", "100001"], /received "100001"/],
    [["--split-size", "0"], /--split-size must be a size from 1 byte/],
    [["--task-timeout", "0s"], /--task-timeout must be a time from 1ms/],
    [["--task-timeout", "9".repeat(400)], /--task-timeout must be/],
    [["--task-timeout", "soon"], /received "soon"/],
    [["--state", ""], /--state must be a directory, received ""/],
    [["--state", "--json"], /received "--json"/],
    [["--state", "a\0b"], /received "a\\0b"/],
  ])("job.ts %j is refused", (args, message) => {
    const error = refusal("job.ts", ...args);
    expect(error.message).toMatch(message);
    expect(error.code).toBe("BAD_OPTION");
  });

  it("asks for the job first", () => {
    expect(refusal().message).toBe("no job is named");
    expect(refusal("--json").message).toBe("no job is named");
    expect(refusal("--input", "a", "job.ts").message).toContain("the job's file comes first");
  });

  it("leaves what is not its own as it was typed", () => {
    const rest = [
      "-abc",
      "--json=1",
      "--no-json",
      "-5",
      "--__proto__",
      "--x",
      "--",
      "--slots",
      "-h5",
      "",
      "--=",
      "-",
    ];
    expect(parseRunLine(["job.ts", ...rest]).rest).toEqual(rest);
    expect(parseRunLine(["job.ts", ...rest]).flags.slots).toBeUndefined();
  });

  it("needs no job for help", () => {
    expect(parseRunLine(["--help"])).toMatchObject({ job: null, flags: { help: true } });
    expect(parseRunLine(["job.ts", "-h"])).toMatchObject({ job: "job.ts", flags: { help: true } });
  });
});

describe("runHelp", () => {
  it("lists every option of shoal", () => {
    for (const { flags } of Object.values(ownOptions)) expect(runHelp(null)).toContain(flags);
  });

  it("lists the job's parameters with their defaults", () => {
    const help = runHelp({
      typed: "jobs/words.ts",
      description: {
        name: "words",
        file: "/jobs/words.ts",
        parameters: [
          { name: "input", type: "string", default: "books/*.txt" },
          { name: "maxWords", type: "number", default: 5 },
          { name: "verbose", type: "boolean", default: false },
          { name: "skip", type: "string[]", default: ["a", "b"] },
          { name: "slots", type: "number", default: 1 },
          { name: "bell", type: "string", default: "\u0007".repeat(100) },
        ],
      },
    });
    expect(help).toContain("Usage: shoal run jobs/words.ts [parameters] [options]");
    expect(help).toContain("Parameters of words:\n");
    expect(help).toMatch(/--input <text> +default: "books\/\*\.txt"\n/);
    expect(help).toMatch(/--max-words <number> +default: 5\n/);
    expect(help).toMatch(/--skip <text> +default: \["a","b"\]; once for each item/);
    expect(help).toMatch(/--param\.slots <number> +default: 1\n/);
    expect(help).toMatch(/--\[no-\]verbose +default: false\n/);
    expect(help).toMatch(/--bell <text> +default: "(\\u0007){9}/);
    expect(help).not.toContain("\u0007");
  });

  it("says so when a job has no parameters", () => {
    const description = { name: "words", file: "words.ts", parameters: [] };
    expect(runHelp({ typed: "words.ts", description })).toContain("The job words has no parameters.");
  });
});
