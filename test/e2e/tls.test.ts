// A cluster over TLS, as `shoal cluster init --host` makes it: who is trusted, who is not, and what is refused before
// anything listens. (All of 127/8 is loopback: so the hosts have addresses of their own, and are all here.)

import { createServer as createTlsServer } from "node:https";
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postBlocks } from "../../src/executor/block-request.ts";
import { Authority } from "../../src/model/certificates.ts";
import { workersName } from "../../src/protocol/blocks.ts";
import { freePort, natsServer } from "../kit/nats.ts";
import { Project, type Running } from "./harness.ts";

let project: Project;
let server: ChildProcess;
let port: number;
const workers: Running[] = [];

beforeAll(async () => {
  project = new Project({
    "data.txt": "one two\ntwo three three\nthree\n".repeat(2000),
    "count.ts":
      'import { job, read } from "shoal";\n' +
      'export default job({ input: "data.txt", output: "out" }, ({ input, output }) =>\n' +
      "  read.lines(input).flatMap((line) => line.split(' ')).countByValue().write.tsv(output));\n",
  });
  port = await freePort();
  const hosts = ["--host", "127.0.0.2"];
  const made = await project.shoal("cluster", "init", ...hosts, "--port", String(port));
  expect(made.stderr).toBe("");
  server = spawn(natsServer(), ["-c", "nats.conf"], { cwd: project.at("cluster/nats-1"), stdio: "ignore" });
  for (const n of [3, 4]) {
    workers.push(
      project.start(
        ...`worker --cluster @cluster/worker.url --slots 1 --host 127.0.0.${n} --directory w${n}`.split(" "),
      ),
    );
  }
  for (const worker of workers) await worker.said("is ready");
});
afterAll(async () => {
  for (const worker of workers) worker.process.kill("SIGKILL");
  for (const worker of workers) await worker.ended;
  server.kill("SIGKILL");
  project[Symbol.dispose]();
});

const withCluster = ["--cluster", "@cluster/client.url"];

test("all files are for their owner only", () => {
  const server = ["nats.conf", "server.pem", "server-key.pem", "ca.pem"].map((name) => `nats-1/${name}`);
  const others = ["authority/ca.pem", "authority/ca-key.pem", "worker.url", "client.url", "viewer.url"];
  for (const name of [...server, ...others])
    expect(statSync(project.at("cluster", name)).mode & 0o777).toBe(0o600);
  expect(project.read("cluster/client.url")).not.toContain("PRIVATE KEY");
});

test("a job's blocks go from worker to worker over TLS, and its output is the same", async () => {
  const there = await project.shoal("workers", ...withCluster, "--json");
  const { workers: infos } = JSON.parse(there.stdout) as { workers: { url: string }[] };
  expect(infos.map(({ url }) => url.replace(/\d+$/, "")).sort()).toEqual([
    "https://127.0.0.3:",
    "https://127.0.0.4:",
  ]);
  const options = ["--split-size", "1k", "--partitions", "4", "--quiet"];
  const far = await project.shoal("run", "count.ts", ...withCluster, ...options, "--output", "far");
  expect(far.stderr).toBe("");
  const here = await project.shoal("run", "count.ts", ...options, "--output", "here");
  expect(here.code).toBe(0);
  expect(project.digest("far")).toBe(project.digest("here"));
}, 120_000);

test("a client without the authority, or with another, trusts nobody", async () => {
  const [url] = project.read("cluster/client.url").split("\n");
  const other = (await Authority.make("another")).identity.certificate;
  for (const text of [url!, `${url}\n${other}`]) {
    project.write("other.url", text);
    const { code, stderr } = await project.shoal("workers", "--cluster", "@other.url");
    expect(code).toBe(1);
    expect(stderr).toContain("CLUSTER_REFUSED");
    expect(stderr).toContain("cannot be trusted");
    expect(stderr).toContain("tls://client:…@127.0.0.2");
  }
});

