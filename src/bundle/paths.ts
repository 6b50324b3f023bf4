// Paths as bundles write them: relative to the base (the directory of the program's file), with "/" on
// every system, so that no bundle holds an absolute path and equal programs have equal hashes wherever they
// are.

import path from "node:path";
import { pathToFileURL } from "node:url";

/** `file` as seen from the directory `base`: "lib/a.ts", "../b.ts". */
export const fromBase = (base: string, file: string): string =>
  path.relative(base, file).split(path.sep).join("/");

/** A relative path as a relative URL: spaces, "#", "?", "%" and the like escaped. */
export const toRelativeUrl = (relative: string): string =>
  relative.split("/").map(encodeURIComponent).join("/");

/** The file: URL of a directory, with a slash at its end, so that relative URLs resolve inside it. */
export function directoryUrl(directory: string): string {
  const url = pathToFileURL(directory).href;
  return url.endsWith("/") ? url : `${url}/`;
}

export const isInNodeModules = (file: string): boolean => /[\\/]node_modules[\\/]/.test(file);
