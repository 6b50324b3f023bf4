// The directory of files that live as long as one run: blocks of shuffles, results on their way to the client, spills.
//
//   .shoal/runs/<run>/owner.json   blocks/t7.2   results/t9.1
//
// Owner of: .shoal/runs. Directories of processes that are gone are swept when a run begins.

import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "../errors.ts";
import { makeDirectories, writeSynced } from "./durable.ts";
import { identityIn, livenessOf, thisProcess } from "./process.ts";

export interface Scratch {
  readonly directory: string;
  /** Deletes the directory and all in it. Never throws: what is left is swept by a later run. */
  remove(): Promise<void>;
}

/** The file that the attempt writes blocks into. Pure: slots build the same path. */
export const blockFile = (scratch: string, attempt: string): string => join(scratch, "blocks", attempt);

/** The file in which an attempt hands records to the client. Pure: slots build the same path. */
export const resultFile = (scratch: string, attempt: string): string => join(scratch, "results", attempt);

const runsOf = (state: string): string => join(state, "runs");
const ownerFile = "owner.json";

/** Makes the scratch directory of `run` under the state directory, with its folders. SCRATCH_FAILED. */
export async function createScratch(state: string, run: string): Promise<Scratch> {
  const directory = join(runsOf(state), run);
  try {
    await makeDirectories(runsOf(state));
    await sweepScratch(state);
    await mkdir(directory, { mode: 0o700 });
    await writeSynced(join(directory, ownerFile), JSON.stringify(thisProcess()));
    await mkdir(join(directory, "blocks"));
    await mkdir(join(directory, "results"));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ShoalError("SCRATCH_FAILED", `cannot make the run's directory ${directory}: ${reason}`, { cause });
  }
  return {
    directory,
    async remove() {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
    },
  };
}

/** Deletes the scratch directories of processes that are gone. Returns the runs whose directories went. */
export async function sweepScratch(state: string): Promise<string[]> {
  const swept: string[] = [];
  for (const run of await readdir(runsOf(state)).catch(() => [])) {
    const directory = join(runsOf(state), run);
    if (!(await isAbandoned(directory))) continue;
    await rm(directory, { recursive: true, force: true });
    swept.push(run);
  }
  return swept;
}

/** A directory without a readable owner was left by a process that died while it made it, or is being made now. */
async function isAbandoned(directory: string): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(join(directory, ownerFile), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return false;
    // only one process at a time makes runs here (lock.ts), and this one has not begun
    return (await readdir(directory).catch(() => ["?"])).length === 0;
  }
  try {
    const owner = identityIn(JSON.parse(text));
    return owner === null || livenessOf(owner) === "dead";
  } catch {
    return true; // cut short by the death of its writer
  }
}
