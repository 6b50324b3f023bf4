// `shoal each` as users run it: the built command line and real processes.

import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isRunning, until } from "../kit/processes.ts";
import { cli, Project, Running, type Result } from "./harness.ts";

let project: Project;
beforeEach(() => {
  project = new Project();
});
afterEach(() => project[Symbol.dispose]());

/** Begins `shoal each`, with the bytes as its standard input. */
function start(args: readonly string[], input: string | Buffer = ""): Running {
  const child = spawn(process.execPath, [cli, "each", ...args], {
    cwd: project.dir,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", PARALLEL_SHELL: "/bin/sh" },
  });
  child.stdin.on("error", () => {}); // Arguments that nobody read.
  child.stdin.end(input);
  return new Running(child);
}

const each = async (...args: string[]): Promise<Result> => await start(args).ended;

/** The columns of a joblog's lines: number, exit code, signal, command. */
const joblog = (name = "log"): [number, number, number, string][] =>
  project
    .read(name)
    .split("\n")
    .slice(1, -1)
    .map((line) => line.split("\t"))
    .map((columns) => [Number(columns[0]), Number(columns[6]), Number(columns[7]), columns[8]!]);

const has = (name: string): boolean => existsSync(project.at(name));
/** Whether the process has written its id: the file is there before its content is. */
const hasPid = (name: string): boolean => has(name) && project.read(name).endsWith("\n");
const pidIn = (name: string): number => {
  if (!hasPid(name)) throw new Error(`no process id in ${name}`);
  return Number(project.read(name));
};

/** A job that goes on until a file is there. */
const waitFor = (name: string): string => `until [ -e ${name} ]; do sleep 0.01; done`;

