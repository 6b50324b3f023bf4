// A real server that speaks S3, for tests: Ceph's gateway with one monitor and one store in memory, on free ports of
// loopback, in a directory of its own. It takes some ten seconds to start.

import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./nats.ts";
import { until } from "./processes.ts";

export interface S3Server {
  readonly endpoint: string;
  /** For programs that use it. */
  readonly env: Readonly<Record<string, string>>;
  makeBucket(name: string): Promise<void>;
  /** The same gateway as a Swift store: the environment of programs that use it. */
  swift(): Promise<Readonly<Record<string, string>>>;
  /** Ends the gateway as kill -9 does; what it serves stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const programs = ["radosgw", "ceph-mon", "ceph-osd", "ceph", "monmaptool", "ceph-authtool"];

/** Debian's packages radosgw, ceph-mon, ceph-osd and ceph-common. */
export const hasS3Server = (): boolean => programs.every((name) => spawnSync("which", [name]).status === 0);

const keys = { AWS_ACCESS_KEY_ID: "test1234", AWS_SECRET_ACCESS_KEY: "test12345678" };

/** The gateway listens on `host`; what is behind it, on loopback. */
export async function startS3(host = "127.0.0.1"): Promise<S3Server> {
  const directory = mkdtempSync(path.join(tmpdir(), "shoal-s3-"));
  const [port, monitorPort, olderPort] = [await freePort(), await freePort(), await freePort()];
  const at = (...names: string[]): string => path.join(directory, ...names);
  const conf = at("ceph.conf");
  const id = crypto.randomUUID();
  for (const name of ["mon", "osd0", "rgw"]) mkdirSync(at(name));
  const classes = readdirSync("/usr/lib", { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `/usr/lib/${name}/rados-classes`)
    .find((folder) => spawnSync("test", ["-d", folder]).status === 0);
  writeFileSync(
    conf,
    `[global]
fsid = ${id}
mon host = [v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${olderPort}]
mon initial members = a
keyring = ${at("keyring")}
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 5000
osd crush chooseleaf type = 0
public addr = 127.0.0.1
ms bind ipv6 = false
run dir = ${directory}
admin socket =
log file = ${at("$name.log")}
mon cluster log file = ${at("cluster.log")}
[mon.a]
mon data = ${at("mon")}
mon data avail warn = 1
mon data avail crit = 1
[osd.0]
osd data = ${at("osd0")}
osd objectstore = memstore
memstore device bytes = 2147483648
osd class dir = ${classes}
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=${host}:${port} tcp_nodelay=1
rgw data = ${at("rgw")}
rgw thread pool size = 32
rgw enable usage log = false
rgw lifecycle work time = 00:00-00:01
`,
  );
  const run = (program: string, args: readonly string[], input?: string): string =>
    execFileSync(program, args, {
      cwd: directory,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      ...(input === undefined ? {} : { input }),
    });
  const daemons: ChildProcess[] = [];
  const start = (program: string, ...args: string[]): ChildProcess => {
    const child = spawn(program, ["-f", "-c", conf, ...args], { cwd: directory, stdio: "ignore" });
    daemons.push(child);
    return child;
  };
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };

  const address = `[v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${olderPort}]`;
  run("monmaptool", ["--create", "--clobber", "--fsid", id, "--addv", "a", address, at("monmap")]);
  run("ceph-authtool", [
    "--create-keyring",
    at("keyring"),
    "--gen-key",
    "-n",
    "mon.",
    "--cap",
    "mon",
    "allow *",
  ]);
  const caps = ["mon", "osd", "mgr"].flatMap((kind) => ["--cap", kind, "allow *"]);
  for (const name of ["client.admin", "client.rgw"])
    run("ceph-authtool", [at("keyring"), "--gen-key", "-n", name, ...caps]);
  run("ceph-mon", ["-c", conf, "--mkfs", "-i", "a", "--monmap", at("monmap"), "--keyring", at("keyring")]);
  start("ceph-mon", "-i", "a");
  run("ceph-authtool", [at("keyring"), "--gen-key", "-n", "osd.0"]);
  const secret = run("ceph-authtool", [at("keyring"), "-n", "osd.0", "-p"]).trim();
  const osd = crypto.randomUUID();
  const asked = ["-c", conf, "osd", "new", osd, "0", "-i", "-", "-n", "client.admin"];
  run("ceph", asked, JSON.stringify({ cephx_secret: secret }));
  run("ceph-osd", ["-c", conf, "-i", "0", "--mkfs", "--osd-uuid", osd]);
  start("ceph-osd", "-i", "0");
  const endpoint = `http://${host}:${port}`;
  const answers = (): Promise<boolean> =>
    fetch(endpoint).then(
      ({ ok }) => ok,
      () => false,
    );
  let gateway = start("radosgw", "-n", "client.rgw");
  await until("the gateway answers", answers, 60_000);
  const user = ["user", "create", "--uid=test", "--display-name=test"];
  const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: password } = keys;
  const shown = [`--access-key=${access}`, `--secret=${password}`];
  run("radosgw-admin", ["-c", conf, "-n", "client.rgw", ...user, ...shown]);

  return {
    endpoint,
    env: { ...keys, AWS_ENDPOINT_URL_S3: endpoint, SHOAL_CACHE: at("cache") },
    makeBucket: async (name) => {
      process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
      const { CreateBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
      const credentials = { accessKeyId: access, secretAccessKey: password };
      const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
      await client.send(new CreateBucketCommand({ Bucket: name }));
      client.destroy();
    },
    swift: async () => {
      const admin = ["-c", conf, "-n", "client.rgw"];
      run("radosgw-admin", [
        ...admin,
        "subuser",
        "create",
        "--uid=test",
        "--subuser=test:swift",
        "--access=full",
      ]);
      const made = ["key", "create", "--subuser=test:swift", "--key-type=swift", `--secret=${password}`];
      run("radosgw-admin", [...admin, ...made]);
      const headers = { "X-Auth-User": "test:swift", "X-Auth-Key": password };
      const answer = await fetch(`${endpoint}/auth/1.0`, { headers });
      const [url, token] = [answer.headers.get("x-storage-url"), answer.headers.get("x-auth-token")];
      if (url === null || token === null) throw new Error(`no Swift token: ${answer.status}`);
      return { OS_STORAGE_URL: url, OS_AUTH_TOKEN: token };
    },
    kill: () => end(gateway),
    restart: async () => {
      gateway = start("radosgw", "-n", "client.rgw");
      await until("the gateway answers again", answers, 60_000);
    },
    close: async () => {
      for (const child of daemons.toReversed()) await end(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
