// Bad input as a user meets it: the built command line says what, where and what to do, and loses nothing.

import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Project } from "./harness.ts";

const copy = `import { job, read } from "shoal";
export default job({ input: "input.txt", output: "out", limit: 3, flag: false, tags: ["a"] }, ({ input, output }) =>
  read.lines(input).write.text(output));
`;

const project = (files: Readonly<Record<string, string | Uint8Array>> = {}): Project =>
  new Project({ "job.ts": copy, "input.txt": "one\ntwo\n", ...files });

describe("the command line", () => {
  test.each([
    ["an unknown option, with the near one", ["--slotz", "2"], "--slots"],
    ["an unknown parameter, with the near one", ["--inputt", "x"], "--input"],
    ["no slots", ["--slots", "0"], "1 to 1"],
    ["a million slots", ["--slots", "1000000"], "1 to 1"],
    ["slots that are no number", ["--slots", "NaN"], "NaN"],
    ["memory that is no size", ["--memory", "lots"], "lots"],
    ["a number that is none", ["--limit", "many"], "many"],
    ["a boolean that is none", ["--flag=perhaps"], "perhaps"],
    ["partitions that are none", ["--partitions", "0"], "0"],
    ["an option without its value", ["--memory"], "--memory"],
  ])("%s: exit code 2, and it says so", async (_what, args, says) => {
    using dir = project();
    const { code, stderr, stdout } = await dir.shoal("run", "job.ts", ...args);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(dir.list(".")).not.toContain("out");
  });

  test("a job file that is not there, with the near one", async () => {
    using dir = project();
    const { code, stderr } = await dir.shoal("run", "jab.ts");
    expect(code).toBe(2);
    expect(stderr).toContain("job.ts");
  });

  test("a job file that exports no job", async () => {
    using dir = project({ "none.ts": "export const a = 1;\n" });
    const { code, stderr } = await dir.shoal("run", "none.ts");
    expect(code).toBe(2);
    expect(stderr).toContain("no default export");
  });

  test("a syntax error: file, line, column and the line itself", async () => {
    using dir = project({
      "broken.ts": 'import { job } from "shoal";\nexport default job({}, () => {\n  const = 1;\n});\n',
    });
    const { code, stderr } = await dir.shoal("run", "broken.ts");
    expect(code).toBe(2);
    expect(stderr).toMatch(/broken\.ts:3:\d+/);
    expect(stderr).toContain("const = 1;");
  });

  test("an import that cannot be found, and how to get it", async () => {
    using dir = project({
      "missing.ts":
        'import { x } from "no-such-package";\nimport { job, read } from "shoal";\nexport default job({}, () => read.values([x]).collect());\n',
    });
    const { code, stderr } = await dir.shoal("run", "missing.ts");
    expect(code).toBe(2);
    expect(stderr).toContain("npm install no-such-package");
  });

  test("--help of a job shows its parameters with their defaults", async () => {
    using dir = project();
    const { code, stdout } = await dir.shoal("run", "job.ts", "--help");
    expect(code).toBe(0);
    for (const text of ["--input", "input.txt", "--limit", "3", "--[no-]flag", "--tags"])
      expect(stdout).toContain(text);
  });

  test("an error as JSON", async () => {
    using dir = project();
    const { code, stdout } = await dir.shoal("run", "job.ts", "--input", "nothing*.txt", "--json");
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ format: 1, ok: false, error: { code: "INPUT_NOT_FOUND" } });
  });
});

