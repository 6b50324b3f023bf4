// What one exported function is: the hash of its code with all that it reaches. A result cache asks it whether a
// function is still the one whose results it keeps.
//
// The function's module is bundled once more, with that one export as the only thing asked for, so that esbuild leaves
// out whatever the function does not reach. What is left counts: functions and values of the module and of what it
// imports, JSON, dependencies, and statements that have effects when a module is loaded. Whitespace, comments, types and
// the place in the file do not. Of what stays outside of bundles the versions count: node itself, native addons, shoal.
//
// The hash must be of the code that runs, which is a bundle made earlier; so it is only believed while the files are
// still those of that bundle. Else, and for modules that cannot be bundled this way, the whole bundle's hash stands for
// the function: results are shared with less, but never wrong.

import { createRequire } from "node:module";
import path from "node:path";
import type { Plugin } from "esbuild";
import { loadEsbuild, runEsbuild } from "./build.ts";
import type { Bundle } from "./bundle.ts";
import { BundleCache } from "./cache.ts";
import { sha256 } from "./inputs.ts";
import { bindModules } from "./module-meta.ts";
import { nativePlugin } from "./native-addons.ts";

export interface FunctionHash {
  /** sha256, in hex. */
  readonly hash: string;
  /** False: it is that of the whole bundle. */
  readonly isOwn: boolean;
}

/** The hash of the function that the bundle exports as `name`. Never rejects. */
export async function functionHash(
  bundle: Pick<Bundle, "file" | "entry" | "hash">,
  name: string,
): Promise<FunctionHash> {
  const whole = { hash: sha256(`bundle ${bundle.hash} ${name}`), isOwn: false };
  // <stateDir>/bundles/<hash>.mjs
  const cache = new BundleCache(path.dirname(path.dirname(bundle.file)));
  const isCurrent = (): boolean => cache.isCurrent(bundle.entry, bundle.hash);
  if (!isCurrent()) return whole;
  try {
    const hash = sha256(`function ${await reachedCode(bundle.entry, name)}`);
    return isCurrent() ? { hash, isOwn: true } : whole;
  } catch {
    return whole; // There is no such export, or esbuild fails: the call itself tells that.
  }
}

/** The code that the export reaches, without whitespace, comments and the paths of modules. */
async function reachedCode(entry: string, name: string): Promise<string> {
  const base = path.dirname(entry);
  const { metafile, outputFiles } = await runEsbuild(
    base,
    {
      stdin: {
        contents: `export { ${JSON.stringify(name)} as it } from ${JSON.stringify(`./${path.basename(entry)}`)};`,
        resolveDir: base,
        sourcefile: "shoal-function:it",
        loader: "js",
      },
    },
    [runtimeOutside, nativePlugin(base, () => {})],
  );
  const modules = new Set(Object.keys(metafile.inputs));
  const text = outputFiles.find((file) => file.path.endsWith(".mjs"))!.text;
  const { transform } = await loadEsbuild();
  const { code } = await transform(bindModules(text, modules), {
    minifyWhitespace: true,
    legalComments: "none",
    charset: "utf8",
    loader: "js",
    format: "esm",
    target: "node20",
  });
  return withoutModuleNames(code, modules);
}

/** Where esbuild wraps a module, it names it by its path, for stacks: `__commonJS({"lib/a.cjs"(exports){ … }})`. */
const withoutModuleNames = (code: string, modules: ReadonlySet<string>): string =>
  code.replace(/(?<=\b__(?:commonJS|esm)\(\{(?:async)?)"(?:[^"\\]|\\.)*"(?=\()/g, (name) =>
    modules.has(JSON.parse(name) as string) ? '""' : name,
  );

/** Of "shoal" the names that the function uses count, and the version. */
const runtimeOutside: Plugin = {
  name: "shoal-outside",
  setup(build) {
    build.onResolve({ filter: /^shoal(\/.*)?$/ }, () => ({
      path: `shoal@${ownVersion()}`,
      external: true,
      sideEffects: false,
    }));
  },
};

const ownVersion = (): string =>
  (createRequire(import.meta.url)("shoal/package.json") as { version: string }).version;
