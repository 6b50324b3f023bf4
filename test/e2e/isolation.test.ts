// What user code can do to its slot, under both isolations: the slot is lost, its certificate says how, and the job goes
// on. And what others can do to slots that are processes.

import { existsSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import type { DeathCertificate } from "../../src/protocol/death-certificate.ts";
import { isRunning, slotProcesses, until } from "../kit/processes.ts";
import { cli, Project, type Result } from "./harness.ts";
import { spawn } from "node:child_process";

const lines = ["one", "two", "three"];

/** A job over three lines whose map function, given `line` and `attempt`, does `body` first. */
const job = (body: string): string => `import { appendFileSync } from "node:fs";
import { job, read, taskContext } from "shoal";
void appendFileSync;
const held: unknown[] = [];
void held;
export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).map((line) => {
    const { attempt } = taskContext();
    void attempt;
    ${body}
    return line;
  }).write.text(output));
`;

/** Where `body` is in the file. */
const bodyLine = 10;

function projectOf(body: string): Project {
  const project = new Project({ "input.txt": `${lines.join("\n")}\n`, "job.ts": job(body) });
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

interface Ended extends Result {
  readonly error: {
    readonly code: string;
    readonly details: { readonly certificates?: readonly DeathCertificate[] };
    readonly cause?: { readonly details?: Readonly<Record<string, unknown>> };
  };
}

const runArgs = (isolation: string): string[] => [
  "run",
  "job.ts",
  "--slots",
  "1",
  "--memory",
  "64m",
  "--isolation",
  isolation,
];

/** Runs a job that is to fail. */
async function failing(body: string, isolation: string, ...args: string[]): Promise<Ended> {
  const project = projectOf(body);
  const result = await project.shoal(...runArgs(isolation), "--json", ...args);
  expect(result.code).toBe(1);
  expect(project.leftovers()).toEqual([]);
  expect(project.list(".")).not.toContain("out");
  return { ...result, error: (JSON.parse(result.stdout) as { error: Ended["error"] }).error };
}

/** Runs a job in which only first attempts misbehave. Returns what it said. */
async function surviving(body: string, isolation: string, ...args: string[]): Promise<string> {
  const project = projectOf(`if (attempt === 1) { ${body} }`);
  const { code, stderr } = await project.shoal(...runArgs(isolation), ...args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(project.output("out")).toBe(`${lines.join("\n")}\n`);
  expect(project.leftovers()).toEqual([]);
  return stderr;
}

const fillHeap = "for (const all: unknown[] = [];;) all.push(new Array(100_000).fill(line));";
const eatBuffers = "for (let i = 0; i < 64; i++) held.push(new Uint8Array(2 ** 26).fill(1)); for (;;);";
const loop = "const spin = (n: number): never => { for (;;) n++; }; spin(1);";

describe.each(["thread", "process"])("a slot that is a %s, in which a user function", (isolation) => {
  test("fills the heap once: the attempt is done again", async () => {
    const said = await surviving(fillHeap, isolation);
    expect(said).toContain(`slot 0's ${isolation} ended: its JavaScript heap reached its limit of 192 MiB`);
  });

  test("fills the heap always: poison, with three certificates", async () => {
    const { error, stderr } = await failing(fillHeap, isolation);
    expect(error.code).toBe("POISON_TASK");
    expect(error.details.certificates).toHaveLength(3);
    for (const [i, certificate] of error.details.certificates!.entries()) {
      expect(certificate).toMatchObject({
        isolation,
        slot: 0,
        attempt: `t0.${i + 1}`,
        outOfMemory: "heap",
        memoryLimit: { limitBytes: 192 * 2 ** 20 },
      });
      expect(certificate.doing).toMatch(new RegExp(`^t0\\.${i + 1} of read\\.lines → map → text, for `));
      expect(certificate.memory.length).toBeGreaterThan(0);
      expect(certificate.memory.length).toBeLessThanOrEqual(60);
    }
    expect(stderr.match(/out of memory \(heap, limit 192 MiB/g)).toHaveLength(3);
  });

  test("eats 4 GB of buffers, and touches them: ended at a limit, with the stack and the memory's curve", async () => {
    const said = await surviving(eatBuffers, isolation);
    expect(said).toMatch(/slot 0 was ended: (its buffers hold|its process uses|the slots together use) /);
  });

  test("loops for ever: the time limit ends it, and the error has the stack, in TypeScript's lines", async () => {
    const { error, stderr } = await failing(loop, isolation, "--task-timeout", "300ms");
    expect(error.code).toBe("ATTEMPTS_EXHAUSTED");
    expect(error.cause!.details!["stack"]).toMatch(
      new RegExp(`^ +at spin \\(.*job\\.ts:${bodyLine}:\\d+\\)\n +at .*job\\.ts:${bodyLine}:\\d+`),
    );
    expect(stderr).toMatch(new RegExp(`it was here:\n +at spin \\(.*job\\.ts:${bodyLine}:\\d+\\)`));
  });

  test("waits for ever: the time limit ends it, and there is no stack to show", async () => {
    const { error } = await failing(
      "return new Promise(() => setInterval(() => {}, 1000)) as never;",
      isolation,
      "--task-timeout",
      "300ms",
    );
    expect(error.cause!.details).toMatchObject({ limitMs: 300, stack: null });
  });

  test("leaves the thread by a back door: exit code and last lines are known", async () => {
    const { error } = await failing(
      `console.log("about to go"); setTimeout(() => (process as never as { reallyExit(code: number): void }).reallyExit(7), 100);
      return new Promise(() => setInterval(() => {}, 1000)) as never;`,
      isolation,
    );
    expect(error.code).toBe("POISON_TASK");
    expect(error.details.certificates!.map(({ exitCode, outOfMemory }) => [exitCode, outOfMemory])).toEqual([
      [7, null],
      [7, null],
      [7, null],
    ]);
    for (const { lastLines } of error.details.certificates!) expect(lastLines.at(-1)).toBe("about to go");
  });
});

describe("a slot that is a process, in which a user function", () => {
  test("crashes once: the attempt is done again", async () => {
    expect(await surviving('process.kill(process.pid, "SIGSEGV"); for (;;);', "process")).toContain(
      "crashed: it ended by SIGSEGV",
    );
  });

  test("crashes always: poison, with three certificates", async () => {
    const { error } = await failing('process.kill(process.pid, "SIGABRT"); for (;;);', "process");
    expect(error.code).toBe("POISON_TASK");
    expect(error.details.certificates!.map(({ signal, attempt }) => [signal, attempt])).toEqual([
      ["SIGABRT", "t0.1"],
      ["SIGABRT", "t0.2"],
      ["SIGABRT", "t0.3"],
    ]);
  });

  test("calls process.abort(): an error at its line, as in a thread", async () => {
    const { stderr } = await failing("process.abort();", "process");
    expect(stderr).toMatch(new RegExp(`abort.*job\\.ts:${bodyLine}:\\d+`));
  });
});

describe.runIf(process.platform === "linux")("slots that are processes", () => {
  const files = {
    "input.txt": `${lines.join("\n")}\n`,
    "job.ts": job("if (attempt === 1) { appendFileSync('began', process.pid + '\\n'); for (;;); }"),
  };

  test("end when the program is killed, also in the midst of an endless loop", async () => {
    for (let round = 0; round < 3; round++) {
      using project = new Project(files);
      const running = project.start("run", "job.ts", "--slots", "2", "--isolation", "process");
      await until(
        "the function loops",
        () => existsSync(project.at("began")) && project.read("began").endsWith("\n"),
      );
      const slots = slotProcesses(running.process.pid!);
      expect(slots).toContain(Number(project.read("began").trim()));
      running.process.kill("SIGKILL");
      await running.ended;
      await until("the slots have ended", () => !slots.some(isRunning), 5000);
    }
  });

  test("end when the program is killed at any moment of its start", async () => {
    using project = new Project(files);
    const children = new Set<number>();
    for (const isLate of Array.from({ length: 12 }, (_, i) => i % 4)) {
      const child = spawn(
        process.execPath,
        [cli, "run", "job.ts", "--slots", "3", "--isolation", "process"],
        {
          cwd: project.dir,
          stdio: "ignore",
        },
      );
      await until("slots start", () => slotProcesses(child.pid!).length > (isLate % 4) - 1, 10_000);
      for (const pid of slotProcesses(child.pid!)) children.add(pid);
      child.kill("SIGKILL");
      await until("it has ended", () => !isRunning(child.pid!));
    }
    expect(children.size).toBeGreaterThan(5);
    await until("the slots have ended", () => ![...children].some(isRunning), 5000);
  });

  test("are killed from outside while they work: their attempts are done again, and the output is right", async () => {
    const text = Array.from({ length: 24 }, (_, i) => `line ${String(i).padStart(2, "0")}\n`).join("");
    using project = new Project({
      "input.txt": text,
      "job.ts": job("const until = performance.now() + 150; while (performance.now() < until);"),
    });
    const running = project.start(
      "run",
      "job.ts",
      "--slots",
      "2",
      "--isolation",
      "process",
      "--split-size",
      "8",
    );
    let kills = 0;
    const killer = setInterval(() => {
      const victims = slotProcesses(running.process.pid!);
      const victim = victims[kills % 2];
      if (victim === undefined || victims.length < 2 || kills >= 6) return;
      process.kill(victim, "SIGKILL");
      kills++;
    }, 300);
    const { code, stderr } = await running.ended;
    clearInterval(killer);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(kills).toBeGreaterThan(2);
    expect(stderr).toContain("slot 0's process was killed from outside, by SIGKILL");
    expect(project.output("out")).toBe(text);
    expect(project.leftovers()).toEqual([]);
  });

  test("are stopped (SIGSTOP) past the time limit: ended all the same, and the attempt is done again", async () => {
    using project = new Project({
      ...files,
      "job.ts": files["job.ts"].replace(
        "for (;;);",
        "for (const until = Date.now() + 60_000; Date.now() < until;);",
      ),
    });
    const running = project.start(
      "run",
      "job.ts",
      "--slots",
      "1",
      "--isolation",
      "process",
      "--task-timeout",
      "1s",
    );
    await until(
      "the function loops",
      () => existsSync(project.at("began")) && project.read("began").endsWith("\n"),
    );
    const slot = Number(project.read("began").trim());
    process.kill(slot, "SIGSTOP");
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain("its time limit");
    expect(project.output("out")).toBe(`${lines.join("\n")}\n`);
    expect(isRunning(slot)).toBe(false);
  });

  test("live on under Ctrl-C until the program ends them", async () => {
    using project = new Project(files);
    const child = spawn(process.execPath, [cli, "run", "job.ts", "--slots", "1", "--isolation", "process"], {
      cwd: project.dir,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let stderr = "";
    child.stderr!.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    await until(
      "the function loops",
      () => existsSync(project.at("began")) && project.read("began").endsWith("\n"),
    );
    const slot = Number(project.read("began").trim());
    process.kill(-child.pid!, "SIGINT"); // to the group, as a terminal does
    const code = await new Promise((resolve) => child.on("exit", resolve));
    expect({ code, stderr }).toMatchObject({ code: 130 });
    expect(stderr).not.toContain("tried again");
    expect(isRunning(slot)).toBe(false);
    expect(project.leftovers()).toEqual([]);
  });
});

test("a function that eats buffers always: poison, and the certificates say which limit, how much, and where", async () => {
  const { error } = await failing(eatBuffers, "thread");
  expect(error.code).toBe("POISON_TASK");
  for (const { outOfMemory, memoryLimit, stack, memory } of error.details.certificates!) {
    expect(["buffers", "rss"]).toContain(outOfMemory);
    expect(memoryLimit!.usedBytes).toBeGreaterThan(memoryLimit!.limitBytes);
    expect(memoryLimit!.isGuess).toBe(false);
    expect(memory.at(-1)!.rssBytes).toBeGreaterThan(2 ** 29);
    expect(stack).toMatch(new RegExp(`job\\.ts:${bodyLine}:\\d+`));
  }
});

test("the isolation must be one of the two", async () => {
  using project = new Project({ "job.ts": job(""), "input.txt": "" });
  const { code, stderr } = await project.shoal("run", "job.ts", "--isolation", "fibre");
  expect(code).toBe(2);
  expect(stderr).toContain('--isolation must be thread or process, received "fibre"');
});
