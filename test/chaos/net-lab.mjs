// Machines that are network namespaces: each with an address of its own, all on one bridge, each link can be cut. Linux, root,
// and iproute2. What a process that was killed has left behind is removed when the next one begins.
import { spawnSync } from "node:child_process";
import fs from "node:fs";

const prefix = "shoal";
let labs = 0;

export function ip(...args) {
  const { status, stderr, stdout, error } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

const isAlive = (pid) => fs.existsSync(`/proc/${pid}`);

/** Namespaces and bridges of processes that are gone. */
function sweep() {
  const names = ip("netns", "list").match(/^\S+/gm) ?? [];
  for (const name of names) {
    const pid = new RegExp(`^${prefix}-(\\d+)x\\d+-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(pid)) ip("netns", "del", name);
  }
  const bridges = ip("-o", "link", "show", "type", "bridge").matchAll(
    new RegExp(`: (${prefix}(\\d+)x\\d+): `, "g"),
  );
  for (const [, bridge, pid] of bridges) if (!isAlive(pid)) ip("link", "del", bridge);
}

export class NetLab {
  /** `subnet`: the first three numbers of its addresses, of which .254 is the bridge's, here. */
  constructor(names, subnet) {
    this.names = names;
    this.subnet = subnet;
    // Several at a time, of several processes; 15 characters at most, as the links have.
    this.id = `${process.pid}x${++labs}`;
    this.bridge = `${prefix}${this.id}`;
    sweep();
    const taken = ip("-o", "-4", "addr").includes(` ${subnet}.`);
    if (taken) throw new Error(`${subnet}.0/24 is in use: name another --subnet`);
    try {
      ip("link", "add", this.bridge, "type", "bridge");
      ip("addr", "add", `${subnet}.254/24`, "dev", this.bridge);
      ip("link", "set", this.bridge, "up");
      names.forEach((name) => this.add(name));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Of this side of the bridge. */
  get hostAddress() {
    return `${this.subnet}.254`;
  }

  address(name) {
    return `${this.subnet}.${this.names.indexOf(name) + 1}`;
  }

  space(name) {
    return `${prefix}-${this.id}-${name}`;
  }

  /** This end of the machine's link. */
  port(name) {
    return `v${this.id}${name}`;
  }

  add(name) {
    const space = this.space(name);
    ip("netns", "add", space);
    ip("link", "add", this.port(name), "type", "veth", "peer", "name", "eth0", "netns", space);
    ip("link", "set", this.port(name), "master", this.bridge, "up");
    ip("-n", space, "addr", "add", `${this.address(name)}/24`, "dev", "eth0");
    ip("-n", space, "link", "set", "lo", "up");
    ip("-n", space, "link", "set", "eth0", "up");
  }

  cut(name) {
    ip("link", "set", this.port(name), "down");
  }

  mend(name) {
    ip("link", "set", this.port(name), "up");
  }

  close() {
    for (const name of this.names) {
      spawnSync("ip", ["netns", "del", this.space(name)]);
      // Those of a namespace in which somebody still is would stay until it ends.
      spawnSync("ip", ["link", "del", this.port(name)]);
    }
    spawnSync("ip", ["link", "del", this.bridge]);
  }
}
