// A NATS server whose store is full: whoever asks is told so, a job that was left to the cluster waits, and goes on when
// there is room. One that has lost its store; and one that is away when a worker leaves.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ClusterConnection } from "../../src/driver/nats/connection.ts";
import { shoal as built } from "../kit/built.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";
import { booksDir, Project } from "./harness.ts";

const counting = `import { existsSync } from "node:fs";
import { job, read } from "shoal";
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
export default job({ input: "books/pg-*.txt", output: "out", gate: "" }, ({ input, output, gate }) =>
  read.lines(input).flatMap((line) => {
    if (gate !== "" && line.includes("Becky")) while (!existsSync(gate)) pause(20);
    return line.match(/[a-z]+/g) ?? [];
  }).countByValue().write.tsv(output));
`;

let directory: string;
let configuration: string;
let server: NatsServer;
const room = (megabytes: number): void =>
  writeFileSync(configuration, `jetstream { max_memory_store: 8MB, max_file_store: ${megabytes}MB }\n`);

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "shoal-full-"));
  configuration = path.join(directory, "server.conf");
  room(8);
  server = await startNats(["-c", configuration]);
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Puts more and more into the server's store, until not a byte is taken any more. */
async function fill(connection: ClusterConnection): Promise<void> {
  let refusal: unknown = null;
  for (let size = 2 ** 18, n = 0; size >= 1;) {
    try {
      await connection.putObject(connection.subjects.results, `filling/${n++}`, Buffer.alloc(size));
    } catch (error) {
      refusal = error;
      size >>= 6;
    }
  }
  expect(refusal).toMatchObject({
    code: "CLUSTER_FAILED",
    message: expect.stringContaining("the NATS server's store is full"),
    hint: expect.stringContaining("max_file_store"),
  });
}

test("a server that lost its store: a worker that came to the old one says so and ends; the next one leads", async () => {
  const forgetful = await startNats();
  using project = new Project({ "count.ts": counting });
  symlinkSync(booksDir, project.at("books"));
  const url = `${forgetful.url}/lost`;
  const start = () => project.start("worker", "--cluster", url, "--slots", "1");
  const before = start();
  const notes: string[] = [];
  const embedded = await built.startWorker(url, {
    slots: 1,
    directory: project.at("embedded"),
    onNote: (line) => void notes.push(line),
  });
  let after: ReturnType<typeof start> | null = null;
  try {
    await before.said("is ready");
    await forgetful.kill();
    forgetful.forget();
    await forgetful.restart();
    const { code, stderr } = await before.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("the NATS server's store is another than the one that this worker came to");
    await until("the one in this program is told", () => notes.some((line) => /must be closed/.test(line)));
    await embedded.close();
    after = start();
    await after.said("is ready");
    const { code: ran } = await project.shoal("run", "count.ts", "--cluster", url);
    expect(ran).toBe(0);
    after.process.kill("SIGTERM");
    expect((await after.ended).code).toBe(0);
  } finally {
    before.process.kill("SIGKILL");
    after?.process.kill("SIGKILL");
    await embedded.close();
    await forgetful.close();
  }
});

test("a worker that leaves while the server is away, which comes back meanwhile, leaves as always", async () => {
  const flickering = await startNats();
  using project = new Project({});
  const worker = project.start("worker", "--cluster", `${flickering.url}/left`, "--slots", "1");
  try {
    await worker.said("is ready");
    await flickering.kill();
    await worker.said("NATS is away");
    worker.process.kill("SIGTERM");
    await worker.said("SIGTERM");
    await flickering.restart();
    const { code, stdout, stderr } = await worker.ended;
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining("has left") });
    expect(stderr).not.toContain("internal error");
  } finally {
    worker.process.kill("SIGKILL");
    await flickering.close();
  }
});

test("it is told, and nothing is lost: with more room the job goes on", async () => {
  using project = new Project({ "count.ts": counting });
  symlinkSync(booksDir, project.at("books"));
  expect((await project.shoal("run", "count.ts", "--split-size", "128k")).code).toBe(0);
  const expected = project.digest("out");
  project.remove("out");

  const url = `${server.url}/full`;
  const ask = (...args: string[]) => project.shoal(...args, "--cluster", url);
  const worker = project.start("worker", "--cluster", url, "--slots", "1");
  await worker.said("is ready");
  const connection = await ClusterConnection.open(url, "a test");
  const jobs = await built.clusterJobs(url);
  try {
    const gate = project.at("gate");
    const { stdout } = await ask("submit", "count.ts", "--gate", gate, "--split-size", "128k");
    const id = stdout.trim();
    const following = project.start("attach", id, "--cluster", url);
    await following.said("[1/2]");
    await fill(connection);
    await following.said(`cannot lead ${id}`);
    await following.said(`nobody leads ${id} at the moment`);
    expect((await ask("jobs")).stdout).toContain(`nobody leads ${id} at the moment`);
    expect((await ask("why", id)).stdout).toContain("NOBODY_LEADS");
    const refused = await ask("submit", "count.ts", "--output", "other");
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("the NATS server's store is full");
    expect(refused.stderr).toContain("max_file_store");

    await server.kill();
    room(64);
    await server.restart();
    project.write("gate", "");
    expect((await following.ended).code).toBe(0);
    expect(project.digest("out")).toBe(expected);
    expect(await jobs.info(id)).toMatchObject({ state: "succeeded", waits: null });
  } finally {
    await jobs.close();
    await connection.close();
    worker.process.kill("SIGKILL");
    await worker.ended;
  }
});