describe("output", () => {
  test("of jobs that print in pieces at the same time is never interleaved", async () => {
    // Every job prints long lines in many writes, to both streams, and waits for others in between.
    const job =
      "i=0; while [ $i -lt 20 ]; do printf '%s:%08000d' {} $i; printf '%s' x{} >&2; i=$((i+1)); " +
      "[ $((i % 7)) = 0 ] && sleep 0.01; echo :{}; echo >&2; done";
    const { code, stdout, stderr } = await each("-j4", job, ":::", ..."abcdefgh");
    expect(code).toBe(0);
    const order: string[] = [];
    for (const line of stdout.trimEnd().split("\n")) {
      expect(line).toMatch(/^([a-h]):\d{8000}:\1$/);
      if (order.at(-1) !== line[0]) order.push(line[0]!);
    }
    expect([...order].sort()).toEqual([..."abcdefgh"]);
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .filter((line, i, all) => line !== all[i - 1]),
    ).toEqual(order.map((it) => `x${it}`));
  });

  test("comes as jobs end, or with -k in the order of the input", async () => {
    const afterThird = "[ {} != 1 ] || until grep -q ^3 log; do sleep 0.01; done; echo {}";
    const unordered = await each("-j2", "--joblog", "log", afterThird, ":::", "1", "2", "3");
    expect(unordered.stdout).toBe("2\n3\n1\n");
    const job = `case {} in 1) ${waitFor("go")};; 3) touch go;; esac; echo {}`;
    const ordered = await each("-kj2", job, ":::", "1", "2", "3");
    expect(ordered.stdout).toBe("1\n2\n3\n");
  });

  test("of any size takes no memory", async () => {
    // 400 MB on their way through a file; the high-water mark of the process is looked at while it runs.
    const child = spawn(
      "sh",
      [
        "-c",
        `exec "${process.execPath}" "${cli}" each -k 'head -c 200000000 /dev/zero; : {}' ::: 1 2 > /dev/null`,
      ],
      {
        stdio: "ignore",
      },
    );
    let peakKib = 0;
    const timer = setInterval(() => {
      const status = existsSync(`/proc/${child.pid}/status`)
        ? readFileSync(`/proc/${child.pid}/status`, "utf8")
        : "";
      peakKib = Math.max(peakKib, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
    }, 5);
    const code = await new Promise((resolve) => child.on("close", resolve));
    clearInterval(timer);
    expect(code).toBe(0);
    expect(peakKib).toBeGreaterThan(10_000);
    expect(peakKib).toBeLessThan(250_000);
  });

  test("is tagged with --tag, line by line", async () => {
    const { stdout, stderr } = await each("--tag", "echo a; echo c >&2; printf b", ":::", "x y");
    expect(stdout).toBe("x y\ta\nx y\tb");
    expect(stderr).toBe("x y\tc\n");
  });

  test("is one line of JSON for each job with --json, and one for all", async () => {
    const { stdout, code } = await each(
      "-k",
      "--json",
      "printf {}; echo é >&2; exit {#}",
      ":::",
      'a"\\',
      "\\377",
    );
    const [first, second, summary, ...rest] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(rest).toEqual([]);
    expect(first).toMatchObject({
      type: "job",
      seq: 1,
      args: ['a"\\'],
      exitCode: 1,
      ok: false,
      stdout: 'a"\\',
      stderr: "é\n",
    });
    expect(second).toMatchObject({ seq: 2, stdoutBase64: "/w==", stderr: "é\n" });
    expect(summary).toMatchObject({
      type: "summary",
      format: 1,
      ok: false,
      exitCode: 2,
      failed: 2,
      succeeded: 0,
    });
    expect(code).toBe(2);
  });

  test("whose reader goes away ends the run; endless arguments are no matter", async () => {
    const child = spawn(
      "sh",
      ["-c", `{ yes | "${process.execPath}" "${cli}" each -j2 echo; echo "status $?" >&2; } | head -n 3`],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const { stdout, stderr } = await new Running(child).ended;
    expect(stdout).toBe("y\ny\ny\n");
    expect(stderr).toBe("status 141\n");
  });
});

describe("arguments", () => {
  test("are lines of standard input, whatever they hold", async () => {
    const { stdout, code } = await start(["-k", "echo x{}"], "a b\n\n$HOME 'q'\n💀").ended;
    expect(stdout).toBe("xa b\nx\nx$HOME 'q'\nx💀\n");
    expect(code).toBe(0);
  });

  test("are names of files that are no UTF-8, and hold newlines", async () => {
    mkdirSync(project.at("in"));
    const names = [Buffer.from("caf\xe9", "latin1"), Buffer.from("two\nlines"), Buffer.from("it's")];
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(project.at("in/")), name]), name);
    const input = Buffer.concat(names.flatMap((name) => [name, Buffer.from([0])]));
    const child = start(["-k0", "cat in/{}; echo"], input);
    const chunks: Buffer[] = [];
    child.process.stdout!.on("data", (chunk: Buffer) => chunks.push(chunk));
    expect((await child.ended).code).toBe(0);
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat(names.flatMap((name) => [name, Buffer.from("\n")])));
  });

  test("come from several sources, and jobs begin while they still come", async () => {
    project.write("list", "1\n2\n");
    const { stdout } = await each("-k", "echo", "::::", "list", ":::", "a", ":::+", "b");
    expect(stdout).toBe("1 a b\n2 a b\n");
    const child = spawn(process.execPath, [cli, "each", "touch"], {
      cwd: project.dir,
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.stdin.write("one\n");
    await until("the first job has run", () => has("one"));
    child.stdin.end("two\n");
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect(has("two")).toBe(true);
  });

  test("are only shown with --dry-run", async () => {
    const { stdout, code } = await each("--dry-run", "rm -r {1} {2.}", ":::", "a b", ":::", "c.d");
    expect(stdout).toBe("rm -r 'a b' c\n");
    expect(code).toBe(0);
  });

  test("are read ahead for --eta, which says how far it is", async () => {
    const { stderr } = await start(["--eta", "exit {}"], "0\n1\n").ended;
    expect(stderr).toBe("100 %  2/2 jobs  1 failed\n");
  });
});

