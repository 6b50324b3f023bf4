// A user's program as one file, named by its content's hash, with its source map: what slots import.
//
// The user's TypeScript or JavaScript, what it imports, and its dependencies become one ES module for node
// 20 and later. Outside stay: node's own modules, "shoal" itself (runtime-module.ts) and native addons
// (native-addons.ts). The text depends on nothing but the program: no absolute path, no clock, no version
// of shoal is in it, so that equal programs have equal hashes on all machines.
//
// Not here: running it (executor/load.ts), what it exports (the model).

import { setTimeout } from "node:timers/promises";
import { BundleCache } from "./cache.ts";
import { resolveEntry } from "./entry.ts";
import { isChangedSince, markInput } from "./inputs.ts";

export interface BundleOptions {
  /** The state directory, `.shoal`. Bundles go to `bundles/` in it. */
  readonly stateDir: string;
  /** The names that `import … from "shoal"` offers, besides `default`. */
  readonly runtimeExports: readonly string[];
}

export interface Bundle {
  /** sha256 of the file, in hex. */
  readonly hash: string;
  /** Absolute path: `<stateDir>/bundles/<hash>.mjs`. */
  readonly file: string;
  /** Absolute path of its source map, in the same directory. */
  readonly map: string;
  /** Real path of the program. */
  readonly entry: string;
  /** Whether the bundle was there already. */
  readonly isCached: boolean;
}

const triesMax = 3;
/** The clock that stamps files may lag behind ours by a tick of the kernel. */
const tickMs = 20;

/**
 * Bundles the program `entry`: an absolute path or a file: URL of a .ts, .mts, .cts, .tsx, .js, .mjs or
 * .cjs file. Processes may do so at the same time, of the same program too.
 *
 * Throws JOB_NOT_FOUND, NOT_A_JOB (no such kind of file), BUNDLE_FAILED (errors in the program, each with
 * file, line and column), SCRATCH_FAILED (the state directory cannot be written).
 */
export async function bundle(entry: string, options: BundleOptions): Promise<Bundle> {
  const file = resolveEntry(entry);
  const cache = new BundleCache(options.stateDir);
  const found = cache.find(file, options.runtimeExports);
  if (found !== null) return { ...found, entry: file, isCached: true };

  const { buildProgram } = await import("./build.ts");
  for (let tries = 1; ; tries++) {
    const start = Date.now() - tickMs;
    const { code, map, influences } = await buildProgram(file, options.runtimeExports);
    const inputs = influences.map((path) => markInput(path));
    // A file saved while esbuild read: which content it saw is unknown, so this bundle must not pass for
    // the new one's.
    const isMoving = inputs.some((input) => isChangedSince(input, start));
    if (isMoving && tries < triesMax) {
      await setTimeout(tickMs);
      continue;
    }
    const stored = cache.store(file, options.runtimeExports, code, map, isMoving ? null : inputs);
    return { ...stored, entry: file, isCached: false };
  }
}
