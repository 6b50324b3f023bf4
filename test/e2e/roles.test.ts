// Credentials by role: what each may do on a real server, and what it may not.

import { readFileSync, statSync } from "node:fs";
import { spawn, type ChildProcess } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { roles, type Role } from "../../src/driver/nats/roles.ts";
import { Subjects } from "../../src/driver/nats/subjects.ts";
import { freePort, natsServer } from "../kit/nats.ts";
import { ClusterConnection } from "../../src/driver/nats/connection.ts";
import { sweepSubmitted } from "../../src/model/submitted/retention.ts";
import { until } from "../kit/processes.ts";
import { Project, type Running } from "./harness.ts";

const s = new Subjects("prod");
let project: Project;
let server: ChildProcess;
let worker: Running;
let port: number;
const urls = {} as Record<Role, string>;

beforeAll(async () => {
  project = new Project({ "data.txt": "a\nb\n" });
  port = await freePort();
  const made = await project.shoal("cluster", "init", "--name", "prod", "--port", String(port));
  expect(made.stderr).toBe("");
  for (const role of roles) urls[role] = project.read(`cluster/${role}.url`).trim();
  server = spawn(natsServer(), ["-c", project.at("cluster/nats.conf")], {
    stdio: "ignore",
  });
  worker = project.start("worker", "--cluster", "@cluster/worker.url", "--slots", "1");
  await worker.said("is ready");
});
afterAll(async () => {
  worker.process.kill("SIGKILL");
  await worker.ended;
  server.kill("SIGKILL");
  project[Symbol.dispose]();
});

test("the files are for their owner only, and are not overwritten", async () => {
  for (const name of ["nats.conf", "worker.url", "client.url", "viewer.url"])
    expect(statSync(project.at("cluster", name)).mode & 0o777).toBe(0o600);
  const again = await project.shoal("cluster", "init");
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("is not overwritten");
});

test("without credentials, or with wrong ones, nobody gets in; no message shows a password", async () => {
  for (const url of [
    `nats://127.0.0.1:${port}/prod`,
    `nats://client:wrong-password@127.0.0.1:${port}/prod`,
  ]) {
    const { code, stderr } = await project.shoal("workers", "--cluster", url);
    expect(code).toBe(1);
    expect(stderr).toContain("CLUSTER_REFUSED");
    expect(stderr).not.toContain("wrong-password");
  }
});

test("a client runs and submits jobs, and calls functions; a viewer looks on", async () => {
  project.write(
    "count.ts",
    'import { job, read } from "shoal";\nexport default job({ input: "data.txt" }, ({ input }) => read.lines(input).collect());\n',
  );
  project.write("f.ts", "export const double = (x: number): number => x * 2;\n");
  project.write(
    "call.mjs",
    `import { connect } from "shoal";
     const shoal = await connect(${JSON.stringify(urls.client)});
     const { double } = shoal.use(new URL("f.ts", import.meta.url));
     console.log(await double(21));
     await shoal.close();`,
  );
  const run = await project.shoal("run", "count.ts", "--cluster", "@cluster/client.url");
  expect(run.stdout).toBe('"a"\n"b"\n');
  const submitted = await project.shoal("submit", "count.ts", "--cluster", "@cluster/client.url");
  const id = submitted.stdout.trim();
  const attached = await project.shoal("attach", id, "--cluster", "@cluster/client.url");
  expect(attached.stdout).toBe('"a"\n"b"\n');
  const called = spawn(process.execPath, [project.at("call.mjs")], { cwd: project.dir });
  let out = "";
  called.stdout.on("data", (text: Buffer) => (out += text.toString()));
  await new Promise((resolve) => called.once("close", resolve));
  expect(out).toBe("42\n");
  const workers = await project.shoal("workers", "--cluster", "@cluster/viewer.url", "--json");
  expect((JSON.parse(workers.stdout) as { workers: unknown[] }).workers).toHaveLength(1);
  const jobs = await project.shoal("jobs", "--cluster", "@cluster/viewer.url");
  expect(jobs.stdout).toContain("succeeded");
  const why = await project.shoal("why", id, "--cluster", "@cluster/viewer.url");
  expect(why.stdout).toContain("succeeded");
  const refused = await project.shoal("submit", "count.ts", "--cluster", "@cluster/viewer.url");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    "CLUSTER_REFUSED: the NATS server does not allow this role a publish on $",
  );
}, 120_000);