describe("the output directory", () => {
  test("that is not empty and not ours is refused before any work, and kept", async () => {
    using dir = project({ "out/precious.txt": "mine" });
    const { code, stderr } = await dir.shoal("run", "job.ts");
    expect(code).toBe(4);
    expect(stderr).toContain("precious.txt");
    expect(stderr).toContain("--overwrite");
    expect(dir.read("out/precious.txt")).toBe("mine");
  });

  test("of an earlier run of the job is replaced", async () => {
    using dir = project();
    expect((await dir.shoal("run", "job.ts")).code).toBe(0);
    dir.write("input.txt", "three\n");
    expect((await dir.shoal("run", "job.ts")).code).toBe(0);
    expect(dir.output("out")).toBe("three\n");
  });

  test("of an earlier run stays as it was when the job fails", async () => {
    using dir = project();
    await dir.shoal("run", "job.ts");
    dir.write(
      "job.ts",
      copy.replace(
        "read.lines(input)",
        "read.lines(input).map((line): string => { throw new Error(line); })",
      ),
    );
    const { code, stderr } = await dir.shoal("run", "job.ts");
    expect(code).toBe(1);
    expect(stderr).toContain("as it was");
    expect(dir.output("out")).toBe("one\ntwo\n");
    expect(dir.leftovers()).toEqual([]);
  });

  test("inside the input, or a file, is refused", async () => {
    using dir = project({ "data/a.txt": "x\n" });
    expect((await dir.shoal("run", "job.ts", "--input", "data", "--output", "data/out")).code).toBe(4);
    expect((await dir.shoal("run", "job.ts", "--output", "input.txt")).code).toBe(4);
    expect(dir.read("input.txt")).toBe("one\ntwo\n");
  });
});

describe("the input", () => {
  test("that cannot be found names the pattern", async () => {
    using dir = project();
    const { code, stderr } = await dir.shoal("run", "job.ts", "--input", "nope/*.txt");
    expect(code).toBe(3);
    expect(stderr).toContain("nope/*.txt");
  });

  test("with invalid UTF-8 names file and line", async () => {
    using dir = project({ "input.txt": Buffer.from([0x61, 0x0a, 0xff, 0xfe, 0x62, 0x0a]) });
    const { code, stderr } = await dir.shoal("run", "job.ts");
    expect(code).toBe(3);
    expect(stderr).toMatch(/input\.txt/);
    expect(stderr).toMatch(/line 2/);
  });

  test("that is a FIFO is refused, and nothing hangs", async () => {
    using dir = project();
    execFileSync("mkfifo", [dir.at("pipe")]);
    const { code, stderr } = await dir.shoal("run", "job.ts", "--input", "pipe");
    expect(code).toBe(3);
    expect(stderr).toContain("pipe");
  });

  test("that is a cut-off gzip names the file", async () => {
    using dir = project({ "input.txt": gzipSync("line\n".repeat(10_000)).subarray(0, 40) });
    const { code, stderr } = await dir.shoal("run", "job.ts");
    expect(code).toBe(3);
    expect(stderr).toContain("input.txt");
  });

  test("with odd names, no final newline, CRLF, a byte order mark and gzip is read right", async () => {
    using dir = project({
      "data/with space.txt": "a\r\nb",
      "data/-dash.txt": "\ufeffc\n",
      "data/quote's\n.txt": "d\n\n",
      "data/🐟.txt": gzipSync("é\n"),
    });
    const { code } = await dir.shoal("run", "job.ts", "--input", "data");
    expect(code).toBe(0);
    expect(dir.output("out").split("\n").sort()).toEqual(["", "", "a", "b", "c", "d", "é"]);
  });

  test("that is empty gives an empty output file", async () => {
    using dir = project({ "input.txt": "" });
    expect((await dir.shoal("run", "job.ts")).code).toBe(0);
    expect(dir.output("out")).toBe("");
  });
});

describe("a function's place", () => {
  test("line 7 of an imported module and line 1,032 of the input are both in the message", async () => {
    const lines = Array.from({ length: 2000 }, (_, i) => (i === 1031 ? "bad" : `line ${i + 1}`));
    using dir = new Project({
      "lib/parse.ts": `// a module that the job imports
export interface Parsed {
  readonly line: string;
}
export function parse(line: string): Parsed {
  const isBad: boolean = line === "bad";
  if (isBad) throw new RangeError("cannot parse this");
  return { line };
}
`,
      "job.ts": `import { job, read } from "shoal";
import { parse } from "./lib/parse.ts";
export default job({ input: "input.txt" }, ({ input }) => read.lines(input).map(parse).count());
`,
      "input.txt": lines.join("\n"),
    });
    const { code, stderr } = await dir.shoal("run", "job.ts", "--split-size", "1k");
    expect(code).toBe(1);
    expect(stderr).toMatch(/lib\/parse\.ts:7:\d+/);
    expect(stderr).toContain("line 1032 of input.txt");
    expect(stderr).toContain("RangeError: cannot parse this");
  });
});

