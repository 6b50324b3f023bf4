// Which worker has a directory, on disk: so that the next process there can tell the cluster at once that the one before
// it is dead, where otherwise its silence would have to be waited for.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { identityIn, livenessOf, thisProcess } from "../../store/process.ts";
import { isWorker } from "./frame-bodies.ts";

export class WorkerPlace {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The worker that had this directory, if its process is certainly dead. */
  deadOne(): string | null {
    if (!existsSync(this.file)) return null;
    try {
      const { worker, process } = JSON.parse(readFileSync(this.file, "utf8")) as Record<string, unknown>;
      const identity = identityIn(process);
      return isWorker(worker) && identity !== null && livenessOf(identity) === "dead" ? worker : null;
    } catch {
      return null; // half written, or not ours: silence will tell
    }
  }

  take(worker: string): void {
    mkdirSync(this.directory, { recursive: true });
    writeFileSync(this.file, JSON.stringify({ worker, process: thisProcess() }));
  }

  leave(): void {
    rmSync(this.file, { force: true });
  }

  private get file(): string {
    return path.join(this.directory, "worker.json");
  }
}
