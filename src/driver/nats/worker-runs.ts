// What a worker's directory has of runs: a folder each, in which their blocks are.
//
// Owner of: <directory>/runs.

import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import type { AttemptId } from "../../base/ids.ts";

/** Files of a run that nobody has spoken of for so long are deleted. */
const staleMs = 3_600_000;

export class WorkerRuns {
  private readonly directory: string;

  /** `directory`: the worker's. */
  constructor(directory: string) {
    this.directory = path.join(directory, "runs");
  }

  folderOf(run: string): string {
    return path.join(this.directory, run);
  }

  has(run: string): boolean {
    return existsSync(this.folderOf(run));
  }

  delete(run: string): void {
    rmSync(this.folderOf(run), { recursive: true, force: true });
  }

  /** Attempts whose blocks are here, and their sizes. */
  blocksOf(run: string): (readonly [AttemptId, number])[] {
    const folder = path.join(this.folderOf(run), "blocks");
    if (!existsSync(folder)) return [];
    return readdirSync(folder).map((name) => [name as AttemptId, statSync(path.join(folder, name)).size]);
  }

  /** What earlier workers of this directory left behind, if nobody can want it any more. */
  sweep(): void {
    if (!existsSync(this.directory)) return;
    for (const run of readdirSync(this.directory))
      if (Date.now() - statSync(this.folderOf(run)).mtimeMs > staleMs) this.delete(run);
  }
}
