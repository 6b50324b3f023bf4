// A fixed number of slots. One that ends is replaced; when they end as soon as they start, what waits is told so, and each
// call that is made later has one more tried.

import type { ErrorData } from "../../../errors.ts";
import type { Staff, StaffedPool } from "./staff.ts";

/** Slots that end before they can take calls, in a row, after which what waits is told so. */
const startsMax = 3;

export class FixedStaff implements Staff {
  readonly aim: number;
  private readonly pool: StaffedPool;
  private isClosed = false;
  /** Of slots that end as soon as they start, in a row. */
  private failedStarts = 0;

  constructor(pool: StaffedPool, slots: number) {
    this.pool = pool;
    this.aim = slots;
  }

  warm(): void {
    // The first alone: the first result is there sooner when slots do not compete for the cores as they start.
    if (this.isClosed) return;
    if (this.pool.size === 0) this.pool.startSlot();
    else if (this.failedStarts >= startsMax && this.pool.size < this.aim) {
      this.failedStarts--; // one more try
      this.pool.startSlot();
    }
  }

  joined(): void {
    this.failedStarts = 0;
    while (!this.isClosed && this.pool.size < this.aim) this.pool.startSlot();
  }

  exited(_slot: number, hasJoined: boolean, error: ErrorData): void {
    if (!hasJoined) this.failedStarts++;
    if (this.failedStarts < startsMax) this.pool.startSlot();
    else if (this.pool.size === 0) {
      this.failedStarts = 0;
      this.pool.loseWaiting(error);
    }
  }

  callsWait(): void {}

  close(): void {
    this.isClosed = true;
  }
}