describe("a joblog", () => {
  test("survives kill -9 of shoal, torn line and all: --resume does the rest", async () => {
    const job = `echo {} >> ran; echo $$ > pid.{}; [ {} -le 3 ] || ${waitFor("go")}; echo {}`;
    const args = ["-j2", "--joblog", "log", "--resume", job, ":::", "1", "2", "3", "4", "5", "6"];
    const killed = start(args);
    await until(
      "three jobs are in the joblog and two others run",
      () => has("log") && joblog().length === 3 && hasPid("pid.4") && hasPid("pid.5"),
    );
    killed.process.kill("SIGKILL");
    await killed.ended;
    for (const pid of [pidIn("pid.4"), pidIn("pid.5")]) process.kill(-pid, "SIGKILL");
    appendFileSync(project.at("log"), "4\t:\t17951832");
    project.write("go", "");
    const { stdout, stderr, code } = await each(...args);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n").sort()).toEqual(["4", "5", "6"]);
    expect(
      joblog()
        .map(([seq]) => seq)
        .sort(),
    ).toEqual([1, 2, 3, 4, 5, 6]);
    expect(project.read("ran").trimEnd().split("\n").sort()).toEqual([
      "1",
      "2",
      "3",
      "4",
      "4",
      "5",
      "5",
      "6",
    ]);
  });

  test("gives --retry-failed and --resume-failed what to do again", async () => {
    const first = await each(
      "--joblog",
      "log",
      "-k",
      "echo {}; [ {} = b ] || [ -e ok ]",
      ":::",
      "a",
      "b",
      "c",
    );
    expect([first.stdout, first.code]).toEqual(["a\nb\nc\n", 2]);
    project.write("ok", "");
    const again = await each("--joblog", "log", "-k", "--retry-failed");
    expect([again.stdout, again.code]).toEqual(["a\nc\n", 0]);
    expect(joblog().map(([seq, exit]) => [seq, exit])).toEqual([
      [1, 1],
      [2, 0],
      [3, 1],
      [1, 0],
      [3, 0],
    ]);
    const nothing = await each(
      "--joblog",
      "log",
      "-k",
      "--resume-failed",
      "echo {}; [ {} = b ] || [ -e ok ]",
      ":::",
      "a",
      "b",
      "c",
    );
    expect([nothing.stdout, nothing.stderr, nothing.code]).toEqual(["", "", 0]);
  });

  test("of another command is continued, with a note", async () => {
    await each("--joblog", "log", "echo", ":::", "a");
    const { stdout, stderr, code } = await each("--joblog", "log", "--resume", "printf", ":::", "a", "b");
    expect([stdout, code]).toEqual(["b", 0]);
    expect(stderr).toContain("note: the joblog belongs to another command or input");
  });
});

describe("a job", () => {
  test("that fails is tried again, as often as --retries says", async () => {
    const { stdout, code } = await each(
      "--retries",
      "3",
      "echo x >> n{}; [ $(wc -l < n{}) -ge {} ] && echo {}",
      ":::",
      "2",
      "3",
      "4",
    );
    expect(stdout.trimEnd().split("\n").sort()).toEqual(["2", "3"]);
    expect(code).toBe(1);
    expect(project.read("n4")).toBe("x\nx\nx\n");
  });

  test("whose time is up is killed with all that it started, even what ignores SIGTERM", async () => {
    const job = "trap '' TERM; sleep 300 & echo $! > child; echo begun; wait; : {}";
    const { code, stdout, stderr } = await each("--timeout", "1", "--joblog", "log", job, ":::", "x");
    expect(code).toBe(1);
    expect(stdout).toBe("begun\n");
    expect(stderr).toContain("note: job 1 was killed: its time was up");
    expect(isRunning(pidIn("child"))).toBe(false);
    expect(joblog()).toEqual([[1, -1, 9, job.replace("{}", "x")]]);
  });
});

