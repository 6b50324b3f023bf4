// One job's directory (jobs.ts): its journal, and the files of its run while that is not over.
//
//   the journal is read ──► begin (continue the run, or another) ──► keepOnly ──► end
//
// Owner of: everything in the directory but job.json. Whoever opens one holds the state directory's lock.

import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "../errors.ts";
import { jobDirectory, journalDirectory } from "./jobs.ts";

export class JobDirectory {
  readonly path: string;
  readonly journal: string;

  constructor(state: string, key: string) {
    this.path = jobDirectory(state, key);
    this.journal = journalDirectory(this.path);
  }

  /** Where the files of `run` are: blocks, results, spills. */
  scratch(run: string): string {
    return join(this.path, run);
  }

  /** Makes the run's folders where they are not there. SCRATCH_FAILED. */
  begin(run: string): void {
    try {
      for (const folder of ["blocks", "results"])
        mkdirSync(join(this.scratch(run), folder), { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw failed(this.scratch(run), cause);
    }
  }

  /** Takes a file of an earlier run into this one, under another name. False if it cannot be. */
  move(from: string, to: string): boolean {
    try {
      renameSync(from, to);
      return true;
    } catch {
      return false; // what was in it is made again
    }
  }

  /** Deletes all files of the run but these blocks and results, and all of other runs. */
  keepOnly(run: string, attempts: ReadonlySet<string>): void {
    try {
      this.deleteAllBut(run, attempts);
    } catch (cause) {
      throw failed(this.scratch(run), cause);
    }
  }

  private deleteAllBut(run: string, attempts: ReadonlySet<string>): void {
    for (const name of readdirSync(this.path)) {
      if (name !== "journal" && name !== "job.json" && name !== run) this.delete(join(this.path, name));
    }
    const scratch = this.scratch(run);
    for (const folder of readdirSync(scratch)) {
      if (folder !== "blocks" && folder !== "results") {
        this.delete(join(scratch, folder));
        continue;
      }
      for (const name of readdirSync(join(scratch, folder))) {
        if (!attempts.has(name)) this.delete(join(scratch, folder, name));
      }
    }
  }

  /** Deletes all that is known of the job, its journal too. SCRATCH_FAILED. */
  async forget(): Promise<void> {
    try {
      await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
    } catch (cause) {
      throw failed(this.path, cause);
    }
  }

  /** Deletes the run's files. Never throws: what is left is swept by a later run. */
  async end(run: string): Promise<void> {
    await rm(this.scratch(run), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }

  private delete(path: string): void {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The size of a file, or null if there is none. */
export const sizeOf = (file: string): number | null =>
  statSync(file, { throwIfNoEntry: false })?.size ?? null;

const failed = (path: string, cause: unknown): ShoalError =>
  new ShoalError(
    "SCRATCH_FAILED",
    `cannot prepare the job's directory ${path}: ${(cause as Error).message}`,
    { cause },
  );
