// What a seed means: the cluster, the job, and which faults there are and how often. Every seed draws anew which faults
// exist at all (swarm testing: Groce et al. 2012), so that no fault is always hidden by another.

import { jobId } from "../../src/base/ids.ts";
import { below, chance, rng, type Rng } from "../../src/base/rng.ts";
import type { JobLimits, JobSpec, StageSpec } from "../../src/core/types.ts";
import type { ClockSkew } from "../../src/driver/sim/clock.ts";
import type { LinkOptions, MachineOptions } from "../../src/driver/sim/cluster.ts";

/** Something that happens now and then: at random times, about `everyMs` apart, for up to `forMs`. */
export interface Recurring {
  readonly everyMs: number;
  readonly forMs: number;
}

export interface Faults {
  /** A worker's process dies; a share of them comes back, after a while. */
  readonly crash: (Recurring & { readonly resetShare: number; readonly rejoinShare: number }) | null;
  /** A process is stopped and goes on. */
  readonly pause: (Recurring & { readonly coordinatorShare: number }) | null;
  readonly partition: (Recurring & { readonly oneWayShare: number }) | null;
  readonly loss: { readonly share: number } | null;
  readonly delay: { readonly share: number; readonly delayMs: number } | null;
  readonly duplicate: { readonly share: number; readonly delayMs: number } | null;
  readonly slow: (Recurring & { readonly factor: number }) | null;
  readonly slotExit: (Recurring & { readonly externalShare: number }) | null;
  /** For a while no slot of a machine comes up. */
  readonly badStart: Recurring | null;
  readonly diskFull: (Recurring & { readonly storeShare: number }) | null;
  readonly flip: Recurring | null;
  /** The coordinator's process dies and is started again; what the journal had not made durable is lost, in part. */
  readonly coordinatorCrash:
    (Recurring & { readonly powerShare: number; readonly journalLagMs: number }) | null;
  /** Crashes and exits at the very moments at which something is decided: so often of those. */
  readonly ambush: { readonly share: number } | null;
  /** The user cancels the job. */
  readonly cancel: { readonly atMs: number } | null;
  /** Publishing the output fails. */
  readonly commit: { readonly share: number } | null;
}

/** How attempts go, but for what is done to them. */
export interface Work {
  readonly durationMs: number;
  /** Durations spread from this share of `durationMs` to all of it. */
  readonly evenness: number;
  /** One in so many is ten times as long. 0: none. */
  readonly longShare: number;
  readonly errorShare: number;
  readonly finalShare: number;
  readonly exitShare: number;
  readonly hangShare: number;
  readonly deafShare: number;
  /** These tasks fail, or end their slot, every time. */
  readonly poisoned: { readonly task: number; readonly end: "fail" | "exit" } | null;
}

export interface Swarm {
  readonly seed: number;
  readonly world: "together" | "direct" | "sessions";
  readonly machines: readonly MachineOptions[];
  readonly coordinatorClock: ClockSkew;
  readonly links: LinkOptions;
  readonly spec: JobSpec;
  readonly work: Work;
  readonly faults: Faults;
  readonly abortGraceMs: number;
  readonly fetchTimeoutMs: number;
  readonly commitMs: number;
  /** Faults happen until then; afterwards everything is healed, and the job must end. */
  readonly safetyMs: number;
}

export const noFaults: Faults = {
  crash: null,
  pause: null,
  partition: null,
  loss: null,
  delay: null,
  duplicate: null,
  slow: null,
  slotExit: null,
  badStart: null,
  ambush: null,
  diskFull: null,
  flip: null,
  coordinatorCrash: null,
  cancel: null,
  commit: null,
};

