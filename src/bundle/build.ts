// One run of esbuild: a program's file → its bundle's code, the source map, the files that decided both.
//
// Loaded only when no cached bundle fits: esbuild takes 10 ms to import and 30 to start. Its service stays
// up, unref'd, and ends with this process.

import path from "node:path";
import type { BuildFailure, BuildOptions, BuildResult, Plugin } from "esbuild";
import { ShoalError } from "../errors.ts";
import { mapStart } from "./cache.ts";
import { bundleFailed, unresolvedIn } from "./diagnostics.ts";
import { influences } from "./influences.ts";
import { bannerMark, bindModules, metaDefines } from "./module-meta.ts";
import { nativePlugin } from "./native-addons.ts";
import { directoryUrl, isInNodeModules, toRelativeUrl } from "./paths.ts";
import { runtimeModule, runtimePlugin } from "./runtime-module.ts";

export interface Built {
  readonly code: string;
  /** JSON. */
  readonly map: string;
  /** Absolute paths of all files that decided the bundle, absent ones included. */
  readonly influences: readonly string[];
}

export async function buildProgram(entry: string, runtimeExports: readonly string[]): Promise<Built> {
  const base = path.dirname(entry);
  const outside = new Set<string>();
  const result = await runEsbuild(base, { entryPoints: [entry] }, [
    runtimePlugin(runtimeExports),
    nativePlugin(base, (manifest) => outside.add(manifest)),
  ]).catch((error: unknown) => {
    const { errors } = error as Partial<BuildFailure>;
    if (!Array.isArray(errors)) throw esbuildFailed(error);
    throw bundleFailed(errors, { base, runtimeExports });
  });
  const { inputs } = result.metafile;
  const text = (extension: string): string =>
    result.outputFiles.find((file) => file.path.endsWith(extension))!.text;
  return {
    code: bindModules(text(".mjs"), new Set(Object.keys(inputs))),
    map: rebaseMap(text(".map"), base),
    influences: influences(base, inputs, outside),
  };
}

type Entry = Pick<BuildOptions, "entryPoints"> | Pick<BuildOptions, "stdin">;

/** The program at `entry` as one file; without the packages that dependencies can do without. */
export async function runEsbuild(
  base: string,
  entry: Entry,
  plugins: readonly Plugin[],
): Promise<BuildResult<ReturnType<typeof buildOptions>>> {
  const esbuild = await loadEsbuild();
  const attempt = (more: readonly Plugin[]): Promise<BuildResult<ReturnType<typeof buildOptions>>> =>
    esbuild.build({ ...buildOptions(base), ...entry, plugins: [...plugins, ...more] });
  return await attempt([]).catch((error: unknown) => {
    const optional = missingInDependencies(error);
    if (optional.size === 0) throw error;
    return attempt([optionalPlugin(optional)]);
  });
}

/** Packages that dependencies ask for and that are not installed. */
function missingInDependencies(error: unknown): Set<string> {
  const errors = (error as Partial<BuildFailure>).errors ?? [];
  return new Set(
    errors.flatMap(({ text, location }) =>
      location !== null && isInNodeModules(`/${location.file}`) ? (unresolvedIn(text) ?? []) : [],
    ),
  );
}

/** Left to run time, as in node: a dependency's `require("driver")`, reached only where that is installed. */
const optionalPlugin = (optional: ReadonlySet<string>): Plugin => ({
  name: "shoal-optional",
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
      const isLate = kind === "require-call" || kind === "require-resolve" || kind === "dynamic-import";
      return isLate && optional.has(path) && isInNodeModules(importer) ? { path, external: true } : undefined;
    });
  },
});

const buildOptions = (base: string) =>
  ({
    absWorkingDir: base,
    // Nothing is written there: it only makes the map's sources relative to the base.
    outfile: path.join(base, "bundle.mjs"),
    write: false,
    metafile: true,
    logLevel: "silent",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "bundle",
    splitting: false,
    charset: "utf8",
    sourcemap: "external",
    sourcesContent: true,
    define: metaDefines,
    banner: { js: bannerMark },
  }) as const satisfies BuildOptions;

export async function loadEsbuild(): Promise<typeof import("esbuild")> {
  try {
    return await import("esbuild");
  } catch (error) {
    throw esbuildFailed(error);
  }
}

const esbuildFailed = (error: unknown): ShoalError =>
  new ShoalError("BUNDLE_FAILED", `esbuild, the bundler, does not work here: ${String(error)}`, {
    cause: error,
    hint: "Install the packages on this very machine and system: npm ci.",
  });

interface SourceMap {
  readonly sources: readonly string[];
  readonly sourcesContent: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/**
 * Writes the base into the map, and its sources as URLs relative to that. The texts of dependencies are
 * left out: they are in their files, and each slot parses the map when it loads the bundle (10 ms for 1 MB
 * of them).
 */
function rebaseMap(text: string, base: string): string {
  const { sources, sourcesContent, names, mappings } = JSON.parse(text) as SourceMap;
  return (
    mapStart(directoryUrl(base)) +
    JSON.stringify({
      sources: sources.map((source) => (source === runtimeModule ? source : toRelativeUrl(source))),
      sourcesContent: sourcesContent.map((content, i) =>
        isInNodeModules(`/${sources[i]}`) ? null : content,
      ),
      names,
      mappings,
    }).slice(1)
  );
}
