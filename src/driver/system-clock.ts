import type { LoopClock } from "./loop.ts";

/** Milliseconds since the process began, and one timer. */
export class SystemClock implements LoopClock {
  private timer: NodeJS.Timeout | null = null;

  now(): number {
    return Math.floor(performance.now());
  }

  setTimer(at: number | null, fire: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = at === null ? null : setTimeout(fire, Math.max(0, at - this.now()));
  }
}
