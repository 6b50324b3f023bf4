// Loads a bundle into a slot: checks that the file is whole, tells it where the program came from, and
// imports it.

import { pathToFileURL } from "node:url";
import { inspectBundle } from "../bundle/cache.ts";
import { firstUserFrame } from "../bundle/frames.ts";
import { provideBase } from "../bundle/module-meta.ts";
import { isShoalError, ShoalError, toErrorData } from "../errors.ts";

/**
 * The exports of the bundle `file`. From here on the stacks of this thread's errors name the user's source
 * files.
 *
 * Throws USER_ERROR if the program throws while it loads (a ShoalError that it throws passes as it is),
 * SCRATCH_FAILED if the bundle is absent or damaged.
 */
export async function loadBundle(file: string): Promise<Record<string, unknown>> {
  process.setSourceMapsEnabled(true); // Before the import: node reads a map when it loads the module.
  const url = pathToFileURL(file).href;
  provideBase(url, baseOf(file) ?? url);
  try {
    return exportsOf((await import(url)) as Record<string, unknown>);
  } catch (error) {
    throw isShoalError(error) ? error : loadFailed(error);
  }
}

/** A program compiled to CommonJS exports one object, which says that it stands for a module. */
function exportsOf(module: Record<string, unknown>): Record<string, unknown> {
  const only = Object.keys(module).join() === "default" ? module["default"] : undefined;
  if (typeof only !== "object" || only === null) return module;
  return (only as { __esModule?: unknown }).__esModule === true ? { ...only } : module;
}

function baseOf(file: string): string | null {
  let found: ReturnType<typeof inspectBundle>;
  try {
    found = inspectBundle(file);
  } catch (cause) {
    throw new ShoalError("SCRATCH_FAILED", `the bundle ${file} cannot be read: ${String(cause)}`, { cause });
  }
  if (!found.isWhole) {
    throw new ShoalError("SCRATCH_FAILED", `the bundle ${file} is damaged: its name is not its hash`, {
      hint: "Run it again: the bundle is made anew.",
    });
  }
  return found.base;
}

function loadFailed(error: unknown): ShoalError {
  const { name, message, stack, thrown } = toErrorData(error);
  const frame = stack === undefined ? null : firstUserFrame(stack);
  const where = frame === null ? "" : ` (at ${frame.file}:${frame.line}:${frame.column})`;
  const what = thrown ?? `${name}: ${message}`;
  return new ShoalError("USER_ERROR", `the program failed while loading: ${what}${where}`, {
    cause: error,
    ...(frame === null ? {} : { details: { ...frame } }),
  });
}
