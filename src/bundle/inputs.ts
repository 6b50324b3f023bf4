// Have the files that a bundle was made of changed? Told by their stats where these suffice, else by content.
//
// A stat says "same" only for a file that had been at rest when it was looked at: one changed again within
// the same tick of the file system's clock keeps its size and times. Such a mark keeps no stat, and content
// decides.

import { hash as digest } from "node:crypto";
import fs from "node:fs";

interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** A file as it was. `hash: null`: it was absent. `stat: null`: only its content tells. */
export interface InputMark {
  readonly path: string;
  readonly stat: FileStat | null;
  readonly hash: string | null;
}

/** The coarsest clock of a file system in use (FAT). */
const restMs = 2000;

export const sha256 = (data: string | Buffer): string => digest("sha256", data);

function statOf(file: string): FileStat | null {
  try {
    const stats = fs.statSync(file, { throwIfNoEntry: false }); // To throw costs more than to stat.
    if (stats === undefined) return null;
    return { size: stats.size, mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs, ino: stats.ino };
  } catch {
    return null; // Absent, or as good as absent for esbuild too.
  }
}

function contentOf(file: string): string {
  try {
    return sha256(fs.readFileSync(file));
  } catch (error) {
    // A directory where only absence matters; or a file that vanished or cannot be read: then the code says
    // so.
    return String((error as NodeJS.ErrnoException).code);
  }
}

export function markInput(file: string, now: number = Date.now()): InputMark {
  const stat = statOf(file);
  if (stat === null) return { path: file, stat: null, hash: null };
  const isAtRest = Math.max(stat.mtimeMs, stat.ctimeMs) < now - restMs;
  return { path: file, stat: isAtRest ? stat : null, hash: contentOf(file) };
}

/** Whether the file was changed at `time` or later. */
export function isChangedSince({ path }: InputMark, time: number): boolean {
  const stat = statOf(path);
  return stat !== null && stat.ctimeMs >= time;
}

const isSameStat = (a: FileStat, b: FileStat): boolean =>
  a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino;

/**
 * The marks of today if no file has changed, else null. The same array comes back if the marks need not be
 * written anew.
 */
export function checkInputs(inputs: readonly InputMark[]): readonly InputMark[] | null {
  let renewed: InputMark[] | null = null;
  for (const [i, input] of inputs.entries()) {
    const stat = statOf(input.path);
    if ((stat === null) !== (input.hash === null)) return null;
    if (stat === null || (input.stat !== null && isSameStat(input.stat, stat))) continue;
    const mark = markInput(input.path);
    if (mark.hash !== input.hash) return null;
    if (mark.stat !== null) (renewed ??= [...inputs])[i] = mark;
  }
  return renewed ?? inputs;
}
