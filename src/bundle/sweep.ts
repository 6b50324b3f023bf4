// Keeps the directory of bundles small: at most 50 of them, but none used within a day is ever removed.

import fs from "node:fs";
import path from "node:path";

const filesMax = 50;
const keptMs = 24 * 3_600_000;
/** What nothing points to goes only at this age: another process may be about to write what points to it. */
const strayMs = 3_600_000;

export const bundleName = /^[0-9a-f]{64}\.mjs$/;
export const mapName = /^[0-9a-f]{32}\.map$/;

/** The name of the map that a bundle's last line tells. */
export const mapOf = (text: Buffer): string | null =>
  /\/\/# sourceMappingURL=([0-9a-f]{32}\.map)\n$/.exec(text.subarray(-100).toString("latin1"))?.[1] ?? null;

/**
 * Removes the least recently used bundles beyond the limit, and strays. `kept`: the hash of one that stays.
 */
export function sweepBundles(directory: string, kept: string): void {
  try {
    const bundles = filesOf(directory, bundleName);
    bundles.sort((a, b) => b.ageMs - a.ageMs || (a.name < b.name ? -1 : 1));
    const excess = bundles.slice(0, Math.max(0, bundles.length - filesMax));
    const old = excess.filter(({ name, ageMs }) => ageMs > keptMs && name !== `${kept}.mjs`);
    const gone = new Set(old.map(({ name }) => name));
    const index = path.join(directory, "index");
    const strays = [...filesOf(directory, /\.tmp$/), ...filesOf(index, /\.tmp$/)];
    if (gone.size > 0) {
      const left = bundles.filter(({ name }) => !gone.has(name));
      const maps = new Set(left.map(({ file }) => mapOf(fs.readFileSync(file))));
      strays.push(...filesOf(directory, mapName).filter(({ name }) => !maps.has(name)));
      const hashes = new Set(left.map(({ name }) => name.slice(0, 64)));
      strays.push(...filesOf(index, /\.json$/).filter(({ file }) => !hashes.has(hashIn(file))));
    }
    for (const name of gone) fs.rmSync(path.join(directory, name), { force: true });
    for (const { file, ageMs } of strays) if (ageMs > strayMs) fs.rmSync(file, { force: true });
  } catch {
    // Another process sweeps too, or the directory is read-only: what stays now goes another time.
  }
}

interface Found {
  readonly name: string;
  readonly file: string;
  readonly ageMs: number;
}

function filesOf(directory: string, pattern: RegExp): Found[] {
  const now = Date.now();
  return fs
    .readdirSync(directory)
    .filter((name) => pattern.test(name))
    .map((name) => {
      const file = path.join(directory, name);
      return { name, file, ageMs: now - (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now) };
    });
}

function hashIn(index: string): string {
  try {
    return String((JSON.parse(fs.readFileSync(index, "utf8")) as { hash?: unknown }).hash);
  } catch {
    return ""; // Damaged: it belongs to no bundle.
  }
}