describe("--halt", () => {
  test("now,fail=1 kills what runs and exits with the failed job's status; what was killed may be resumed", async () => {
    const job = `if [ {} = 2 ]; then ${waitFor("pid")}; echo {}; exit 3; fi; echo $$ > next; mv next pid; echo never; exec sleep 300`;
    const { code, stdout, stderr } = await each(
      "-j2",
      "--joblog",
      "log",
      "--halt",
      "now,fail=1",
      job,
      ":::",
      "1",
      "2",
      "3",
    );
    expect([code, stdout]).toEqual([3, "2\n"]);
    expect(stderr).toContain("halt: job 2 failed; starting no more jobs; killing 1 that run");
    expect(isRunning(pidIn("pid"))).toBe(false);
    expect(joblog().map(([seq, exit]) => [seq, exit])).toEqual([[2, 3]]);
  });

  test("soon,fail=1 lets end what runs", async () => {
    const job = `if [ {} = 1 ]; then exit 2; fi; ${waitFor("log")}; until [ $(wc -l < log) = 2 ]; do sleep 0.01; done; echo {}`;
    const { code, stdout } = await each(
      "-j2",
      "--joblog",
      "log",
      "--halt",
      "soon,fail=1",
      job,
      ":::",
      "1",
      "2",
      "3",
    );
    expect([code, stdout]).toEqual([2, "2\n"]);
  });

  test("now,success=1 gives the first that succeeds", async () => {
    const { code, stdout } = await each(
      "-j3",
      "--halt",
      "now,success=1",
      "[ {} = b ] && echo {} || sleep 300",
      ":::",
      "a",
      "b",
      "c",
    );
    expect([code, stdout]).toEqual([0, "b\n"]);
  });
});

describe("signals", () => {
  test("Ctrl-C is passed on; what finished is kept whole, what did not is done again by --resume", async () => {
    const job = `case {} in 1) echo one;; 2) trap 'echo got > got; exit 1' INT; echo $$ > pid2; ${waitFor("never")};; *) echo $$ > pid3; exec sleep 300;; esac`;
    const args = ["-j2", "--joblog", "log", "--resume", job, ":::", "1", "2", "3", "4"];
    const running = start(args);
    await until(
      "one job has ended and two run",
      () => hasPid("pid2") && hasPid("pid3") && has("log") && joblog().length === 1,
    );
    running.process.kill("SIGINT");
    const { code, stdout, stderr } = await running.ended;
    expect([code, stdout]).toEqual([130, "one\n"]);
    expect(stderr).toContain("Ctrl-C: passed on to the jobs");
    expect(project.read("got")).toBe("got\n");
    expect([isRunning(pidIn("pid2")), isRunning(pidIn("pid3"))]).toEqual([false, false]);
    expect(joblog().map(([seq]) => seq)).toEqual([1]);
    const rest = await each("--dry-run", ...args);
    expect(rest.stdout.match(/case \d/g)).toEqual(["case 2", "case 3", "case 4"]);
  });

  test("a second Ctrl-C ends at once, and leaves nothing", async () => {
    const running = start(["trap '' INT TERM; echo $$ > pid; while :; do sleep 300; done; : {}", ":::", "x"]);
    await until("the job runs", () => hasPid("pid"));
    running.process.kill("SIGINT");
    await running.said("once more kills them");
    running.process.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    await until("the job is gone", () => !isRunning(pidIn("pid")));
  });

  test("SIGHUP lets jobs end and starts no more, as in GNU parallel", async () => {
    const job = `if [ {} = 1 ]; then kill -HUP $PARALLEL_PID; ${waitFor("go")}; fi; echo {}`;
    const running = start(["-j1", job, ":::", "1", "2"]);
    await running.said("SIGHUP: starting no more jobs");
    project.write("go", "");
    expect(await running.ended).toMatchObject({ code: 0, stdout: "1\n" });
  });
});

describe("mistakes", () => {
  test("end with 255, and say what to do", async () => {
    const { code, stdout, stderr } = await each("--jobz", "2", "echo", ":::", "1");
    expect(stderr).toContain('error BAD_OPTION: unknown option "--jobz"; did you mean --jobs?');
    expect([code, stdout]).toEqual([255, ""]);
  });

  test("are told in JSON, too", async () => {
    const { code, stdout } = await each("--json", "-j", "x", "echo", ":::", "1");
    expect(JSON.parse(stdout)).toMatchObject({
      type: "error",
      format: 1,
      ok: false,
      exitCode: 255,
      error: { code: "BAD_OPTION" },
    });
    expect(code).toBe(255);
  });

  test("a NUL byte in lines points to --null", async () => {
    const { code, stderr } = await start(["echo"], "a\0b\0").ended;
    expect(stderr).toContain("line 1 of standard input holds a NUL byte");
    expect(stderr).toContain("--null");
    expect(code).toBe(255);
  });
});
