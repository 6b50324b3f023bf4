// Where the simulated job's output is published: all of it or nothing, at one moment. The files of the winners move;
// one that is missing fails the commit, and what is in them is believed (the store keeps its own checksums).
// Owner of: what is published.

import type { AttemptId } from "../../src/base/ids.ts";
import { failureError } from "../../src/core/failure-error.ts";
import type { ErrorData } from "../../src/errors.ts";
import type { Disk } from "../../src/driver/sim/disk.ts";
import type { World } from "../../src/driver/sim/world.ts";
import type { Commit } from "../checkers/checker.ts";

export class Publishing {
  readonly commits: Commit[] = [];
  /** Null: nothing is published. */
  parts: readonly number[] | null = null;
  /** The next commit fails, for no fault of the job. */
  isBroken = false;
  private readonly world: World;
  private readonly store: Disk;

  constructor(world: World, store: Disk) {
    this.world = world;
    this.store = store;
  }

  /** Takes `commitMs` until it is done, and as long again until that is known. `isAlive`: who commits still lives. */
  commit(
    winners: readonly AttemptId[],
    commitMs: number,
    isAlive: () => boolean,
    done: (error: ErrorData | null) => void,
  ): void {
    this.world.plan(commitMs, () => {
      if (!isAlive()) return;
      const error = this.publish(winners);
      this.world.plan(commitMs, () => done(error));
    });
  }

  private publish(winners: readonly AttemptId[]): ErrorData | null {
    if (this.isBroken) return failureError("OUTPUT_FAILED", "the simulated store refuses");
    const missing = winners.find((winner) => this.store.get(winner) === undefined);
    if (missing !== undefined) return failureError("OUTPUT_FAILED", `there is no output of ${missing}`);
    this.parts = winners.map((winner) => this.store.get(winner)!.value);
    for (const winner of winners) this.store.delete(winner);
    this.commits.push({ winners });
    return null;
  }
}