test("a server that is not one of the address's hosts is not trusted", async () => {
  const text = project.read("cluster/client.url").replace("127.0.0.2", "127.0.0.5");
  project.write("elsewhere.url", text);
  const proxy = spawn(process.execPath, ["-e", forward, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => proxy.stdout.once("data", resolve));
  const { code, stderr } = await project.shoal("workers", "--cluster", "@elsewhere.url");
  proxy.kill("SIGKILL");
  expect(code).toBe(1);
  expect(stderr).toContain("CLUSTER_REFUSED");
});

/** Passes what comes to 127.0.0.5 on to the server. */
const forward = `
  const net = require("node:net"), port = Number(process.argv[1]);
  net.createServer((from) => {
    const to = net.connect(port, "127.0.0.2");
    from.pipe(to).pipe(from);
    for (const socket of [from, to]) socket.on("error", () => {});
  }).listen(port, "127.0.0.5", () => console.log("listens"));`;

test("blocks are fetched from workers of the cluster only", async () => {
  const authority = await Authority.make("a test");
  const ca = authority.identity.certificate;
  const ask = async (hosts: readonly string[], trusted: string): Promise<number | undefined> => {
    const { certificate, key } = authority.issue({ name: "one", hosts, uses: ["server"] });
    const peer = createTlsServer({ cert: certificate, key }, (_request, response) => response.end());
    await new Promise<void>((resolve) => peer.listen(0, "127.0.0.1", resolve));
    const url = `https://127.0.0.1:${(peer.address() as AddressInfo).port}`;
    try {
      const answer = await postBlocks(url, trusted, "{}", AbortSignal.timeout(10_000));
      answer.resume();
      return answer.statusCode;
    } finally {
      peer.close();
      peer.closeAllConnections();
    }
  };
  expect(await ask([workersName], ca)).toBe(200);
  expect(await ask(["127.0.0.1"], ca)).toBe(200);
  await expect(ask(["127.0.0.2"], ca)).rejects.toThrow(/altnames/);
  const other = (await Authority.make("another")).identity.certificate;
  await expect(ask([workersName], other)).rejects.toThrow(/certificate/);
  await expect(postBlocks("http://192.0.2.1:1", ca, "{}", new AbortController().signal)).rejects.toThrow(
    "without TLS",
  );
});

test("nothing listens off loopback, and nobody goes there, without TLS", async () => {
  const asked: readonly (readonly [string[], string])[] = [
    [
      ["--cluster", `nats://127.0.0.1:${port}`, "--host", "192.0.2.1"],
      "an address of loopback where there is no",
    ],
    [
      ["--cluster", "@cluster/worker.url", "--host", "0.0.0.0"],
      "one address, which other workers can connect to",
    ],
    [["--cluster", "@cluster/worker.url", "--host", "192.0.2.1"], "blocks cannot be served at 192.0.2.1"],
    [["--cluster", "nats://192.0.2.1:4222"], "not on loopback: passwords and code would travel in the clear"],
    [["--cluster", "tls://192.0.2.1:4222"], "this machine's address, at which other workers fetch blocks"],
    [["--cluster", "@cluster/worker.url", "--tls-cert", "data.txt"], "a certificate and its key go together"],
  ];
  for (const [options, why] of asked) {
    const { code, stderr } = await project.shoal("worker", "--slots", "1", ...options);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
  }
});

test("a worker's own certificate must be for its host", async () => {
  const authority = await Authority.make("a test");
  const { certificate, key } = authority.issue({ name: "own", hosts: ["127.0.0.7"], uses: ["server"] });
  project.write("own.pem", certificate);
  project.write("own-key.pem", key);
  const own = ["--tls-cert", "own.pem", "--tls-key", "own-key.pem", "--directory", "w7"];
  const common = ["worker", "--cluster", "@cluster/worker.url", "--slots", "1", ...own];
  const refused = await project.shoal(...common, "--host", "127.0.0.8");
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("tls.cert must be for 127.0.0.8");
  const worker = project.start(...common, "--host", "127.0.0.7");
  await worker.said("is ready");
  worker.process.kill("SIGTERM");
  expect((await worker.ended).code).toBe(0);
});

test("a server off loopback that takes anybody is refused", async () => {
  // It is here, by a name that does not say so.
  const host = "127.1";
  const authority = await Authority.make("a test");
  const own = authority.issue({ name: "open", hosts: [host], uses: ["server"] });
  project.write("open/ca.pem", authority.identity.certificate);
  project.write("open/server.pem", own.certificate);
  project.write("open/server-key.pem", own.key);
  const openPort = await freePort();
  const options = ["--tls", "--tlscert", "server.pem", "--tlskey", "server-key.pem", "-js", "-sd", "js"];
  const open = spawn(natsServer(), ["-a", "127.0.0.1", "-p", String(openPort), ...options], {
    cwd: project.at("open"),
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await new Promise<void>((resolve) =>
      open.stderr.on("data", (text: Buffer) => {
        if (text.includes("Server is ready")) resolve();
      }),
    );
    const url = `tls://${host}:${openPort}?ca=open/ca.pem`;
    const { code, stderr } = await project.shoal("workers", "--cluster", url);
    expect(code).toBe(1);
    expect(stderr).toContain("takes anybody");
  } finally {
    open.kill("SIGKILL");
  }
});

test("init refuses hosts that are none", async () => {
  for (const host of ["0.0.0.0", "a b", "nats.example:4222", ""]) {
    const { code, stderr } = await project.shoal("cluster", "init", "--directory", "no", `--host=${host}`);
    expect(code).toBe(2);
    expect(stderr).toContain("hosts must be names or addresses");
  }
  expect(() => readFileSync(project.at("no"))).toThrow("ENOENT");
});
