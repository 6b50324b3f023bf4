// Keeps the jobs of a state directory from growing for ever: what has not been touched for a week goes, and the oldest
// go when all together are too large. Never a job that runs, nor the one that asks.
//
// To be called by the holder of the state directory's lock.

import { lstat, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { jobDirectory, jobsDirectory, journalDirectory, namesIn, readEntry, type JobEntry } from "./jobs.ts";
import { removeStaging } from "./output-staging.ts";
import { livenessOf } from "./process.ts";

export interface SweepLimits {
  readonly ageMs: number;
  readonly bytesMax: number;
}

const everyMs = 600_000;

export const defaultSweepLimits: SweepLimits = { ageMs: 7 * 86_400_000, bytesMax: 10 * 2 ** 30 };

interface Found {
  readonly key: string;
  readonly path: string;
  readonly entry: JobEntry | null;
  /** When something was last written to its journal. */
  readonly touchedAt: number;
}

/** Sweeps if nobody has done so for ten minutes. */
export async function sweepNowAndThen(state: string, mine: string, now: number): Promise<void> {
  const mark = join(state, "swept");
  const last = (await stat(mark).catch(() => null))?.mtimeMs ?? 0;
  if (now - last < everyMs && now >= last) return;
  await writeFile(mark, "").catch(() => {}); // a state directory that cannot be written is told by whoever needs it
  await sweepJobs(state, mine, now);
}

/** Returns the keys of the jobs that went. Never throws: what cannot be deleted now is tried another time. */
export async function sweepJobs(
  state: string,
  mine: string,
  now: number,
  limits: SweepLimits = defaultSweepLimits,
): Promise<string[]> {
  const swept: string[] = [];
  const left: (Found & { bytes: number })[] = [];
  for (const key of await namesIn(jobsDirectory(state))) {
    if (key === mine) continue;
    try {
      const found = await look(state, key);
      if (isLiving(found.entry)) continue;
      if (now - found.touchedAt > limits.ageMs) {
        await remove(found);
        swept.push(key);
        continue;
      }
      // a job that succeeded needs no files any more; its process may have died before it had deleted them
      if (found.entry?.state === "succeeded")
        await rm(join(found.path, found.entry.run), { recursive: true, force: true });
      left.push({ ...found, bytes: await bytesIn(found.path) });
    } catch {
      // vanished, or not ours to delete
    }
  }
  left.sort((a, b) => a.touchedAt - b.touchedAt);
  let total = left.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const found of left) {
    if (total <= limits.bytesMax) break;
    await remove(found).then(
      () => void swept.push(found.key),
      () => {},
    );
    total -= found.bytes;
  }
  return swept;
}

const isLiving = (entry: JobEntry | null): boolean =>
  entry !== null && entry.outcome === null && livenessOf(entry.owner) !== "dead";

async function look(state: string, key: string): Promise<Found> {
  const path = jobDirectory(state, key);
  const journal = journalDirectory(path);
  let touchedAt = (await stat(path)).mtimeMs;
  for (const name of await namesIn(journal))
    touchedAt = Math.max(touchedAt, (await stat(join(journal, name))).mtimeMs);
  return { key, path, entry: await readEntry(path), touchedAt };
}

/** The job's directory, and the staging directory beside its output. */
async function remove({ path, entry }: Found): Promise<void> {
  const { output, run } = entry ?? { output: null, run: "" };
  if (output !== null && (await stat(dirname(output)).catch(() => null)) !== null)
    await removeStaging(output, run);
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory() ? await bytesIn(path) : (await lstat(path)).size;
  }
  return bytes;
}
