// The same programs on a cluster: a real nats-server, workers as processes, killed and stopped.

import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort, natsEnv, startNats, type NatsServer } from "../kit/nats.ts";
import type { WorkerInfo } from "../../src/cluster.ts";
import { shoal as built } from "../kit/built.ts";
import { isRunning, until } from "../kit/processes.ts";
import { booksDir, Project, type Running } from "./harness.ts";

const examples = path.resolve(import.meta.dirname, "../../examples");

/** A project with the books and the example jobs, and a cluster on a server that tests may share. */
class ClusterProject extends Project {
  readonly url: string;
  private readonly running: Running[] = [];

  constructor(url: string) {
    super();
    this.url = url;
    symlinkSync(booksDir, this.at("books"));
    mkdirSync(this.at("jobs"));
    for (const name of readdirSync(examples))
      if (name.endsWith(".ts")) this.write(`jobs/${name}`, readFileSync(path.join(examples, name)));
  }

  /** Starts a worker and waits until it is ready. */
  async worker(...args: string[]): Promise<Running> {
    const directory = `.shoal/w${this.running.length + 1}`;
    const worker = this.start("worker", "--cluster", this.url, "--directory", directory, ...args);
    this.running.push(worker);
    await worker.said("is ready");
    return worker;
  }

  /** In this process: to be asked again and again. */
  async listed(): Promise<readonly WorkerInfo[]> {
    return await built.workers(this.url);
  }

  /** Attempts that are finished, as the journal of the project's one job has it on disk. */
  finished(): number {
    return this.journals().split('"AttemptFinished"').length - 1;
  }

  async close(): Promise<void> {
    for (const worker of this.running) worker.process.kill("SIGKILL");
    await Promise.all(this.running.map((worker) => worker.ended));
    this[Symbol.dispose]();
  }
}

let server: NatsServer;
beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server.close());

describe("jobs on two workers", () => {
  let project: ClusterProject;
  beforeAll(async () => {
    project = new ClusterProject(`${server.url}/jobs`);
    await Promise.all([
      project.worker("--slots", "2"),
      project.worker("--slots", "1", "--label", "disk=ssd"),
    ]);
  });
  afterAll(() => project.close());

  test.each([
    ["03-classic-word-count.ts", "--input", "books/pg-*.txt"],
    ["04-inverted-index.ts", "--input", "books/pg-*.txt"],
    ["06-sort.ts", "--input", "books/pg-*.txt"],
    // Ranges of keys that are parts of runs elsewhere.
    ["06-sort.ts", "--input", "books/pg-*.txt", "--partitions", "7", "--split-size", "200k"],
  ])("%s gives the same bytes as on one machine", async (job, ...args) => {
    const here = await project.shoal(
      "run",
      `jobs/${job}`,
      ...args,
      "--output",
      `here-${job}`,
      "--split-size",
      "64k",
    );
    expect(here.stderr).not.toContain("error");
    expect(here.code).toBe(0);
    const there = await project.shoal(
      "run",
      `jobs/${job}`,
      ...args,
      "--output",
      `there-${job}`,
      "--split-size",
      "64k",
      "--cluster",
      project.url,
      "--fresh",
    );
    expect(there.stderr).not.toContain("error");
    expect(there.code).toBe(0);
    expect(project.digest(`there-${job}`)).toBe(project.digest(`here-${job}`));
  });

  test("a value comes back, and what user code prints", async () => {
    project.write(
      "total.ts",
      `import { job, read } from "shoal";
       export default job({ input: "books/pg-*.txt" }, ({ input }) =>
         read.lines(input).map((line) => { if (line.includes("Sherlock")) console.log("seen"); return line.length; }).collect());`,
    );
    const here = await project.shoal("run", "total.ts", "--split-size", "256k");
    const there = await project.shoal("run", "total.ts", "--split-size", "256k", "--cluster", project.url);
    expect(there.code).toBe(0);
    expect(there.stdout).toBe(here.stdout);
    expect(there.stderr).toContain("seen");
  });

  test("an error of user code has its line, and its data's", async () => {
    project.write(
      "broken.ts",
      [
        'import { job, read } from "shoal";',
        'export default job({ input: "data.txt" }, ({ input }) => read.lines(input).map((line) => {',
        '  if (line === "bad") throw new Error("no good");',
        "  return line;",
        "}).count());",
      ].join("\n"),
    );
    project.write("data.txt", "good\ngood\nbad\n");
    const { code, stderr } = await project.shoal("run", "broken.ts", "--cluster", project.url);
    expect(code).toBe(1);
    expect(stderr).toContain("no good");
    expect(stderr).toContain("broken.ts:3");
    expect(stderr).toContain("line 3 of data.txt");
  });

  test("shoal workers lists them, with their labels", async () => {
    const { stdout, code } = await project.shoal("workers", "--cluster", project.url);
    expect(code).toBe(0);
    expect(stdout).toMatch(/worker +slots +busy/);
    expect(stdout).toContain("disk=ssd");
    expect((await project.listed()).map(({ slots }) => slots).sort()).toEqual([1, 2]);
  });

  test("workers leave nothing of a job that is over", async () => {
    await until("both workers are free", async () =>
      (await project.listed()).every(({ run }) => run === null),
    );
    expect(
      project.below(".shoal").filter((name) => /runs\/[^/]+\/(blocks|results|fetched)\/./.test(name)),
    ).toEqual([]);
  });
});

