// The nats-servers of a chaos run, on free ports of loopback: one, or several that form a cluster. Each can be killed, and is
// started again on its port and directory.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { freePort, listens } from "../../bench/net.mjs";

const binary = process.env.SHOAL_NATS_SERVER ?? "nats-server";

export class Servers {
  /** Settles when all of them listen. */
  static async start(count, directory, env) {
    const servers = new Servers();
    const routes = [];
    for (let n = 0; n < count; n++) routes.push(`nats://127.0.0.1:${await freePort()}`);
    servers.directory = directory;
    servers.env = env;
    servers.all = [];
    for (let n = 0; n < count; n++) {
      const port = await freePort();
      const args = ["-a", "127.0.0.1", "-p", String(port), "-js", "-n", `n${n}`];
      args.push("-sd", path.join(directory, `nats-${n}`));
      if (count > 1)
        args.push("--cluster_name", "chaos", "--cluster", routes[n], "--routes", routes.join(","));
      servers.all.push({ port, args, child: null, ended: null });
    }
    for (const one of servers.all) servers.begin(one);
    for (const { port } of servers.all) {
      while (!(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return servers;
  }

  /** Of all of them. */
  get url() {
    return `nats://${this.all.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  begin(one) {
    const log = fs.openSync(path.join(this.directory, "nats.log"), "a");
    one.child = spawn(binary, one.args, {
      cwd: this.directory,
      env: this.env,
      stdio: ["ignore", "ignore", log],
    });
    fs.closeSync(log);
    const { child } = one;
    one.ended = new Promise((resolve, reject) => {
      child.once("exit", resolve);
      child.once("error", reject);
    });
  }

  /** By SIGKILL; settles when it has been started again. */
  async kill(one) {
    one.child.kill("SIGKILL");
    await one.ended;
    this.begin(one);
  }

  end() {
    for (const { child } of this.all) child.kill("SIGKILL");
  }
}
