// shoal.config.ts: what a project sets for all of its jobs. Bundled and loaded like any program, in the process that asks
// for it.

import { existsSync } from "node:fs";
import path from "node:path";
import { nearest } from "../base/near.ts";
import { bundle } from "../bundle/bundle.ts";
import { ShoalError } from "../errors.ts";
import { loadBundle } from "../executor/load.ts";
import { currentRegistry } from "../plan/registry.ts";
import { mountTable, type StoreOptions } from "../store/mounts.ts";

/** The default export of shoal.config.ts. */
export type ShoalConfig = StoreOptions;

const names = ["shoal.config.ts", "shoal.config.mts", "shoal.config.js", "shoal.config.mjs"];
const keys = ["mounts", "stores"];

/**
 * Loads the configuration of a project: shoal.config.ts (.mts, .js, .mjs) in `directory` (default: the current one), or in
 * one above it, up to the one with package.json. `{}` if there is none. Spread it into the options of `connect()`.
 *
 * Errors: BAD_OPTION, naming the file and what is wrong in it; BUNDLE_FAILED; USER_ERROR.
 *
 * @example
 * await using shoal = await connect({ ...(await loadConfig()), slots: 2 });
 */
export async function loadConfig(
  options: { readonly directory?: string; readonly stateDir?: string } = {},
): Promise<ShoalConfig> {
  if (currentRegistry() !== undefined) return {}; // the program is looked at for its jobs, in a slot
  const directory = path.resolve(options.directory ?? ".");
  const file = findConfig(directory);
  if (file === null) return {};
  const stateDir = path.resolve(directory, options.stateDir ?? ".shoal");
  const bundled = await bundle(file, { stateDir, runtimeExports: [] });
  const { default: config } = await loadBundle(bundled.file);
  try {
    return checked(config);
  } catch (error) {
    const { message, hint } = error as ShoalError;
    throw new ShoalError("BAD_OPTION", `${file}: ${message}`, { hint });
  }
}

function findConfig(directory: string): string | null {
  for (let at = directory; ; at = path.dirname(at)) {
    const found = names.map((name) => path.join(at, name)).find((file) => existsSync(file));
    if (found !== undefined) return found;
    if (existsSync(path.join(at, "package.json")) || path.dirname(at) === at) return null;
  }
}

function checked(config: unknown): ShoalConfig {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new ShoalError("BAD_OPTION", "its default export must be an object", {
      hint: 'For instance: export default { mounts: { "/data": "s3://bucket/logs" } };',
    });
  }
  const unknown = Object.keys(config).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    const near = nearest(unknown, keys);
    throw new ShoalError("BAD_OPTION", `there is no setting ${JSON.stringify(unknown)}`, {
      hint: near === null ? `Settings are ${keys.join(", ")}.` : `Did you mean ${near}?`,
    });
  }
  mountTable(config); // throws what is wrong with it
  return config;
}