/** A job whose tasks take a while, and whose slots the test can see busy. */
const slow = `import { job, read } from "shoal";
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
export default job({ input: "books/pg-*.txt", output: "out" }, ({ input, output }) =>
  read.lines(input).flatMap((line) => { pause(0.05); return line.match(/[a-z]+/g) ?? []; }).countByValue().write.tsv(output));
`;

describe("faults", () => {
  const open = async (
    workers: number,
    name: string,
  ): Promise<{ project: ClusterProject; workers: Running[] }> => {
    const project = new ClusterProject(`${server.url}/${name}`);
    project.write("slow.ts", slow);
    const started = await Promise.all(Array.from({ length: workers }, () => project.worker("--slots", "1")));
    return { project, workers: started };
  };
  const run = (project: ClusterProject, ...args: string[]): Running =>
    project.start("run", "slow.ts", "--split-size", "128k", "--cluster", project.url, "--attached", ...args);
  const busy = (project: ClusterProject, count: number): Promise<void> =>
    until(
      `${count} slots are busy`,
      async () => (await project.listed()).reduce((sum, worker) => sum + worker.busy, 0) >= count,
    );
  let expected: string;
  beforeAll(async () => {
    const project = new ClusterProject("");
    project.write("slow.ts", slow);
    const { code } = await project.shoal("run", "slow.ts", "--split-size", "128k");
    expect(code).toBe(0);
    expected = project.digest("out");
    await project.close();
  });

  test("kill -9 of a worker: the others do its work, and make its blocks again", async () => {
    const { project, workers } = await open(3, "kill");
    try {
      const running = run(project);
      await busy(project, 3);
      workers[0]!.process.kill("SIGKILL");
      const { code, stderr } = await running.ended;
      expect(stderr).not.toContain("error");
      expect(code).toBe(0);
      expect(project.digest("out")).toBe(expected);
    } finally {
      await project.close();
    }
  });

  test("kill -9 of the client, and the same command: it continues with what the workers hold", async () => {
    const { project } = await open(2, "client");
    try {
      const running = run(project);
      await running.said("tasks");
      await until("tasks are finished, as the journal tells", () => project.finished() >= 3);
      running.process.kill("SIGKILL");
      await running.ended;
      const { code, stderr } = await run(project).ended;
      expect(stderr).toMatch(/continues the run of .*: [1-9]\d* of \d+ tasks (is|are) finished already/);
      expect(code).toBe(0);
      expect(project.digest("out")).toBe(expected);
    } finally {
      await project.close();
    }
  });

  test("what a worker holds of a job that ended while it was away is deleted when it is back", async () => {
    const { project, workers } = await open(2, "away");
    const blocks = (): string[] => project.below(".shoal/w1").filter((name) => /blocks\/t\d+/.test(name));
    try {
      const running = run(project);
      await until("blocks are there", () => blocks().length > 0);
      workers[0]!.process.kill("SIGKILL");
      expect((await running.ended).code).toBe(0);
      expect(blocks()).not.toEqual([]);
      await project.worker("--slots", "1", "--directory", ".shoal/w1");
      await until("the blocks are deleted", () => blocks().length === 0);
    } finally {
      await project.close();
    }
  });

  test("NATS killed and started again: the job goes on", async () => {
    const own = await startNats();
    const project = new ClusterProject(`${own.url}/restart`);
    project.write("slow.ts", slow);
    try {
      await Promise.all([project.worker("--slots", "1"), project.worker("--slots", "1")]);
      const running = run(project);
      await busy(project, 2);
      await own.kill();
      await running.said("NATS is away");
      const { stdout } = await project.shoal("why");
      expect(stdout).toMatch(/CLUSTER_AWAY\n {2}NATS has been away for/);
      await own.restart();
      const { code, stderr } = await running.ended;
      expect(stderr).toContain("NATS is back");
      expect(code).toBe(0);
      expect(project.digest("out")).toBe(expected);
    } finally {
      await project.close();
      await own.close();
    }
  });

  test("a drained worker takes no new job, ends the one that it has, and leaves", async () => {
    const { project, workers } = await open(2, "drain");
    try {
      const running = run(project);
      await busy(project, 2);
      const leaving = (await project.listed()).find(({ pid }) => pid === workers[0]!.process.pid)!;
      const told = await project.shoal("drain", leaving.worker, "--cluster", project.url);
      expect(told.code).toBe(0);
      expect((await running.ended).code).toBe(0);
      expect((await workers[0]!.ended).code).toBe(0);
      expect((await project.listed()).map(({ pid }) => pid)).toEqual([workers[1]!.process.pid]);
      const unknown = await project.shoal("drain", "w999", "--cluster", project.url);
      expect(unknown.code).toBe(2);
      expect(unknown.stderr).toContain('no worker "w999" answers');
    } finally {
      await project.close();
    }
  });
});

