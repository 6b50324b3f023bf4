// What an output directory must be: checked before any work, and once more before the swap. Changes nothing, but for
// making missing parents.

import { constants, realpathSync } from "node:fs";
import { access, lstat, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { ShoalError } from "../errors.ts";
import { makeDirectories } from "./durable.ts";
import { isUrl } from "./objects/schemes.ts";
import { occupantOf, type Occupant } from "./output-marker.ts";

export interface OutputRequest {
  /** The job's name: an output directory of the same job may be replaced. */
  readonly job: string;
  /** Replace the directory whatever is in it. */
  readonly overwrite: boolean;
  /** Absolute paths, or URLs of stores, of what is read; the output must not be inside of them, nor they inside the output. */
  readonly roots: readonly string[];
  /** The run whose staging directory is there, to be gone on with. */
  readonly continues?: string;
  /** A relative output is relative to this directory. */
  readonly directory: string;
}

const namesShownMax = 5;

/** The output directory's absolute path without symbolic links; its parent exists afterwards. OUTPUT_INVALID. */
export async function checkTarget(output: string, { roots, directory }: OutputRequest): Promise<string> {
  if (output === "" || output.includes("\0")) throw invalid(output, "is no path");
  const target = realOf(resolve(directory, output));
  const isDangling = (await lstat(target).catch(() => null))?.isSymbolicLink() === true;
  if (isDangling) throw invalid(output, "is a symbolic link to nothing");
  if (dirname(target) === target) throw invalid(output, "is the root of the file system");
  for (const root of roots) {
    if (isUrl(root)) continue;
    const real = realOf(root);
    if (isWithin(target, real)) throw invalid(output, `is inside the input ${real}`);
    if (isWithin(real, target)) throw invalid(output, `holds the input ${real}`);
  }
  try {
    await makeDirectories(dirname(target));
  } catch (cause) {
    throw invalid(output, `cannot be made: ${(cause as Error).message}`, cause);
  }
  await requireWritable(output, dirname(target));
  const found = await stat(target).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw invalid(output, `cannot be looked at: ${cause.message}`, cause);
  });
  if (found === null) return target;
  if (!found.isDirectory()) throw invalid(output, "is a file, expected a directory or nothing");
  if (found.dev !== (await stat(dirname(target))).dev) {
    throw invalid(
      output,
      "is the root of a mounted file system, which cannot be replaced; name a directory in it",
    );
  }
  await requireWritable(output, target);
  return target;
}

/**
 * What is in the target's place. OUTPUT_NOT_EMPTY unless it may be replaced: nothing, this job's own output, or anything
 * with `overwrite`.
 */
export async function requireReplaceable(target: string, request: OutputRequest): Promise<Occupant["kind"]> {
  const { directory } = request;
  const occupant = await occupantOf(target);
  if (occupant.kind === "missing" || occupant.kind === "empty") return occupant.kind;
  for (const [place, what] of [
    [directory, "the current directory"],
    [homedir(), "the home directory"],
  ] as const) {
    if (isWithin(realOf(place), target)) throw invalid(target, `holds ${what}, and is never replaced`);
  }
  requireOwn(target, occupant, request);
  return occupant.kind;
}

/** OUTPUT_NOT_EMPTY unless what is there is this job's own, or may be replaced whatever it is. */
export function requireOwn(
  target: string,
  occupant: Occupant,
  { job, overwrite }: Pick<OutputRequest, "job" | "overwrite">,
): void {
  if (overwrite || occupant.kind === "missing" || occupant.kind === "empty") return;
  if (occupant.kind === "output" && occupant.marker.job === job) return;
  const details = { target, job: occupant.marker?.job ?? null };
  if (occupant.kind === "output") {
    throw new ShoalError(
      "OUTPUT_NOT_EMPTY",
      `the output directory ${target} holds the output of the job ${JSON.stringify(occupant.marker.job)}, ` +
        `this is ${JSON.stringify(job)}`,
      { details },
    );
  }
  const more = occupant.names.length - namesShownMax;
  const names = occupant.names
    .slice(0, namesShownMax)
    .map((name) => JSON.stringify(name))
    .join(", ");
  throw new ShoalError(
    "OUTPUT_NOT_EMPTY",
    `the output directory ${target} holds what is not this job's output: ${names}` +
      `${more > 0 ? ` and ${more} more` : ""}`,
    { details },
  );
}

async function requireWritable(output: string, directory: string): Promise<void> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === "EROFS"
        ? "the file system is read-only"
        : code === "ENOTDIR"
          ? "it is no directory"
          : "permission denied";
    throw invalid(output, `cannot be written: ${directory}: ${why} (${code})`, cause);
  }
}

export const invalid = (output: string, what: string, cause?: unknown): ShoalError =>
  new ShoalError(
    "OUTPUT_INVALID",
    `the output directory ${JSON.stringify(output)} ${what}`,
    cause === undefined ? {} : { cause },
  );

const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);

/** The path without symbolic links, as far as it exists. */
function realOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realOf(parent), basename(path));
  }
}
