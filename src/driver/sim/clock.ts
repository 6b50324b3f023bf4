// A machine's clock: what it shows at a time of the world. It may begin anywhere and run fast or slow, but never goes
// back. No machine of the simulation ever sees the world's time itself.

import type { Millis } from "../../core/types.ts";
import type { World } from "./world.ts";

export interface ClockSkew {
  /** What the clock shows when the world begins. An integer, at least 0. */
  readonly offsetMs: Millis;
  /** Milliseconds that it counts in a second of the world. 1000 is right. */
  readonly msPerSecond: number;
}

export const exactClock: ClockSkew = { offsetMs: 0, msPerSecond: 1000 };

export class MachineClock {
  private readonly world: World;
  private readonly skew: ClockSkew;

  constructor(world: World, skew: ClockSkew) {
    this.world = world;
    this.skew = skew;
  }

  now(): Millis {
    return this.shownAt(this.world.now());
  }

  /** How long the world goes on until the clock shows `at`, or later. */
  worldMsUntil(at: Millis): Millis {
    const { offsetMs, msPerSecond } = this.skew;
    let worldAt = Math.max(this.world.now(), Math.floor(((at - offsetMs) * 1000) / msPerSecond));
    while (this.shownAt(worldAt) < at) worldAt++;
    return worldAt - this.world.now();
  }

  private shownAt(worldAt: Millis): Millis {
    return this.skew.offsetMs + Math.floor((worldAt * this.skew.msPerSecond) / 1000);
  }
}
