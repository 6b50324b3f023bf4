// Stack frames of user code: which frames of a mapped stack are the user's. Pure.
//
// Not here: mapping. Node maps the stack itself (process.setSourceMapsEnabled in the slot, see
// executor/load.ts); what arrives here already names the user's TypeScript. Node prints the frames of all
// supported versions alike, but for extra `process.processTicksAndRejections` frames of 22 and 24, which
// are node's own and dropped.

import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export interface Frame {
  /** The file's path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * shoal itself: `dist/`, and `src/`, which is where dist's own source maps lead. Where shoal is part of another bundle
 * there is no such package to be found, and no frame of its own to be told apart.
 */
const ownRoots = ["dist", "src"].flatMap((folder) => {
  const root = packageRoot();
  return root === null ? [] : [join(root, folder) + sep];
});
/**
 * What bundling adds and no source map explains: the bundle's own text, and the module that stands for
 * "shoal".
 */
const bundlePattern = /[\\/]bundles[\\/][0-9a-f]{64}\.mjs$|shoal-(?:runtime|native)(?::|%3A)/;

function packageRoot(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve("shoal/package.json"));
  } catch {
    return null;
  }
}

function toPath(location: string): string {
  if (!location.startsWith("file:")) return location;
  try {
    return fileURLToPath(location);
  } catch {
    return location; // Malformed, or a URL with a host: it stays as it is printed.
  }
}

const isOwn = (file: string): boolean =>
  bundlePattern.test(file) || ownRoots.some((root) => file.startsWith(root));

/**
 * The place that a line of a stack names, or null if it names none (`at Array.map (<anonymous>)`) or is no
 * frame.
 */
export function parseFrame(line: string): Frame | null {
  const at = /^\s*at (.*)$/.exec(line)?.[1];
  if (at === undefined) return null;
  // Up to the first " (": directories are called "job (copy)" more often than functions are. Code in eval
  // names no file.
  const location = /^.*? \((.*)\)$/.exec(at)?.[1] ?? at.replace(/^async /, "");
  const match = /^(.+):(\d+):(\d+)$/.exec(location);
  if (match === null || match[1]!.startsWith("<") || match[1]!.startsWith("eval at ")) return null;
  return { file: toPath(match[1]!), line: Number(match[2]), column: Number(match[3]) };
}

const isUsers = (frame: Frame): boolean => !frame.file.startsWith("node:") && !isOwn(frame.file);

/**
 * The stack's frames in the user's code and its dependencies, innermost first: no frames of node or of
 * shoal.
 */
export function userFrames(stack: string): Frame[] {
  const frames: Frame[] = [];
  for (const line of stack.split("\n")) {
    const frame = parseFrame(line);
    if (frame !== null && isUsers(frame)) frames.push(frame);
  }
  return frames;
}

/**
 * Where in the user's own code it happened, dependencies passed over if possible; null if the stack does
 * not tell.
 */
export function firstUserFrame(stack: string): Frame | null {
  const frames = userFrames(stack);
  return frames.find(({ file }) => !/[\\/]node_modules[\\/]/.test(file)) ?? frames[0] ?? null;
}

/** The stack as users should see it: its message and the user's frames, with the others left out. */
export function userStack(stack: string): string {
  return stack
    .split("\n")
    .filter((line) => {
      const frame = parseFrame(line);
      return frame === null ? !/^\s*at .*\(?(?:<anonymous>|native)\)?$/.test(line) : isUsers(frame);
    })
    .join("\n");
}