describe("a cluster on this machine", () => {
  test("shoal up, a run, shoal down: nothing is left", async () => {
    using project = new Project({ "data.txt": "a\nb\n" });
    project.write(
      "count.ts",
      'import { job, read } from "shoal";\nexport default job({ input: "data.txt" }, ({ input }) => read.lines(input).count());\n',
    );
    const port = String(await freePort());
    const up = await project.startWith(
      natsEnv(),
      "up",
      "--workers",
      "2",
      "--slots",
      "1",
      "--port",
      port,
      "--json",
    ).ended;
    expect(up.stderr).toBe("");
    const { url, nats, workers } = JSON.parse(up.stdout) as { url: string; nats: number; workers: number[] };
    try {
      const again = await project.shoal("up", "--port", port);
      expect(again.code).toBe(2);
      expect(again.stderr).toContain("runs already");
      const { stdout, code } = await project.shoal("run", "count.ts", "--cluster", url);
      expect(code).toBe(0);
      expect(stdout).toBe("2\n");
    } finally {
      const down = await project.shoal("down");
      expect(down.stdout).toBe("3 processes were ended\n");
    }
    for (const pid of [nats, ...workers]) expect(isRunning(pid)).toBe(false);
    expect(project.list(".shoal")).not.toContain("cluster");
    expect((await project.shoal("down")).stdout).toBe("no cluster runs here\n");
  });

  test("wrong addresses are told as such", async () => {
    using project = new Project();
    const port = await freePort();
    const nobody = await project.shoal("workers", "--cluster", `nats://127.0.0.1:${port}`);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain(`no NATS server answers at nats://127.0.0.1:${port}`);
    const bad = await project.shoal("workers", "--cluster", "redis://here");
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain("the cluster's address must be nats://host:port/cluster");
    const none = await project.shoal("workers");
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no cluster is named");
    const secret = await project.shoal("workers", "--cluster", `nats://me:secret@127.0.0.1:${port}`);
    expect(secret.stderr).not.toContain("secret");
  });
});
