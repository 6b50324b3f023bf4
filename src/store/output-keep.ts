// What a run that was cut off, failed or was cancelled leaves in its staging directory, for the same run to go on with.
//
// Its commit may have been cut short at any step (output.ts). Where a finished part is then:
//
//   attempts/<attempt>/part-00007    not yet assembled, or the commit never began
//   new/part-00007                   assembled: it is moved back
//   <output>/part-00007              published, as the marker says: then all parts are, and nothing is left to do

import { readdirSync, renameSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sizeOf } from "./job-directory.ts";
import { readMarker } from "./output-marker.ts";
import { attemptDirectory, newDirectory, partName, stagedPart } from "./output-paths.ts";

/** A part that an attempt has finished. */
export interface FinishedPart {
  readonly attempt: string;
  readonly part: number;
  readonly bytes: number;
}

/**
 * The files that `run` has published in `target`, if those are all these parts, of these sizes; else null: then what is
 * there is another output, or was changed since.
 */
export async function publishedFiles(
  target: string,
  run: string,
  parts: readonly FinishedPart[],
): Promise<readonly string[] | null> {
  const marker = await readMarker(target);
  if (marker?.run !== run || marker.files.length !== parts.length) return null;
  const isThere = ({ part, bytes }: FinishedPart): boolean =>
    marker.files.includes(partName(part)) && sizeOf(join(target, partName(part))) === bytes;
  return parts.every(isThere) ? marker.files : null;
}

/** A finished part of one run becomes a part of another. */
export interface PartMove {
  readonly from: FinishedPart;
  readonly attempt: string;
  readonly part: number;
}

/** Moves parts from one staging directory to another. Returns the new attempts of those that were there, whole. */
export async function moveParts(from: string, to: string, moves: readonly PartMove[]): Promise<Set<string>> {
  const moved = new Set<string>();
  for (const {
    from: { attempt: old, part: oldPart, bytes },
    attempt,
    part,
  } of moves) {
    const places = [stagedPart(from, old, oldPart), join(newDirectory(from), partName(oldPart))];
    const file = places.find((path) => sizeOf(path) === bytes);
    if (file === undefined) continue;
    await mkdir(attemptDirectory(to, attempt), { recursive: true });
    renameSync(file, stagedPart(to, attempt, part));
    moved.add(attempt);
  }
  return moved;
}

/** Deletes from a staging directory all but these parts. Returns the attempts of those that are there, whole. */
export async function keepParts(staging: string, parts: readonly FinishedPart[]): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const { attempt, part, bytes } of parts) {
    const file = stagedPart(staging, attempt, part);
    const assembled = join(newDirectory(staging), partName(part));
    if (sizeOf(file) === bytes) {
      kept.add(attempt);
    } else if (sizeOf(assembled) === bytes) {
      await mkdir(attemptDirectory(staging, attempt), { recursive: true });
      renameSync(assembled, file);
      kept.add(attempt);
    }
  }
  rmSync(newDirectory(staging), { recursive: true, force: true });
  for (const attempt of readdirSync(join(staging, "attempts"))) {
    if (!kept.has(attempt)) rmSync(attemptDirectory(staging, attempt), { recursive: true, force: true });
  }
  return kept;
}
