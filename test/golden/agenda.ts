// Virtual time: what is to happen when, in order of time, then of arrangement; and the event loop's one timer.

import type { Millis } from "../../src/core/types.ts";
import type { LoopClock } from "../../src/driver/loop.ts";

interface Item {
  readonly at: Millis;
  readonly what: () => void;
  isCancelled: boolean;
}

export class Agenda implements LoopClock {
  private time: Millis = 0;
  private readonly items: Item[] = [];
  private timer: { at: Millis; fire: () => void } | null = null;

  now(): Millis {
    return this.time;
  }

  setTimer(at: Millis | null, fire: () => void): void {
    this.timer = at === null ? null : { at, fire };
  }

  /** Returns how to call it off. */
  at(at: Millis, what: () => void): () => void {
    const item: Item = { at, what, isCancelled: false };
    this.items.push(item);
    return () => {
      item.isCancelled = true;
    };
  }

  /** Lets everything happen that is due by then, and whatever that causes by then. */
  runUntil(end: Millis): void {
    for (let steps = 0; this.step(end); steps++) {
      if (steps > 100_000) throw new Error(`still not stable after ${steps} steps`);
    }
    this.time = end;
  }

  private step(end: Millis): boolean {
    let next: Item | null = null;
    for (const item of this.items) if (!item.isCancelled && (next === null || item.at < next.at)) next = item;
    const timer = this.timer;
    if (timer !== null && timer.at <= end && (next === null || timer.at < next.at)) {
      this.time = Math.max(this.time, timer.at);
      this.timer = null;
      timer.fire();
      return true;
    }
    if (next === null || next.at > end) return false;
    this.items.splice(this.items.indexOf(next), 1);
    this.time = Math.max(this.time, next.at);
    next.what();
    return true;
  }
}
