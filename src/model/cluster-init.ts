// Credentials for a cluster: a configuration for its NATS server, and an address for each role. All of them are secrets,
// and readable by their owner only.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ShoalError } from "../errors.ts";
import { check, checkWhole } from "./option-checks.ts";

export interface InitOptions {
  /** Of the cluster. Letters, digits and "-". Default "main". */
  readonly name?: string;
  /** The NATS server's, on loopback. Default 4222. */
  readonly port?: number;
  /** Where the files are written. Default `cluster`. */
  readonly directory?: string;
}

/** Files that were written. */
export interface ClusterFiles {
  /** For `nats-server -c`. */
  readonly configuration: string;
  /** Each holds an address, for `--cluster @file`. */
  readonly worker: string;
  readonly client: string;
  readonly viewer: string;
}

/**
 * Writes what a NATS server and the roles of a cluster need to know each other: passwords by chance, permissions by
 * subject. Nothing is overwritten.
 *
 * Errors: BAD_OPTION.
 *
 * @example
 * const { configuration, worker, client } = await initCluster({ directory: "secrets" });
 */
export async function initCluster(options: InitOptions = {}): Promise<ClusterFiles> {
  const { name = "main", port = 4222 } = options;
  const directory = path.resolve(options.directory ?? "cluster");
  checkWhole("port", port, 1, 65_535);
  check(/^[A-Za-z0-9-]{1,40}$/.test(name), "name", name, 'letters, digits and "-"');
  const { roles, serverConfiguration } = await import("../driver/nats/roles.ts");
  const configuration = path.join(directory, "nats.conf");
  const fileOf = (role: string): string => path.join(directory, `${role}.url`);
  const there = [configuration, ...roles.map(fileOf)].find((file) => existsSync(file));
  if (there !== undefined) {
    throw new ShoalError("BAD_OPTION", `${there} is there already, and is not overwritten`, {
      hint: "Name another --directory, or delete it: whoever has the old passwords cannot connect then.",
    });
  }
  const passwords = { worker: newPassword(), client: newPassword(), viewer: newPassword() };
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const write = (file: string, text: string): void => writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  write(configuration, serverConfiguration(name, port, path.join(directory, "jetstream"), passwords));
  for (const role of roles)
    write(fileOf(role), `nats://${role}:${passwords[role]}@127.0.0.1:${port}/${name}\n`);
  return { configuration, worker: fileOf("worker"), client: fileOf("client"), viewer: fileOf("viewer") };
}

/** 256 bits, in characters that an address may hold. */
const newPassword = (): string => randomBytes(32).toString("base64url");
