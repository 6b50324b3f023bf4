// A cluster whose machines are network namespaces, over TLS, as `shoal cluster init --host` makes it: three NATS servers,
// workers, and a client.
//
// Not here: the namespaces and their links (net-lab.mjs), whom to break, and when.
import fs from "node:fs";
import path from "node:path";
import { cli, tailOf, watched } from "./lab.mjs";
import { NetLab } from "./net-lab.mjs";

const defaultServer = process.env.SHOAL_NATS_SERVER ?? "nats-server";

export class NetCluster {
  serverNames = ["s1", "s2", "s3"];
  clientName = "c";

  /** `env`: of all its processes. Its machines are there at once; `init` does the rest. */
  constructor({ directory, env, subnet, workers = 3, natsServer = defaultServer }) {
    this.directory = directory;
    this.env = env;
    this.natsServer = natsServer;
    this.workerNames = Array.from({ length: workers }, (_, n) => `w${n + 1}`);
    this.net = new NetLab([...this.serverNames, ...this.workerNames, this.clientName], subnet);
    this.servers = new Map();
  }

  /** Keys and addresses, and the servers begin. */
  async init() {
    const hosts = this.serverNames.flatMap((name) => ["--host", this.net.address(name)]);
    const { ended } = this.shoal(null, ["cluster", "init", ...hosts], { log: "init" });
    if ((await ended) !== 0) throw new Error(tailOf(this.log("init")));
    for (const name of this.serverNames) this.startServer(name);
  }

  /** Of the client; everybody here reaches the servers, too. */
  get url() {
    return fs.readFileSync(path.join(this.directory, "cluster/client.url"), "utf8");
  }

  /** What commands are told of it. */
  get option() {
    return `@${path.join(this.directory, "cluster/client.url")}`;
  }

  log(name) {
    return path.join(this.directory, `${name}.log`);
  }

  /** A process on a machine, or here (`name` null). */
  start(name, command, args, { cwd = this.directory, env = this.env, log = name } = {}) {
    const machine = name === null ? null : this.net.space(name);
    return watched(command, args, { cwd, env, log: this.log(log), machine });
  }

  shoal(name, args, options) {
    return this.start(name, process.execPath, [cli, ...args], options);
  }

  startClient(args, options) {
    return this.shoal(this.clientName, args, { log: "client", ...options });
  }

  startServer(name) {
    const cwd = path.join(this.directory, `cluster/nats-${this.serverNames.indexOf(name) + 1}`);
    this.servers.set(name, this.start(name, this.natsServer, ["-c", "nats.conf"], { cwd }));
  }

  /** By SIGKILL; settles when it is dead. */
  async killServer(name) {
    const { child, ended } = this.servers.get(name);
    child.kill("SIGKILL");
    await ended;
  }

  startWorker(name, slots) {
    const place = ["--host", this.net.address(name), "--directory", name];
    const how = ["--slots", String(slots), "--isolation", "process"];
    return this.shoal(name, ["worker", "--cluster", "@cluster/worker.url", ...how, ...place]);
  }

  endServers() {
    for (const { child } of this.servers.values()) child.kill("SIGKILL");
  }

  /** Its machines are gone, whoever is on them still. */
  close() {
    this.net.close();
  }
}
