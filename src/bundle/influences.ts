// Which files a bundle depends on: what esbuild read as modules, and what told it how to read and find them.
//
// Besides the modules: package.json (type, exports, version of an addon) and tsconfig.json (paths, jsx,
// decorators) with all that it extends, up the tree; the lock files that package managers rewrite when they
// install, since an import may then find another package; and files that must stay absent, since they would
// be found first if they appeared.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Metafile } from "esbuild";
import { isInNodeModules } from "./paths.ts";

/** What package managers rewrite at each install. */
const installMarks = [".package-lock.json", ".yarn-state.yml", ".yarn-integrity", ".modules.yaml"];
/** What an import without its extension, or with the one of the compiled file, may find. */
const implied = [".tsx", ".ts", ".jsx", ".js", ".mts", ".mjs", ".cts", ".cjs", ".json"];

/** Absolute paths of the files that decide the bundle; some of them are absent, and must stay so. */
export function influences(base: string, inputs: Metafile["inputs"], outside: ReadonlySet<string>): string[] {
  const files = new Set(outside);
  const sources: string[] = [];
  for (const [name, input] of Object.entries(inputs)) {
    const file = path.resolve(base, name);
    if (/^shoal-\w+:/.test(name) || !fs.existsSync(file)) continue;
    files.add(file);
    if (isInNodeModules(file)) continue;
    sources.push(path.dirname(file));
    for (const { path: found, original } of input.imports) {
      if (original !== undefined) addShadows(files, path.dirname(file), original, path.resolve(base, found));
    }
  }
  addUpwards(files, new Set(sources), ["tsconfig.json", "package.json"]);
  for (const file of files) if (path.basename(file) === "tsconfig.json") addExtends(files, file);
  const dependencies = [...files].filter(isInNodeModules).map((file) => path.dirname(file));
  addUpwards(files, new Set(dependencies), ["package.json"]);
  if (dependencies.length > 0) addInstallMarks(files, sources);
  return [...files].sort();
}

/** For each directory, the nearest file of each name up the tree, and the absent ones on the way there. */
function addUpwards(files: Set<string>, directories: ReadonlySet<string>, names: readonly string[]): void {
  for (const name of names) {
    const seen = new Set<string>();
    for (const start of directories) {
      for (let directory = start; !seen.has(directory); directory = path.dirname(directory)) {
        seen.add(directory);
        if (path.basename(directory) === "node_modules") break;
        const file = path.join(directory, name);
        const exists = fs.existsSync(file);
        // Inside a package nothing appears but by an install, which the install marks tell.
        if (exists || !isInNodeModules(file)) files.add(file);
        if (exists) break;
      }
    }
  }
}

/** `original` was found as `found`: whatever absent file would have been found before it. */
function addShadows(files: Set<string>, directory: string, original: string, found: string): void {
  if (!/^\.{1,2}(\/|$)/.test(original)) return;
  const wanted = path.resolve(directory, original);
  if (wanted === found) return;
  for (const candidate of [wanted, ...implied.map((extension) => wanted + extension)]) {
    if (candidate !== found && !fs.existsSync(candidate)) files.add(candidate);
  }
}

/**
 * What tells an install: in each node_modules that the sources' imports may look into, and where there is
 * none yet.
 */
function addInstallMarks(files: Set<string>, directories: readonly string[]): void {
  const seen = new Set<string>();
  for (const start of directories) {
    for (let directory = start; !seen.has(directory); directory = path.dirname(directory)) {
      seen.add(directory);
      const modules = path.join(directory, "node_modules");
      if (!fs.existsSync(modules)) {
        files.add(modules);
        continue;
      }
      for (const name of installMarks) {
        const file = path.join(modules, name);
        if (fs.existsSync(file)) files.add(file);
      }
    }
  }
}

/**
 * The files that a tsconfig.json extends, and those that these extend. Cycles end, since a set grows only
 * once.
 */
function addExtends(files: Set<string>, file: string): void {
  for (const target of extendsOf(file)) {
    const resolved = resolveExtends(file, target);
    if (resolved === null || files.has(resolved)) continue;
    files.add(resolved);
    addExtends(files, resolved);
  }
}

function extendsOf(file: string): string[] {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch {
    return []; // Absent: it is recorded as such.
  }
  // JSON with comments: strings are matched so that what looks like a comment inside one stays.
  const bare = text.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, "$1");
  const value = /"extends"\s*:\s*("(?:\\.|[^"\\])*"|\[[^\]]*\])/.exec(bare)?.[1] ?? "";
  return [...value.matchAll(/"(?:\\.|[^"\\])*"/g)].flatMap(([text]) => {
    try {
      return [JSON.parse(text) as string];
    } catch {
      return []; // No JSON string: esbuild says so.
    }
  });
}

function resolveExtends(from: string, target: string): string | null {
  if (/^\.{1,2}([\\/]|$)/.test(target) || path.isAbsolute(target)) {
    const file = path.resolve(path.dirname(from), target);
    return file.endsWith(".json") || fs.existsSync(file) ? file : `${file}.json`;
  }
  const require = createRequire(from);
  for (const candidate of [`${target}/tsconfig.json`, `${target}.json`, target]) {
    try {
      return fs.realpathSync(require.resolve(candidate));
    } catch {
      continue; // Not this form of the name.
    }
  }
  return null; // esbuild cannot find it either, and warns.
}
