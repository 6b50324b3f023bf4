// What user code can do to a run (RELIABILITY: "User code"), as a user sees it: the built command line, real threads.

import { describe, expect, test } from "vitest";
import { Project, type Result } from "./harness.ts";

/** Runs a job whose map function has the given body, over three lines. */
async function runMap(
  body: string,
  { args = [], before = "" }: { args?: string[]; before?: string } = {},
): Promise<Result> {
  using project = new Project({
    "input.txt": "one\ntwo\nthree\n",
    "job.ts": `import { job, read, taskContext } from "shoal";
void taskContext;
${before}
export default job({ input: "input.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).map(${body}).write.text(output));
`,
  });
  const result = await project.shoal("run", "job.ts", "--slots", "1", ...args);
  expect(project.leftovers()).toEqual([]);
  if (result.code !== 0) expect(project.list(".")).not.toContain("out");
  return { ...result, stdout: result.code === 0 ? project.output("out") : "" };
}

describe("a user function that", () => {
  test("throws an error: line of the program, line of the input, properties and cause", async () => {
    const { code, stderr } = await runMap(`(line) => {
      if (line === "two") throw Object.assign(new TypeError("bad line", { cause: new Error("deeper") }), { received: 42 });
      return line;
    }`);
    expect(code).toBe(1);
    expect(stderr).toContain("TypeError: bad line");
    expect(stderr).toMatch(/job\.ts:6:\d+/);
    expect(stderr).toContain("line 2 of input.txt");
    expect(stderr).toContain("deeper");
    expect(stderr).toContain("received");
  });

  test("throws something that is no error", async () => {
    const { code, stderr } = await runMap(`(line) => { throw "just text"; }`);
    expect(code).toBe(1);
    expect(stderr).toContain("just text");
    expect(stderr).toContain("line 1 of input.txt");
  });

  test("rejects late", async () => {
    const { code, stderr } = await runMap(`async (line) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (line === "three") throw new Error("late");
      return line;
    }`);
    expect(code).toBe(1);
    expect(stderr).toContain("Error: late");
    expect(stderr).toContain("line 3 of input.txt");
  });

  test("never resolves, and nothing is left that could resolve it", async () => {
    const { code, stderr } = await runMap("(line) => new Promise(() => {})");
    expect(code).toBe(1);
    expect(stderr).toContain("never settles");
  });

  test("never resolves while a timer keeps ticking: the time limit ends it", async () => {
    const { code, stderr } = await runMap("(line) => new Promise(() => setInterval(() => {}, 1000))", {
      args: ["--task-timeout", "200ms"],
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/time limit|TASK_TIMEOUT/i);
  });

  test("loops for ever: the time limit ends it, and its thread", async () => {
    const { code, stderr } = await runMap("(line) => { for (;;); }", { args: ["--task-timeout", "200ms"] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/time limit|TASK_TIMEOUT/i);
  });

  test("calls process.exit(0): not a success", async () => {
    const { code, stderr } = await runMap("(line) => { process.exit(0); }");
    expect(code).toBe(1);
    expect(stderr).toContain("process.exit(0) was called");
    expect(stderr).toMatch(/job\.ts:5:\d+/);
  });

  test("calls process.exit(0) and swallows the error: not a success", async () => {
    const { code, stderr } = await runMap("(line) => { try { process.exit(0); } catch { return line; } }");
    expect(code).toBe(1);
    expect(stderr).toContain("process.exit(0) was called");
  });

  test("calls process.abort(): an error, since threads cannot", async () => {
    const { code, stderr } = await runMap("(line) => { process.abort(); }");
    expect(code).toBe(1);
    expect(stderr).toContain("abort");
  });

  test("leaves a rejection that nobody handles", async () => {
    const { code, stderr } = await runMap(`async (line) => {
      void Promise.reject(new Error("forgotten"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return line;
    }`);
    expect(code).toBe(1);
    expect(stderr).toContain("forgotten");
    expect(stderr).toContain("nothing handled it");
  });

  test("throws in a timer", async () => {
    const { code, stderr } = await runMap(`async (line) => {
      setTimeout(() => { throw new Error("from a timer"); }, 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return line;
    }`);
    expect(code).toBe(1);
    expect(stderr).toContain("from a timer");
  });

  test("goes on after it has returned: what it does then reaches no output", async () => {
    const { code, stdout } = await runMap(`(line) => {
      const parts = [line];
      setTimeout(() => parts.push("late"), 1);
      return parts.join();
    }`);
    expect(code).toBe(0);
    expect(stdout).toBe("one\ntwo\nthree\n");
  });

  test("prints a flood: the run goes on, and the flood is cut", async () => {
    const { code, stderr, stdout } = await runMap(`(line) => {
      for (let i = 0; i < 20_000; i++) console.log("x".repeat(1000));
      return line;
    }`);
    expect(code).toBe(0);
    expect(stdout).toBe("one\ntwo\nthree\n");
    expect(stderr.length).toBeGreaterThan(100_000);
    expect(stderr.length).toBeLessThan(1_000_000);
  });

  test("allocates 4 GB of buffers that it does not touch", async () => {
    const { code } = await runMap(
      `(line) => { buffers.push(new ArrayBuffer(2 ** 30)); buffers.push(new ArrayBuffer(2 ** 29)); return line; }`,
      { before: "const buffers: ArrayBuffer[] = [];" },
    );
    expect(code).toBe(0);
  });

  // reason: from Node 24 on, V8 may end the whole process before Node can end the thread; `--isolation process` is for that
  test.skipIf(Number(process.versions.node.split(".")[0]) >= 24)(
    "fills its heap: the thread ends, the program says why",
    async () => {
      const { code, stderr } = await runMap(
        `(line) => { const all = []; for (;;) all.push(new Array(100_000).fill(line)); }`,
        { args: ["--memory", "64m"] },
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(/heap|memory/i);
    },
  );

  test("changes the values that it was given: nobody else sees it", async () => {
    using project = new Project({
      "job.ts": `import { job, read } from "shoal";
export default job({}, () =>
  read.values([{ n: 1 }, { n: 2 }]).map((value) => { (value as { n: number }).n *= 10; return value.n; }).collect());
`,
    });
    const first = await project.shoal("run", "job.ts");
    expect(first.stdout.trim().split("\n")).toEqual(["10", "20"]);
  });
});