test("a worker may delete what is kept no longer", async () => {
  const connection = await ClusterConnection.open(urls.worker, "a test");
  const monthsMs = 100 * 86_400_000;
  try {
    const swept = await sweepSubmitted(connection, Date.now() + monthsMs);
    expect(swept.jobs).toEqual(["s2", "s1"]); // what was run, and what was submitted
    expect(swept.objects.length).toBeGreaterThan(0);
    const { stdout } = await project.shoal("jobs", "--cluster", "@cluster/viewer.url", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [] });
  } finally {
    await connection.close();
  }
});

/** Who may publish, and who may listen. */
const matrix: readonly (readonly [string, readonly Role[], readonly Role[]])[] = [
  [s.door("j1", "w1"), ["worker"], ["worker", "client"]],
  [s.seat("j1", "w1"), ["worker", "client"], ["worker"]],
  [s.open, ["worker", "client"], ["worker"]],
  [s.who, ["worker", "client", "viewer"], ["worker"]],
  [s.here, ["worker"], ["client"]],
  [s.worker("w1"), ["client"], ["worker"]],
  [s.exited, ["worker"], ["worker", "client"]],
  [s.lease("w1", "x", "up"), ["worker"], ["client"]],
  [s.lease("w1", "x", "down"), ["client"], ["worker"]],
  [s.said("s1"), ["worker"], ["client", "viewer"]],
  [s.cancel("s1"), ["client"], ["worker"]],
  [s.journal("s1"), ["worker"], []],
  [`$KV.${s.bucket}.job.s1`, ["worker", "client"], []],
  [`$O.${s.bundles}.M.x`, ["worker", "client"], []],
  [`$JS.API.STREAM.DELETE.${s.journals}`, [], []],
  ["shoal.other.open", [], []],
  ["_INBOX_client.x", [], ["client"]],
  ["_INBOX_worker.x", [], ["worker"]],
  ["anything.else", [], []],
];

describe("the matrix of roles and subjects", () => {
  const connections = {} as Record<Role, NatsConnection>;
  const violations: string[] = [];
  beforeAll(async () => {
    for (const role of roles) {
      const [, user, pass] = /\/\/(\w+):([^@]+)@/.exec(urls[role])!;
      const nc = await connect({ servers: `127.0.0.1:${port}`, user: user!, pass: pass! });
      connections[role] = nc;
      void (async () => {
        for await (const status of nc.status()) {
          const { operation, subject } =
            (status as unknown as { error?: Record<string, unknown> }).error ?? {};
          if (operation !== undefined) violations.push(`${role} ${String(operation)} ${String(subject)}`);
        }
      })();
    }
  });
  afterAll(async () => {
    for (const role of roles) await connections[role].close();
  });

  test.each(matrix)("%s", async (subject, publishers, listeners) => {
    for (const role of roles) {
      connections[role].publish(subject, "");
      connections[role].subscribe(subject, { max: 1, callback: () => {} });
      await connections[role].flush();
    }
    const expected = roles.flatMap((role) => [
      ...(publishers.includes(role) ? [] : [`${role} publish ${subject}`]),
      ...(listeners.includes(role) ? [] : [`${role} subscription ${subject}`]),
    ]);
    const seen = (): string[] => violations.filter((text) => text.endsWith(` ${subject}`)).sort();
    await until("all refusals came", () => seen().length >= expected.length);
    expect(seen()).toEqual(expected.sort());
  });
});

test("what is in the configuration is what the matrix shows", () => {
  const text = readFileSync(project.at("cluster/nats.conf"), "utf8");
  expect(text).toContain('listen: "127.0.0.1:');
  for (const role of roles) expect(text).toContain(`user: ${role}`);
});