export function swarmOf(seed: number): Swarm {
  const random = rng(seed * 2 + 1);
  const pick = below(random, 10);
  const world = pick < 2 ? "together" : pick < 4 ? "direct" : "sessions";
  const isCalm = chance(random, 0.08);
  const isSkewed = world !== "together" && chance(random, 0.5);
  const machineCount = world === "together" ? 1 : 1 + below(random, chance(random, 0.1) ? 20 : 6);
  const slotsMax = 1 + below(random, 4);
  const skew = (): ClockSkew =>
    isSkewed
      ? { offsetMs: below(random, 100_000), msPerSecond: 900 + below(random, 201) }
      : { offsetMs: 0, msPerSecond: 1000 };
  const machines = Array.from({ length: machineCount }, () => ({
    slots: 1 + below(random, slotsMax),
    clock: skew(),
  }));
  const spec = drawSpec(random, isCalm);
  const links = drawLinks(random, world);
  const work = drawWork(random, spec, isCalm);
  return {
    seed,
    world,
    machines,
    coordinatorClock: skew(),
    links,
    spec,
    work,
    faults: isCalm ? noFaults : drawFaults(random, world),
    abortGraceMs: between(random, 10, 5000),
    fetchTimeoutMs: between(random, 200, 3000) + 2 * (links.kind === "sessions" ? links.latencyMsMax : 0),
    commitMs: between(random, 1, 500),
    safetyMs: isCalm ? 0 : between(random, 1000, 40_000),
  };
}

/** True if nothing can go wrong in this world. */
export const isCalmSwarm = ({ faults, work, spec }: Swarm): boolean =>
  spec.limits.taskTimeoutMs === null &&
  Object.values(faults).every((fault) => fault === null) &&
  work.errorShare === 0 &&
  work.exitShare === 0 &&
  work.hangShare === 0 &&
  work.finalShare === 0 &&
  work.poisoned === null;

const between = (random: Rng, min: number, max: number): number => min + below(random, max - min + 1);
const maybe = <T>(random: Rng, share: number, draw: () => T): T | null =>
  chance(random, share) ? draw() : null;
const shareUpTo = (random: Rng, max: number): number => (below(random, 1000) / 1000) * max;

function drawLinks(random: Rng, world: Swarm["world"]): LinkOptions {
  if (world !== "sessions")
    return { kind: "direct", delayMsMax: world === "together" ? 0 : below(random, 50) };
  const lostTicks = 6 + below(random, 10);
  return {
    kind: "sessions",
    latencyMsMax: below(random, chance(random, 0.2) ? 300 : 20),
    heartbeatMs: between(random, 200, 1500),
    lostTicks,
    fenceTicks: Math.max(4, lostTicks - 1 - below(random, 3)),
    redelivers: chance(random, 0.5),
  };
}

function drawSpec(random: Rng, isCalm: boolean): JobSpec {
  const count = chance(random, 0.15) ? 1 : chance(random, 0.6) ? 2 : 3 + below(random, 2);
  const tasksMax = chance(random, 0.15) ? 100 : 30;
  const stages: StageSpec[] = [];
  for (let stage = 0; stage < count; stage++) {
    const reads = stages.flatMap((_, read) =>
      chance(random, read === stage - 1 ? 0.95 : 0.2) ? [read] : [],
    );
    const tasks = chance(random, 0.03) ? 0 : 1 + below(random, tasksMax);
    const isLast = stage === count - 1;
    stages.push({
      name: `stage ${stage}`,
      tasks,
      reads,
      output: isLast || chance(random, 0.1) ? "kept" : "blocks",
    });
  }
  const limits = drawLimits(random);
  return {
    id: jobId("j1"),
    stages,
    limits: { ...limits, taskTimeoutMs: isCalm ? null : limits.taskTimeoutMs },
  };
}

