// `shoal each` beside GNU parallel: the same line gives the same output and the same exit status, and each reads the
// other's joblog. Skipped where GNU parallel is not installed (Debian: apt-get install parallel).

import { spawn, spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cli, Project, Running, type Result } from "./harness.ts";

// reason: moreutils has another program of this name, and most machines have none.
const isThere =
  spawnSync("parallel", ["--version"], { encoding: "utf8" }).stdout?.startsWith("GNU parallel") === true;

let project: Project;
beforeEach(() => {
  project = new Project({ list: "one\ntwo words\n\nit's\n" });
});
afterEach(() => project[Symbol.dispose]());

async function run(program: readonly string[], args: readonly string[], input: string): Promise<Result> {
  const child = spawn(program[0]!, [...program.slice(1), ...args], {
    cwd: project.dir,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      NO_COLOR: "1",
      PARALLEL_SHELL: "/bin/sh",
      PARALLEL_HOME: project.at(".parallel"),
      HOME: project.dir,
    },
  });
  child.stdin.on("error", () => {}); // Arguments that nobody read.
  child.stdin.end(input);
  return await new Running(child).ended;
}

const ours = [process.execPath, cli, "each"];
const theirs = ["parallel"];

/** All printable characters, and words with them. */
const words = [
  ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)),
  "a b",
  "it's",
  "''",
  "é💀",
  "-n",
  "{}",
  "{1}",
  "$(id)",
];
const names = [
  "a",
  "b.c",
  "/d/e.f",
  "./x.tar.gz",
  ".bashrc",
  "a/.b.c",
  "/",
  "//",
  "a/",
  "a.b/c",
  "..",
  "a//b",
  "///a///b",
  "x.",
];

describe.skipIf(!isThere)("the same as GNU parallel:", () => {
  test.each<[what: string, args: string[], input?: string]>([
    ["quoting", ["-k", "--dry-run", "echo", ":::", ...words]],
    ["what the shell gets", ["-k", "printf '<%s>' {} {}x", ":::", ...words.filter((_, i) => i % 4 === 1)]],
    ["names", ["-k", "echo {} {.} {/} {//} {/.} {#}", ":::", ...names]],
    [
      "places",
      ["-k", "echo {1} {2} {1.} {2/} {-1} {3} {-1/.} {+1} {a}", ":::", "a.x", "b.y", ":::", "c/d", "e"],
    ],
    [
      "combinations and links",
      ["-k", "echo", ":::", "1", "2", ":::", "3", "4", ":::+", "5", "6", "7", ":::", "8"],
    ],
    ["files and lines", ["-k", "echo x{}", "::::", "list", "-"], "a\n\n$b"],
    ["several arguments", ["-k", "-n2", "echo {} {1} x{2} {/}", ":::", "a/1", "2", "3"]],
    ["a quoted command", ["-kq", "printf", "%s|", "$HOME", "{}", "a  b", ":::", "x y"]],
    ["the number of failures", ["-k", "--tag", "echo {}; exit {}", ":::", "0", "1", "2", "0", "300"]],
    ["halt on failure", ["-j1", "--halt", "now,fail=1", "echo {}; exit {}", ":::", "0", "7", "0"]],
    ["halt in per cent", ["-j1", "--halt", "soon,fail=30%", "echo {}; exit {}", ":::", ..."0101100000"]],
  ])("%s", async (_what, args, input = "") => {
    const [mine, parallels] = await Promise.all([run(ours, args, input), run(theirs, args, input)]);
    expect([mine.stdout, mine.code]).toEqual([parallels.stdout, parallels.code]);
  });

  test("each continues the other's joblog", async () => {
    const args = (more: string[]): string[] => ["-j1", "--joblog", "log", ...more, "echo {}; exit {}", ":::"];
    const columns = (): string[][] =>
      project
        .read("log")
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split("\t").filter((_, i) => i !== 2 && i !== 3));
    expect((await run(theirs, [...args([]), "0", "1"], "")).code).toBe(1);
    expect(await run(ours, [...args(["--resume"]), "0", "1", "2"], "")).toMatchObject({
      stdout: "2\n",
      stderr: "",
      code: 1,
    });
    expect(await run(theirs, [...args(["--resume-failed"]), "0", "1", "2", "0"], "")).toMatchObject({
      stdout: "1\n2\n0\n",
      code: 2,
    });
    expect(await run(ours, ["-j1", "--joblog", "log", "--retry-failed"], "")).toMatchObject({
      stdout: "1\n2\n",
      code: 2,
    });
    const line = (seq: number, exit: number): string[] => [
      `${seq}`,
      ":",
      "0",
      "2",
      `${exit}`,
      "0",
      `echo ${exit}; exit ${exit}`,
    ];
    expect(columns().slice(1)).toEqual([
      line(1, 0),
      line(2, 1),
      line(3, 2),
      line(2, 1),
      line(3, 2),
      line(4, 0),
      line(2, 1),
      line(3, 2),
    ]);
  });
});

test("GNU parallel is there, or this says that nothing was compared", () => {
  if (!isThere) process.stderr.write("GNU parallel is not installed: shoal each was not compared with it\n");
  expect(typeof isThere).toBe("boolean");
});
