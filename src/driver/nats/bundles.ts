// Bundles on their way: from the client into the object store, from there to each worker, once. A bundle is named by
// its content's hash, which is checked where it arrives, and again by the slot that imports it.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { mapOf } from "../../bundle/sweep.ts";
import { ShoalError } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { ClusterConnection } from "./connection.ts";

export async function shipBundle(
  connection: ClusterConnection,
  { file, hash }: NonNullable<ProgramRef["bundle"]>,
): Promise<void> {
  const { bundles } = connection.subjects;
  const bytes = await readFile(file);
  const map = mapOf(bytes);
  if (map !== null) {
    const text = await readFile(path.join(path.dirname(file), map)).catch(() => null);
    if (text !== null) await connection.putObject(bundles, map, text);
  }
  await connection.putObject(bundles, `${hash}.mjs`, bytes);
}

/** The bundle's file in `directory`, fetched if it is not there yet. Errors: CLUSTER_FAILED. */
export async function fetchBundle(
  connection: ClusterConnection,
  hash: string,
  directory: string,
): Promise<string> {
  const file = path.join(directory, `${hash}.mjs`);
  if (existsSync(file)) return file;
  const { bundles } = connection.subjects;
  const bytes = await connection.getObject(bundles, `${hash}.mjs`);
  if (bytes === null || createHash("sha256").update(bytes).digest("hex") !== hash) {
    const what = bytes === null ? "is not there" : "is not what its name says";
    throw new ShoalError("CLUSTER_FAILED", `the bundle ${hash} in the object store ${what}`);
  }
  mkdirSync(directory, { recursive: true });
  const map = mapOf(Buffer.from(bytes));
  const mapText = map === null ? null : await connection.getObject(bundles, map);
  if (map !== null && mapText !== null) writeWhole(path.join(directory, map), mapText);
  writeWhole(file, bytes);
  return file;
}

/** Appears by rename: processes that share the directory never see a part of it. */
function writeWhole(file: string, bytes: Uint8Array): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, bytes);
  renameSync(draft, file);
}
