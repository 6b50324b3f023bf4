// The marker `.shoal.json` in an output directory: whose it is, and which files are. What it does not list is not ours.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { markerFile, markerFormat } from "./output-paths.ts";

export interface Marker {
  readonly format: number;
  /** The job that made the output. */
  readonly job: string;
  /** The run that did, which tells a finished swap from one that a crash cut short. */
  readonly run: string;
  readonly files: readonly string[];
}

/** What is in the place of an output directory. */
export type Occupant =
  | { readonly kind: "missing" }
  | { readonly kind: "empty" }
  /** The output of a job, nothing else. */
  | { readonly kind: "output"; readonly marker: Marker }
  /** At least one thing that no marker lists; `names` are some of those. */
  | { readonly kind: "foreign"; readonly names: readonly string[]; readonly marker: Marker | null };

export async function occupantOf(directory: string): Promise<Occupant> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { kind: "missing" };
    throw error;
  }
  return occupantFrom(names, names.includes(markerFile) ? await readMarker(directory) : null);
}

/** By what is in its place, and what the marker that may be among it says. */
export function occupantFrom(names: readonly string[], marker: Marker | null): Occupant {
  if (names.length === 0) return { kind: "empty" };
  const known = new Set(marker === null ? [] : [...marker.files, markerFile]);
  const foreign = names.filter((name) => !known.has(name)).sort();
  return foreign.length > 0 || marker === null
    ? { kind: "foreign", names: foreign, marker }
    : { kind: "output", marker };
}

/** Null where there is none, or none of ours. */
export async function readMarker(directory: string): Promise<Marker | null> {
  try {
    return markerIn(await readFile(join(directory, markerFile), "utf8"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return null;
    throw error;
  }
}

/** Null: it is none of ours. */
export function markerIn(text: string): Marker | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { format, job, run, files } = value as Record<string, unknown>;
  if (format !== markerFormat || typeof job !== "string" || typeof run !== "string") return null;
  if (!Array.isArray(files) || !files.every((name) => typeof name === "string")) return null;
  return { format, job, run, files: files as string[] };
}
