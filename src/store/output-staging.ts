// Staging directories beside an output: which runs they belong to, and what to do with those of runs that are gone.

import { lstat, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ShoalError } from "../errors.ts";
import { syncDirectory } from "./durable.ts";
import { occupantOf, readMarker } from "./output-marker.ts";
import { oldDirectory, ownerFile, stagingPrefix } from "./output-paths.ts";
import { identityIn, livenessOf, type ProcessIdentity } from "./process.ts";

/**
 * Restores what runs that are over had put aside, and deletes their staging directories, but for that of the run `kept`.
 * OUTPUT_BUSY if a living process has one. Those of other machines are left alone: nobody here can tell whether they live.
 */
export async function sweepStagings(target: string, kept: string | null = null): Promise<void> {
  for (const staging of await stagingsOf(target)) {
    const owner = await ownerOf(staging);
    if (kept !== null && staging === stagingOf(target, kept)) {
      // whoever asks for it holds the lock of the state directory that the run belongs to: nobody else is at work on it
      if (await recoverStaging(staging, target)) continue;
      throw new ShoalError(
        "OUTPUT_NOT_EMPTY",
        `a run that was cut off had put the old output aside to ` +
          `${oldDirectory(staging)}, and something else is in its place ${target} now`,
        {
          hint: "Move one of the two to where it belongs, and run the same command again.",
          details: { target },
        },
      );
    }
    if (owner === null) {
      // its maker died before it wrote its name: only an empty directory is certain to hold nothing
      await rmdir(staging).catch(() => {});
      continue;
    }
    const liveness = owner.isReleased ? "dead" : livenessOf(owner);
    if (liveness === "alive") {
      throw new ShoalError(
        "OUTPUT_BUSY",
        `process ${owner.pid} has been writing to ${target} since ${owner.since}`,
        { details: { target, pid: owner.pid, since: owner.since } },
      );
    }
    if (liveness === "unknown" || !(await recoverStaging(staging, target))) continue;
    await rm(staging, { recursive: true, force: true });
  }
}

/** Staging directories of living processes. */
export async function liveStagings(target: string): Promise<string[]> {
  const live: string[] = [];
  for (const staging of await stagingsOf(target)) {
    const owner = await ownerOf(staging);
    if (owner !== null && !owner.isReleased && livenessOf(owner) === "alive") live.push(staging);
  }
  return live;
}

/**
 * Puts the old output back if a swap was cut short. True: nothing in `staging` is needed any more. False: the old
 * output is still in it, and something else is in its place; it is left for people to decide.
 */
export async function recoverStaging(staging: string, target: string): Promise<boolean> {
  const old = oldDirectory(staging);
  if (!(await exists(old))) return true;
  const marker = await readMarker(target);
  if (marker !== null && `${stagingPrefix(basename(target))}${marker.run}` === basename(staging)) return true;
  const { kind } = await occupantOf(target);
  if (kind !== "missing" && kind !== "empty") return false;
  await rename(old, target);
  await syncDirectory(dirname(target));
  return true;
}

async function stagingsOf(target: string): Promise<string[]> {
  const prefix = stagingPrefix(basename(target));
  const parent = dirname(target);
  return (await readdir(parent)).filter((name) => name.startsWith(prefix)).map((name) => join(parent, name));
}

/** Deletes the staging directory of a run that is given up, after restoring what it had put aside. */
export async function removeStaging(target: string, run: string): Promise<void> {
  const staging = stagingOf(target, run);
  const owner = await ownerOf(staging);
  if (owner === null || (!owner.isReleased && livenessOf(owner) !== "dead")) return;
  if (await recoverStaging(staging, target)) await rm(staging, { recursive: true, force: true });
}

const stagingOf = (target: string, run: string): string =>
  join(dirname(target), `${stagingPrefix(basename(target))}${run}`);

/** `isReleased`: its process lives on perhaps, but has let go of it. */
async function ownerOf(
  staging: string,
): Promise<(ProcessIdentity & { readonly isReleased: boolean }) | null> {
  try {
    const value = JSON.parse(await readFile(join(staging, ownerFile), "utf8")) as { released?: unknown };
    const identity = identityIn(value);
    return identity === null ? null : { ...identity, isReleased: value.released === true };
  } catch {
    return null;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