function drawLimits(random: Rng): JobLimits {
  const isTight = chance(random, 0.15);
  return {
    errorAttemptsMax: isTight ? 1 + below(random, 3) : 4 + below(random, 5),
    lossAttemptsMax: isTight ? 1 + below(random, 4) : 12 + below(random, 20),
    poisonLossesMax: isTight ? 1 + below(random, 3) : 3 + below(random, 6),
    taskTimeoutMs: chance(random, 0.4) ? between(random, 2000, 30_000) : null,
    backupFactor: 1 + below(random, 4),
    backupMinAgeMs: below(random, 6000),
    backupAfterShare: below(random, 11) / 10,
    backupSlotShare: below(random, 11) / 10,
    moveBytesPerMs: 1,
    placeWaitMsMax: chance(random, 0.3) ? 0 : below(random, 4000),
  };
}

function drawWork(random: Rng, spec: JobSpec, isCalm: boolean): Work {
  const tasks = spec.stages.reduce((sum, stage) => sum + stage.tasks, 0);
  const durationMs = between(random, 1, chance(random, 0.3) ? 500 : 5000);
  const shape = {
    durationMs,
    evenness: below(random, 11) / 10,
    longShare: chance(random, 0.2) ? 0.05 : 0,
    deafShare: shareUpTo(random, 0.5),
  };
  if (isCalm) return { ...shape, errorShare: 0, finalShare: 0, exitShare: 0, hangShare: 0, poisoned: null };
  return {
    ...shape,
    errorShare: maybe(random, 0.3, () => shareUpTo(random, 0.3)) ?? 0,
    finalShare: chance(random, 0.03) ? 0.02 : 0,
    exitShare: maybe(random, 0.3, () => shareUpTo(random, 0.3)) ?? 0,
    // Without a time limit nothing need end what hangs.
    hangShare: spec.limits.taskTimeoutMs !== null && chance(random, 0.5) ? shareUpTo(random, 0.2) : 0,
    poisoned:
      tasks > 0 && chance(random, 0.04)
        ? { task: below(random, tasks), end: chance(random, 0.5) ? "fail" : "exit" }
        : null,
  };
}

function drawFaults(random: Rng, world: Swarm["world"]): Faults {
  const exists = (): boolean => chance(random, 0.3);
  const recurring = (forMsMax: number): Recurring => ({
    everyMs: between(random, 300, 10_000),
    forMs: 1 + below(random, forMsMax),
  });
  const isNet = world === "sessions";
  const isMany = world !== "together";
  return {
    crash:
      isMany && exists()
        ? { ...recurring(20_000), resetShare: below(random, 3) / 2, rejoinShare: 0.5 + below(random, 6) / 10 }
        : null,
    pause: exists() ? { ...recurring(20_000), coordinatorShare: isMany ? below(random, 4) / 6 : 0 } : null,
    partition: isNet && exists() ? { ...recurring(20_000), oneWayShare: below(random, 3) / 2 } : null,
    loss: isNet && exists() ? { share: shareUpTo(random, 0.4) } : null,
    delay: isNet && exists() ? { share: shareUpTo(random, 0.5), delayMs: between(random, 1, 5000) } : null,
    duplicate:
      isNet && exists() ? { share: shareUpTo(random, 0.5), delayMs: between(random, 1, 10_000) } : null,
    slow: exists() ? { ...recurring(20_000), factor: between(random, 2, 20) } : null,
    slotExit: exists() ? { ...recurring(1), externalShare: below(random, 3) / 2 } : null,
    badStart: chance(random, 0.15) ? recurring(8000) : null,
    diskFull: exists() ? { ...recurring(5000), storeShare: below(random, 4) / 6 } : null,
    flip: exists() ? recurring(1) : null,
    coordinatorCrash:
      world !== "direct" && chance(random, world === "together" ? 0.6 : 0.3)
        ? { ...recurring(8000), powerShare: below(random, 3) / 2, journalLagMs: below(random, 3000) }
        : null,
    ambush: exists() ? { share: shareUpTo(random, 0.3) } : null,
    cancel: chance(random, 0.04) ? { atMs: below(random, 20_000) } : null,
    commit: chance(random, 0.02) ? { share: 1 } : null,
  };
}
