// A cluster on loopback, in the clear: what NetCluster is, without machines. One nats-server, or three.
import path from "node:path";
import { cli, watched } from "./lab.mjs";
import { Servers } from "./servers.mjs";

export class LoopbackCluster {
  constructor({ directory, env, workers = 3, servers = 1 }) {
    this.directory = directory;
    this.env = env;
    this.workerNames = Array.from({ length: workers }, (_, n) => `w${n + 1}`);
    this.serverNames = Array.from({ length: servers }, (_, n) => `s${n + 1}`);
  }

  async init() {
    this.servers = await Servers.start(this.serverNames.length, this.directory, this.env);
  }

  get url() {
    return this.servers.url;
  }

  get option() {
    return this.url;
  }

  log(name) {
    return path.join(this.directory, `${name}.log`);
  }

  startClient(args, { cwd }) {
    return this.shoal(args, cwd, "client");
  }

  shoal(args, cwd, log) {
    return watched(process.execPath, [cli, ...args], {
      cwd,
      env: this.env,
      log: this.log(log),
      machine: null,
    });
  }

  startServer(name) {
    this.servers.begin(this.server(name));
  }

  async killServer(name) {
    const { child, ended } = this.server(name);
    child.kill("SIGKILL");
    await ended;
  }

  server(name) {
    return this.servers.all[this.serverNames.indexOf(name)];
  }

  startWorker(name, slots) {
    const how = ["--slots", String(slots), "--isolation", "process", "--directory", name];
    return this.shoal(["worker", "--cluster", this.url, ...how], this.directory, name);
  }

  endServers() {
    this.servers.end();
  }

  close() {}
}
