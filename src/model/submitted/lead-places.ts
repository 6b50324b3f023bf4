// Where the processes that lead jobs have their copies of journals: a folder each, in the directory of their worker. When
// such a process is gone, however it went, nobody needs its folder: the cluster has the journal.
//
//   lead/s12-3.json   the worker's process
//   lead/s12-3/       what the process that leads s12 as the third has written
//
// Owner of: <directory>/lead.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { identityIn, livenessOf, thisProcess } from "../../store/process.ts";

/** What belongs to a process that nobody can ask after, as one of another machine, stays for so long. */
const unknownMs = 86_400_000;

export class LeadPlaces {
  private readonly directory: string;

  /** `directory`: the worker's. */
  constructor(directory: string) {
    this.directory = path.join(directory, "lead");
  }

  /** Deletes what workers that are gone have left here. */
  sweep(): void {
    if (!existsSync(this.directory)) return;
    const names = readdirSync(this.directory).map((name) => name.replace(/\.json$/, ""));
    for (const name of new Set(names)) {
      if (this.isInUse(name)) continue;
      rmSync(path.join(this.directory, name), { recursive: true, force: true });
      rmSync(this.owner(name), { force: true });
    }
  }

  /** A folder's path. It is made by whoever leads. */
  take(name: string): string {
    mkdirSync(this.directory, { recursive: true });
    writeFileSync(this.owner(name), JSON.stringify(thisProcess()));
    return path.join(this.directory, name);
  }

  /** Its process is gone. What cannot be deleted now is swept by the next worker. */
  async leave(name: string): Promise<void> {
    await rm(path.join(this.directory, name), { recursive: true, force: true }).catch(() => {});
    await rm(this.owner(name), { force: true }).catch(() => {});
  }

  private isInUse(name: string): boolean {
    try {
      const owner = identityIn(JSON.parse(readFileSync(this.owner(name), "utf8")));
      const liveness = owner === null ? "dead" : livenessOf(owner);
      if (liveness !== "unknown") return liveness === "alive";
      return Date.now() - statSync(this.owner(name)).mtimeMs < unknownMs;
    } catch {
      return false; // never written, or half: its worker died just then
    }
  }

  private owner(name: string): string {
    return path.join(this.directory, `${name}.json`);
  }
}
