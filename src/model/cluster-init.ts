// What a cluster's NATS servers and roles need to know each other: a configuration for each server, an address for each
// role, and certificates where it is not all on loopback. All of it is secret, and readable by its owner only.
//
//   nats.conf  worker.url  client.url  viewer.url               on loopback
//   nats-1/ …  worker.url  client.url  viewer.url  authority/   for hosts: a folder for each server

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import path from "node:path";
import type { Role } from "../driver/nats/roles.ts";
import { ShoalError } from "../errors.ts";
import { workersName } from "../protocol/blocks.ts";
import type { Authority } from "./certificates.ts";
import { check, checkWhole } from "./option-checks.ts";

export interface InitOptions {
  /** Of the cluster. Letters, digits and "-". Default "main". */
  readonly name?: string;
  /** The NATS servers'. Default 4222. */
  readonly port?: number;
  /**
   * A name or an address for each NATS server, by which the others reach it. Default: one server, on loopback, without TLS.
   * Three servers keep three copies of everything, and any one of them may die.
   */
  readonly hosts?: readonly string[];
  /** Where the files are written. Default `cluster`. */
  readonly directory?: string;
}

/** Files that were written. */
export interface ClusterFiles {
  /** For `nats-server -c`; of the first server. */
  readonly configuration: string;
  /** Of every server. Those for hosts are started in their own folders. */
  readonly configurations: readonly string[];
  /** The authority's certificate and key, with which more certificates can be signed. Null: on loopback there is none. */
  readonly authority: { readonly certificate: string; readonly key: string } | null;
  /** Each holds an address, for `--cluster @file`; with the authority's certificate, and a worker's with its own and the key. */
  readonly worker: string;
  readonly client: string;
  readonly viewer: string;
}

const hostsMax = 5;

/**
 * Writes what the NATS servers and the roles of a cluster need to know each other: passwords by chance, permissions by
 * subject, and for hosts certificates of an authority made for this cluster alone. Nothing is overwritten.
 *
 * Errors: BAD_OPTION.
 *
 * @example
 * const { configurations, worker, client } = await initCluster({ hosts: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] });
 */
export async function initCluster(options: InitOptions = {}): Promise<ClusterFiles> {
  const { name = "main", port = 4222, hosts = [] } = options;
  const directory = path.resolve(options.directory ?? "cluster");
  const { inUrl, routesAbove, serverConfiguration, serverFiles } =
    await import("../driver/nats/server-configuration.ts");
  const { roles } = await import("../driver/nats/roles.ts");
  checkWhole("port", port, 1, hosts.length > 1 ? 65_535 - routesAbove : 65_535);
  check(/^[A-Za-z0-9-]{1,40}$/.test(name), "name", name, 'letters, digits and "-"');
  checkHosts(hosts);
  const folderOf = (which: number): string =>
    hosts.length === 0 ? directory : path.join(directory, `nats-${which + 1}`);
  const configurations = (hosts.length === 0 ? [""] : hosts).map((_, which) =>
    path.join(folderOf(which), serverFiles.configuration),
  );
  const fileOf = (role: string): string => path.join(directory, `${role}.url`);
  const there = [...configurations, ...roles.map(fileOf)].find((file) => existsSync(file));
  if (there !== undefined) {
    throw new ShoalError("BAD_OPTION", `${there} is there already, and is not overwritten`, {
      hint: "Name another --directory, or delete it: whoever has the old passwords cannot connect then.",
    });
  }
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  };
  const passwords = { worker: newPassword(), client: newPassword(), viewer: newPassword() };
  const routePassword = newPassword();
  const authority = hosts.length === 0 ? null : await newAuthority(name);
  configurations.forEach((file, which) => {
    const store = hosts.length === 0 ? path.join(directory, "jetstream") : "jetstream";
    const secure = hosts.length === 0 ? null : { hosts, which, routePassword };
    write(file, serverConfiguration({ cluster: name, port, store, passwords, secure }));
    if (authority === null) return;
    const { certificate, key } = serverIdentity(authority, hosts[which]!, hosts);
    write(path.join(folderOf(which), serverFiles.authority), authority.identity.certificate);
    write(path.join(folderOf(which), serverFiles.certificate), certificate);
    write(path.join(folderOf(which), serverFiles.key), key);
  });
  const servers = (hosts.length === 0 ? ["127.0.0.1"] : hosts).map((host) => `${inUrl(host)}:${port}`).join();
  const scheme = authority === null ? "nats" : "tls";
  for (const role of roles) {
    const url = `${scheme}://${role}:${passwords[role]}@${servers}/${name}\n`;
    write(fileOf(role), url + (authority === null ? "" : certificatesOf(authority, role)));
  }
  const authorityFiles = {
    certificate: path.join(directory, "authority/ca.pem"),
    key: path.join(directory, "authority/ca-key.pem"),
  };
  if (authority !== null) {
    write(authorityFiles.certificate, authority.identity.certificate);
    write(authorityFiles.key, authority.identity.key);
  }
  return {
    configuration: configurations[0]!,
    configurations,
    authority: authority === null ? null : authorityFiles,
    worker: fileOf("worker"),
    client: fileOf("client"),
    viewer: fileOf("viewer"),
  };
}

function checkHosts(hosts: readonly string[]): void {
  check(hosts.length <= hostsMax, "hosts", hosts.length, `at most ${hostsMax}`);
  for (const host of hosts) {
    const isHost =
      typeof host === "string" &&
      (isIP(host) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host));
    check(isHost, "hosts", host, "names or addresses, such as nats.example.com or 10.0.0.1, without a port");
    check(!/^(0\.0\.0\.0|::)$/.test(host), "hosts", host, "names or addresses that others can connect to");
    check(hosts.indexOf(host) === hosts.lastIndexOf(host), "hosts", host, "different ones");
  }
}

/** Loads what makes certificates. */
async function newAuthority(cluster: string): Promise<Authority> {
  const { Authority: Made } = await import("./certificates.ts");
  return await Made.make(`shoal cluster ${cluster}`);
}

/** Good for all hosts: a client that is told of another server by the first knows it by its address only. */
const serverIdentity = (authority: Authority, name: string, hosts: readonly string[]) =>
  authority.issue({
    name: `nats ${name}`,
    hosts: [...new Set([...hosts, "localhost", "127.0.0.1", "::1"])],
    uses: ["server", "client"],
  });

/** What goes with a role's address. */
function certificatesOf(authority: Authority, role: Role): string {
  const { certificate: ca } = authority.identity;
  if (role !== "worker") return ca;
  const own = authority.issue({ name: "shoal worker", hosts: [workersName], uses: ["server"] });
  return ca + own.certificate + own.key;
}

/** 256 bits, in characters that an address may hold. */
const newPassword = (): string => randomBytes(32).toString("base64url");
