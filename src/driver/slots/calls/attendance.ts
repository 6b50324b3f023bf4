// Keeps the process alive while calls have not settled, and watches the slots' memory meanwhile. Looks whether there are
// any left a few times a second, instead of at the end of each call, which would cost small calls more than they take.
//
// Owner of: the one timer that is referenced.

import type { MemoryWatch } from "../memory-watch.ts";

const everyMs = 20;

export class Attendance {
  private readonly isNeeded: () => boolean;
  private readonly watch: MemoryWatch | null;
  private timer: NodeJS.Timeout | null = null;

  constructor(isNeeded: () => boolean, watch: MemoryWatch | null) {
    this.isNeeded = isNeeded;
    this.watch = watch;
  }

  /** A call was made. */
  begin(): void {
    if (this.timer !== null) return;
    this.watch?.begin();
    this.timer = setInterval(() => {
      if (!this.isNeeded()) this.end();
    }, everyMs);
  }

  end(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
    this.watch?.end();
  }
}
