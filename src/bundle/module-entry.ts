// The file behind `new URL("./images.ts", import.meta.url)`, wherever the program itself runs from.
//
// Under node, tsx and vitest it is the file that is named. In a program that was compiled or bundled, import.meta.url is
// where that ended up, and the module, compiled as an entry of its own, lies beside it with another extension.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ShoalError } from "../errors.ts";

const compiled: Readonly<Record<string, readonly string[]>> = {
  ".ts": [".js", ".mjs", ".cjs"],
  ".tsx": [".js", ".mjs", ".cjs"],
  ".mts": [".mjs", ".js"],
  ".cts": [".cjs", ".js"],
};

/** A data: URL holds a whole file. */
const urlCharsMax = 60;

const inlinedHint =
  "A bundler put the module's source into the program. Build for node (Vite: build.ssr), or write " +
  'new URL(/* @vite-ignore */ "./module.ts", import.meta.url); either way, make the module an entry of its own.';

/**
 * An absolute path. `module` is a file: URL or a path, relative to `directory`. Whether there is such a file is for
 * resolveEntry to say.
 */
export function moduleEntry(module: string, directory: string): string {
  if (/^[a-z][a-z0-9+.-]+:/i.test(module) && !module.startsWith("file:")) {
    const received = module.length > urlCharsMax ? `${module.slice(0, urlCharsMax)}…` : module;
    throw new ShoalError("JOB_NOT_FOUND", `use() expects a file: URL or a path, received ${received}`, {
      hint: module.startsWith("data:") ? inlinedHint : 'Pass new URL("./module.ts", import.meta.url).',
    });
  }
  const file = module.startsWith("file:") ? fileURLToPath(module) : path.resolve(directory, module);
  if (fs.existsSync(file)) return file;
  const { dir, name, ext } = path.parse(file);
  const found = (compiled[ext] ?? [])
    .map((other) => path.join(dir, name + other))
    .find((other) => fs.existsSync(other));
  return found ?? file;
}
