// import.meta, __filename and __dirname of each module keep meaning the source file, though all modules
// share one file.
//
// esbuild replaces `import.meta` by one placeholder identifier everywhere (a `define`, so shadowed names,
// strings and comments are left alone). Then each placeholder gets the number of the module that it stands
// in, told by the `// path` line that esbuild writes before every module. The number has the placeholder's
// width, and what it refers to is declared on the banner's line, which already exists: so no line and no
// column moves, and the source map stays right.
//
// The text holds paths relative to the base only. The base itself is known when the bundle is loaded:
// loadBundle puts it under Symbol.for("shoal.bundle.bases"), keyed by the bundle's URL. So equal programs
// have equal hashes anywhere.

import { invariant } from "../base/assert.ts";
import { toRelativeUrl } from "./paths.ts";

const prefix = "__shoal_meta_";
const digits = 5;
const numbered = (n: number): string => prefix + String(n).padStart(digits, "0");
const placeholder = numbered(0);

/** Marks the line that bindModules fills in. */
export const bannerMark = "/* shoal: prelude */";

export const metaDefines: Readonly<Record<string, string>> = {
  "import.meta": placeholder,
  __filename: `${placeholder}.filename`,
  __dirname: `${placeholder}.dirname`,
};

/**
 * What generated modules call to load a file outside of the bundle: `require`, with paths relative to the
 * base.
 */
export const requireOutside = "__shoal_require";

const basesSymbol = "shoal.bundle.bases";

/** Tells the bundle at `bundleUrl`, before it is imported, which directory its paths are relative to. */
export function provideBase(bundleUrl: string, baseUrl: string): void {
  const holder = globalThis as unknown as Record<symbol, Map<string, string> | undefined>;
  (holder[Symbol.for(basesSymbol)] ??= new Map()).set(bundleUrl, baseUrl);
}

/**
 * esbuild's own stand-in for `require`; it looks for an unbound `require`, which the prelude then declares.
 */
const requireHelper = "var __require = /* @__PURE__ */ ((x) => typeof require";

/** Gives each placeholder its module and writes the prelude. `modules`: the names esbuild gave the inputs. */
export function bindModules(code: string, modules: ReadonlySet<string>): string {
  const used = new Map<string, string>();
  const bound = code.includes(placeholder) ? number(code, modules, used) : code;
  const parts: string[] = [];
  if (used.size > 0 || bound.includes(requireOutside) || bound.includes(requireHelper)) {
    parts.push(
      `import { createRequire as __shoal_createRequire } from "node:module";`,
      `const __shoal_bases = globalThis[Symbol.for("${basesSymbol}")];`,
      `const __shoal_base = __shoal_bases?.get(import.meta.url) ?? import.meta.url;`,
      `const ${requireOutside} = __shoal_createRequire(__shoal_base);`,
    );
  }
  // Declared only here: where esbuild's stand-in is, it has renamed the user's own top-level `require`s.
  if (bound.includes(requireHelper)) parts.push(`const require = ${requireOutside};`);
  if (used.size > 0) parts.push(metaPrelude(used));
  const at = bound.indexOf(bannerMark);
  invariant(at >= 0, "B1", () => "the bundle has no banner line");
  return bound.slice(0, at) + parts.join(" ") + bound.slice(at + bannerMark.length);
}

function number(code: string, modules: ReadonlySet<string>, used: Map<string, string>): string {
  let current: string | null = null;
  const lines = code.split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.startsWith("// ") && modules.has(line.slice(3))) current = line.slice(3);
    if (!line.includes(placeholder)) continue;
    invariant(current !== null, "B2", () => `no module is known for the bundle's line ${i + 1}`);
    let name = used.get(current);
    if (name === undefined) {
      name = numbered(used.size + 1);
      const fits = name.length === placeholder.length;
      invariant(fits, "B3", () => `more than ${10 ** digits - 1} modules use import.meta`);
      used.set(current, name);
    }
    lines[i] = line.replaceAll(placeholder, name);
  }
  return lines.join("\n");
}

const metaPrelude = (used: ReadonlyMap<string, string>): string =>
  [
    `import { fileURLToPath as __shoal_toPath, pathToFileURL as __shoal_toUrl } from "node:url";`,
    `import { dirname as __shoal_dirname } from "node:path";`,
    `import { isBuiltin as __shoal_isBuiltin } from "node:module";`,
    `function __shoal_module(path) {`,
    `const url = new URL(path, __shoal_base).href, filename = __shoal_toPath(url);`,
    `return { url, filename, dirname: __shoal_dirname(filename), resolve(specifier) {`,
    `if (__shoal_isBuiltin(specifier)) return specifier.startsWith("node:") ? specifier : "node:" + specifier;`,
    `if (/^(\\.{0,2}\\/|[a-z][a-z0-9+.-]*:)/i.test(specifier)) return new URL(specifier, url).href;`,
    `return __shoal_toUrl(__shoal_createRequire(url).resolve(specifier)).href; } }; }`,
    ...[...used].map(([module, name]) => `const ${name} = __shoal_module("./${toRelativeUrl(module)}");`),
  ].join(" ");
