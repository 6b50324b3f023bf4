// Native addons stay outside of the bundle: machine code cannot be text, and their packages look for it by
// file name.
//
// Outside stays: each `.node` file, and each package that says in its package.json that it has an addon.
// Both are loaded by `require` with a path relative to the base (module-meta.ts), so the bundle holds no
// absolute path. A package's version is in the bundle's text: another version of the addon is another
// bundle.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Plugin } from "esbuild";
import { requireOutside } from "./module-meta.ts";
import { fromBase } from "./paths.ts";

const namespace = "shoal-native";

/** Packages that find, build or fetch an addon for the package that depends on them. */
const addonLoaders = new Set([
  "bindings",
  "nan",
  "node-addon-api",
  "node-gyp-build",
  "node-gyp-build-optional-packages",
  "node-pre-gyp",
  "@mapbox/node-pre-gyp",
  "pkg-prebuilds",
  "prebuild-install",
  "cmake-js",
]);

/** Packages of one platform's binary, as napi-rs, sharp and others name them. */
const platformPackage = /[-.](linux|darwin|win32)[-.](x64|arm64)\b/;

interface PackageJson {
  readonly version?: unknown;
  readonly gypfile?: unknown;
  readonly binary?: unknown;
  readonly napi?: unknown;
  readonly dependencies?: unknown;
  readonly optionalDependencies?: unknown;
}

function hasAddon(root: string, manifest: PackageJson): boolean {
  if (manifest.gypfile === true || isObject(manifest.binary) || isObject(manifest.napi)) return true;
  for (const dependencies of [manifest.dependencies, manifest.optionalDependencies]) {
    if (!isObject(dependencies)) continue;
    const names = Object.keys(dependencies);
    if (names.some((name) => addonLoaders.has(name) || platformPackage.test(name))) return true;
  }
  return fs.existsSync(path.join(root, "binding.gyp"));
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** "@scope/name/file" → "@scope/name". */
export const packageName = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

interface AddonPackage {
  readonly manifest: string;
  readonly version: string;
}

/** `onPackage` is told the package.json of each package that stays outside. */
export function nativePlugin(base: string, onPackage: (manifest: string) => void): Plugin {
  const found = new Map<string, AddonPackage | null>();

  /**
   * The addon package that `name` means for a file in `directory`, or null. Node's lookup: the nearest
   * node_modules.
   */
  const addonPackage = (directory: string, name: string): AddonPackage | null => {
    const key = `${directory}\n${name}`;
    const known = found.get(key);
    if (known !== undefined) return known;
    const root = path.join(directory, "node_modules", name);
    const manifest = path.join(root, "package.json");
    const parent = path.dirname(directory);
    let result: AddonPackage | null = null;
    if (fs.existsSync(manifest)) {
      const content = readJson(manifest);
      const version = String(content.version ?? "");
      if (hasAddon(root, content)) result = { manifest: fs.realpathSync(manifest), version };
    } else if (parent !== directory) {
      result = addonPackage(parent, name);
    }
    found.set(key, result);
    return result;
  };

  return {
    name: namespace,
    setup(build) {
      build.onResolve({ filter: /^(@[^/]+\/)?[^./#@:\\][^:\\]*$/ }, (args) => {
        const addon = addonPackage(args.resolveDir, packageName(args.path));
        if (addon === null) return undefined;
        const file = resolveAsNode(args.resolveDir, args.path);
        if (file === null) return undefined;
        onPackage(addon.manifest);
        return { path: fromBase(base, file), namespace, pluginData: addon.version };
      });
      build.onLoad({ filter: /.*/, namespace }, ({ path: file, pluginData: version }) => ({
        contents: `module.exports = ${requireOutside}(${literal(file)}, ${JSON.stringify(version)});`,
        loader: "js",
      }));
      build.onLoad({ filter: /\.node$/ }, (args) => ({
        contents: `module.exports = ${requireOutside}(${literal(fromBase(base, args.path))});`,
        loader: "js",
      }));
    },
  };
}

const literal = (relative: string): string => JSON.stringify(`./${relative}`);

function readJson(file: string): PackageJson {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(file, "utf8"));
    return isObject(value) ? value : {};
  } catch {
    return {}; // Not for us to report: esbuild reads the same file and says what is wrong with it.
  }
}

function resolveAsNode(directory: string, specifier: string): string | null {
  try {
    return fs.realpathSync(createRequire(path.join(directory, "_")).resolve(specifier));
  } catch {
    return null; // Node could not load it from outside; esbuild may find it for the inside, or says why not.
  }
}
