// Links as the machines' contract wants them (core/DESIGN.md, "Order"): nothing is lost, and each arrives in order,
// after a time drawn from the seed.

import { below, type Rng } from "../../base/rng.ts";
import type { Millis } from "../../core/types.ts";
import type { World } from "./world.ts";

export class DirectLinks {
  private readonly world: World;
  private readonly random: Rng;
  private readonly delayMsMax: Millis;
  /** When the last message of a link arrives: later ones arrive no earlier. */
  private readonly busyUntil = new Map<string, Millis>();

  constructor(world: World, random: Rng, delayMsMax: Millis) {
    this.world = world;
    this.random = random;
    this.delayMsMax = delayMsMax;
  }

  send(link: string, arrive: () => void): void {
    const delay = below(this.random, this.delayMsMax + 1);
    const at = Math.max(this.busyUntil.get(link) ?? 0, this.world.now() + delay);
    this.busyUntil.set(link, at);
    this.world.plan(at - this.world.now(), arrive);
  }
}
