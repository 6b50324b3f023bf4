// The network between machines: frames take a while, and arrive in order per direction, unless a rule has them lost,
// late, overtaken or doubled. Within a machine nothing of that happens.
//
// Owner of: the rules, and what is under way.

import { below, type Rng } from "../../base/rng.ts";
import type { Millis } from "../../core/types.ts";
import type { Frame, Rule, Verdict } from "./rules.ts";
import type { World } from "./world.ts";

export class Network {
  private readonly world: World;
  private readonly random: Rng;
  private readonly latencyMsMax: Millis;
  private readonly rules = new Set<Rule>();
  /** By direction: when its latest frame arrives. */
  private readonly busyUntil = new Map<number, Millis>();

  /** Frames take 0 to `latencyMsMax`. */
  constructor(world: World, random: Rng, latencyMsMax: Millis) {
    this.world = world;
    this.random = random;
    this.latencyMsMax = latencyMsMax;
  }

  /** Adds a rule. Returns how to take it away. */
  add(rule: Rule): () => void {
    this.rules.add(rule);
    return () => void this.rules.delete(rule);
  }

  send(frame: Frame): void {
    if (frame.from === frame.to) return void this.world.plan(0, frame.arrive);
    const verdict = this.judge(frame);
    if (verdict.kind === "drop") return;
    const latency = below(this.random, this.latencyMsMax + 1);
    if (verdict.kind === "deliver") return void this.world.plan(latency + verdict.delayMs, frame.arrive);
    const direction = frame.from * 65_536 + frame.to;
    const at = Math.max(this.world.now() + latency, this.busyUntil.get(direction) ?? 0);
    this.busyUntil.set(direction, at);
    this.world.plan(at - this.world.now(), frame.arrive);
    if (verdict.kind === "duplicate") this.world.plan(at - this.world.now() + verdict.delayMs, frame.arrive);
  }

  private judge(frame: Frame): Verdict {
    for (const rule of this.rules) {
      const verdict = rule(frame);
      if (verdict.kind !== "pass") return verdict;
    }
    return { kind: "pass" };
  }
}
