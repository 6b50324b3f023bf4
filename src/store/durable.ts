// Small files that are either wholly there or not there at all, and directories whose entries last.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { mkdir, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes `path` under another name first and renames it, so that no reader sees a part. */
export async function writeWhole(path: string, contents: string): Promise<void> {
  const draft = `${path}.${process.pid}.draft`;
  try {
    await writeSynced(draft, contents);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Creates `path`, which must not exist, and makes its contents durable. */
export async function writeSynced(path: string, contents: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(contents);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a directory durable: creations, renames, deletions. */
export async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle;
  try {
    directory = await open(path, "r");
  } catch (error) {
    // a directory that may be written but not read cannot be synced: the names come to disk a little later
    if ((error as NodeJS.ErrnoException).code === "EACCES") return;
    throw error;
  }
  try {
    await directory.sync();
  } catch (error) {
    // some network file systems refuse it
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EINVAL" && code !== "ENOTSUP") throw error;
  } finally {
    await directory.close();
  }
}

/** The same, at once. */
export function syncDirectoryNow(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EINVAL" && code !== "ENOTSUP") throw error;
  } finally {
    closeSync(directory);
  }
}

/**
 * Makes a directory and those above it that are missing. Not mkdir's own `recursive`: on file systems that answer
 * ENOENT to every mkdir (procfs) that one never ends.
 */
export async function makeDirectories(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await isDirectory(at)); at = dirname(at)) {
    missing.push(at);
    if (dirname(at) === at) break;
  }
  for (const directory of missing.reverse()) {
    try {
      await mkdir(directory);
    } catch (error) {
      // another process may have been quicker
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isDirectory(directory))) throw error;
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