describe("two at a time, and other versions", () => {
  const slow = `import { job, read } from "shoal";
export default job({}, () => read.values([1]).map(async () => {
  console.error("the slow one runs");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}).count());
`;

  test("a second run on one state directory is refused, and names the first", async () => {
    using dir = project({ "slow.ts": slow });
    const first = dir.start("run", "slow.ts");
    await first.said("the slow one runs");
    const second = await dir.shoal("run", "job.ts");
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain(String(first.process.pid));
    first.process.kill("SIGINT");
    expect((await first.ended).code).toBe(130);
    expect((await dir.shoal("run", "job.ts")).code).toBe(0);
  });

  test("Ctrl-C cancels, cleans up, and says what was kept", async () => {
    using dir = project({
      "slow.ts": slow
        .replace("job({}", 'job({ output: "out" }')
        .replace("() => read.values", "({ output }) => read.values")
        .replace(".count()", ".write.text(output)"),
    });
    const running = dir.start("run", "slow.ts");
    await running.said("the slow one runs");
    running.process.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("nothing was written");
    expect(dir.leftovers()).toEqual([]);
    expect(dir.list(".")).not.toContain("out");
  });

  test("state of a newer version is refused with both versions", async () => {
    using dir = project({ ".shoal/version.json": '{"format": 99}' });
    const { code, stderr } = await dir.shoal("run", "job.ts");
    expect(code).not.toBe(0);
    expect(stderr).toContain("99");
  });

  test("kill -9, and the same command again: right, and nothing is left of the first", async () => {
    const untilGone = slow
      .replace("await new", 'if (existsSync("hang")) await new')
      .replace(/^/, 'import { existsSync } from "node:fs";\n');
    using dir = project({ "slow.ts": untilGone, hang: "" });
    const first = dir.start("run", "slow.ts");
    await first.said("the slow one runs");
    first.process.kill("SIGKILL");
    await first.ended;
    dir.remove("hang");
    expect((await dir.shoal("run", "slow.ts")).code).toBe(0);
    expect(dir.leftovers()).toEqual([]);
  });
});

test("values that cannot travel are refused with the path to the culprit", async () => {
  using dir = project({
    "values.ts": `import { job, read } from "shoal";
export default job({}, () => read.values([1]).map(() => ["k", { user: { save() {} } }] as const).groupByKey().collect());
`,
  });
  const { code, stderr } = await dir.shoal("run", "values.ts");
  expect(code).toBe(1);
  expect(stderr).toMatch(/user\.save: (a )?function/);
});

test("odd keys survive: nothing is changed in silence", async () => {
  using dir = project({
    "keys.ts": `import { job, read } from "shoal";
const keys = ["", "__proto__", "constructor", "12", 12, "a\\tb", "c\\nd", -0, 0, NaN, 10n, true, null, [1, "x"], new Date(5)];
export default job({ output: "out" }, ({ output }) =>
  read.values([0]).flatMap(() => [...keys, ...keys]).countByValue().write.tsv(output));
`,
  });
  const { code, stderr } = await dir.shoal("run", "keys.ts");
  expect(stderr).not.toContain("error");
  expect(code).toBe(0);
  const lines = dir.output("out").split("\n").filter(Boolean);
  expect(lines.length).toBe(15);
  expect(lines.every((line) => line.endsWith("\t2"))).toBe(true);
  expect(lines).toEqual(
    expect.arrayContaining(["__proto__\t2", "a\\tb\t2", "c\\nd\t2", "-0\t2", "NaN\t2", "10\t2"]),
  );
});
