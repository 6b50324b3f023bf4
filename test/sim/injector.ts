// Does to a cluster what its swarm says, until it is time to heal; then makes everything whole again.
// Owner of: what is broken right now.

import { below, chance, rng, type Rng } from "../../src/base/rng.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { SimCluster, SimMachine } from "../../src/driver/sim/cluster.ts";
import type { SimProcess } from "../../src/driver/sim/process.ts";
import { delay, duplicate, lose, partition } from "../../src/driver/sim/rules.ts";
import type { Faults, Recurring, Swarm } from "./swarm.ts";

/** What the coordinator was told or ordered when an ambush may strike. */
const decisive = new Set([
  "AttemptFinished",
  "AttemptFailed",
  "CommitOutput",
  "OutputCommitted",
  "OutputsAdopted",
  "WorkerLost",
  "CancelAttempt",
  "EventIgnored",
]);

export interface InjectorHooks {
  /** A fault happened, for the story. */
  note(text: string): void;
  /** The coordinator died; starts it again when it is time. */
  restartCoordinator(): void;
  crashCoordinator(isPower: boolean): void;
}

export class Injector {
  isHealed = false;
  /** Faults that happened. */
  count = 0;
  private readonly swarm: Swarm;
  private readonly cluster: SimCluster;
  private readonly hooks: InjectorHooks;
  private readonly rules: (() => void)[] = [];
  private readonly ambushes: Rng;

  constructor(swarm: Swarm, cluster: SimCluster, hooks: InjectorHooks) {
    this.swarm = swarm;
    this.cluster = cluster;
    this.hooks = hooks;
    this.ambushes = rng(swarm.seed * 64 + 13);
  }

  begin(): void {
    const { faults } = this.swarm;
    const { network, world } = this.cluster;
    const stream = (name: number): Rng => rng(this.swarm.seed * 64 + name);
    if (faults.loss !== null) this.rules.push(network.add(lose(stream(1), faults.loss.share)));
    if (faults.delay !== null)
      this.rules.push(network.add(delay(stream(2), faults.delay.share, faults.delay.delayMs)));
    if (faults.duplicate !== null)
      this.rules.push(network.add(duplicate(stream(3), faults.duplicate.share, faults.duplicate.delayMs)));
    this.recur(faults.crash, stream(4), (random, how) => this.crash(random, how));
    this.recur(faults.pause, stream(5), (random, how) => this.pause(random, how));
    this.recur(faults.partition, stream(6), (random, how) => this.part(random, how));
    this.recur(faults.slow, stream(7), (random) => this.slow(random));
    this.recur(faults.slotExit, stream(8), (random, how) => this.exitSlot(random, how));
    this.recur(faults.badStart, stream(12), (random) => this.spoilStarts(random));
    this.recur(faults.diskFull, stream(9), (random) => this.fill(random));
    this.recur(faults.flip, stream(10), (random) => this.flip(random));
    this.recur(faults.coordinatorCrash, stream(11), (random, how) => this.crashCoordinator(random, how));
    const { cancel } = faults;
    if (cancel !== null) world.plan(cancel.atMs, () => this.cancel());
    world.plan(this.swarm.safetyMs, () => this.heal());
  }

  /** Something was decided: strikes, if there are ambushes, within the next few milliseconds. */
  see({ machine, body }: LogEntry): void {
    const { ambush } = this.swarm.faults;
    if (ambush === null || this.isHealed || machine !== "coordinator" || !decisive.has(body.kind)) return;
    const random = this.ambushes;
    if (!chance(random, ambush.share)) return;
    const worker = "worker" in body ? body.worker : null;
    this.cluster.world.plan(below(random, 4) === 0 ? below(random, 200) : 0, () => {
      if (!this.isHealed && this.cluster.outcome === null)
        this.strike(random, this.workers().find((at) => at.worker?.id === worker) ?? this.pick(random));
    });
  }

  heal(): void {
    if (this.isHealed) return;
    this.isHealed = true;
    this.hooks.note("everything is healed");
    for (const remove of this.rules) remove();
    const { cluster } = this;
    cluster.store.isFull = false;
    for (const machine of cluster.machines) {
      machine.slowness = 1;
      machine.failsStarts = false;
      machine.disk.isFull = false;
      machine.process?.goOn();
    }
    cluster.coordinator?.process.goOn();
    if (cluster.coordinator === null) this.hooks.restartCoordinator();
    for (const machine of this.workers()) cluster.startWorker(machine);
  }

  private strike(random: Rng, machine: SimMachine): void {
    const { world, links } = this.swarm;
    const pick = below(random, 6);
    if (world !== "direct" && pick < (world === "together" ? 3 : 1))
      return this.crashCoordinator(random, { powerShare: 0.5, forMs: 2000 });
    if (world !== "together" && pick <= 2)
      return this.crash(random, { resetShare: 0.5, rejoinShare: 0.9, forMs: 5000 }, machine);
    if (links.kind === "sessions" && pick === 3) return this.part(random, { oneWayShare: 0.5, forMs: 5000 });
    if (pick === 4) return this.pause(random, { coordinatorShare: 0.3, forMs: 5000 }, machine);
    return this.exitSlot(random, { externalShare: 0.5 }, machine);
  }

  private workers(): readonly SimMachine[] {
    return this.cluster.machines.slice(1);
  }

  /** Lets something happen again and again while faults happen at all. */
  private recur<F extends Recurring>(
    fault: F | null,
    random: Rng,
    happen: (random: Rng, fault: F) => void,
  ): void {
    if (fault === null) return;
    this.cluster.world.plan(1 + below(random, 2 * fault.everyMs), () => {
      if (this.isHealed || this.cluster.outcome !== null) return;
      happen(random, fault);
      this.recur(fault, random, happen);
    });
  }

  private note(text: string): void {
    this.count++;
    this.hooks.note(text);
  }

  /** Ends a fault after a while, unless healing has. */
  private after(random: Rng, forMs: number, end: () => void): void {
    this.cluster.world.plan(1 + below(random, forMs), () => {
      if (!this.isHealed) end();
    });
  }

  private pick(random: Rng): SimMachine {
    return this.workers()[below(random, this.workers().length)]!;
  }

  private crash(
    random: Rng,
    how: Omit<NonNullable<Faults["crash"]>, "everyMs">,
    machine = this.pick(random),
  ): void {
    const { resetShare, rejoinShare, forMs } = how;
    const isReset = chance(random, resetShare);
    const comesBack = chance(random, rejoinShare);
    const { worker } = machine;
    if (worker === null) return;
    this.note(
      `${worker.id} on machine ${machine.index} crashes${isReset ? ", and its machine says so" : ""}`,
    );
    const afterMs = below(random, 10_000);
    this.cluster.crashWorker(
      machine,
      this.swarm.links.kind === "direct"
        ? { kind: "told", afterMs }
        : { kind: isReset ? "reset" : "silence" },
    );
    if (comesBack) this.after(random, forMs, () => this.cluster.startWorker(machine));
  }

  private pause(
    random: Rng,
    { coordinatorShare, forMs }: Omit<NonNullable<Faults["pause"]>, "everyMs">,
    machine = this.pick(random),
  ): void {
    const isCoordinator = chance(random, coordinatorShare);
    const process: SimProcess | null = isCoordinator
      ? (this.cluster.coordinator?.process ?? null)
      : machine.process;
    if (process === null || process.isStopped) return;
    this.note(
      `the process ${isCoordinator ? "of the coordinator" : `on machine ${machine.index}`} is stopped`,
    );
    process.stop();
    this.after(random, forMs, () => {
      this.hooks.note(
        `the process ${isCoordinator ? "of the coordinator" : `on machine ${machine.index}`} goes on`,
      );
      process.goOn();
    });
  }

  private part(random: Rng, { oneWayShare, forMs }: Omit<NonNullable<Faults["partition"]>, "everyMs">): void {
    const inside = new Set(this.cluster.machines.filter(() => chance(random, 0.4)).map(({ index }) => index));
    const isOneWay = chance(random, oneWayShare);
    this.note(`machines ${[...inside].join(" ")} are cut off${isOneWay ? ", one way" : ""}`);
    const remove = this.cluster.network.add(partition((machine) => inside.has(machine), isOneWay));
    this.rules.push(remove);
    this.after(random, forMs, () => {
      this.hooks.note(`machines ${[...inside].join(" ")} are back`);
      remove();
    });
  }

  private slow(random: Rng): void {
    const { factor, forMs } = this.swarm.faults.slow!;
    const machine = this.pick(random);
    this.note(`machine ${machine.index} is ${factor} times slower`);
    machine.slowness = factor;
    this.after(random, forMs, () => (machine.slowness = 1));
  }

  private exitSlot(
    random: Rng,
    { externalShare }: { externalShare: number },
    machine = this.pick(random),
  ): void {
    const slot = below(random, machine.options.slots);
    const isExternal = chance(random, externalShare);
    if (machine.worker === null || machine.process?.isStopped === true) return;
    this.note(`slot ${slot} of ${machine.worker.id} ends`);
    machine.worker.exitSlot(slot, "the simulated thread ended", isExternal);
  }

  private spoilStarts(random: Rng): void {
    const machine = this.pick(random);
    this.note(`slots of machine ${machine.index} do not start`);
    machine.failsStarts = true;
    this.after(random, this.swarm.faults.badStart!.forMs, () => (machine.failsStarts = false));
  }

  private fill(random: Rng): void {
    const { forMs, storeShare } = this.swarm.faults.diskFull!;
    const isStore = chance(random, storeShare);
    const machine = this.pick(random);
    const disk = isStore ? this.cluster.store : machine.disk;
    this.note(`the disk of ${isStore ? "the store" : `machine ${machine.index}`} is full`);
    disk.isFull = true;
    this.after(random, forMs, () => (disk.isFull = false));
  }

  private flip(random: Rng): void {
    const machine = this.pick(random);
    const name = machine.disk.flipBit(random);
    if (name !== null) this.note(`a bit flips in ${name} on machine ${machine.index}`);
  }

  private crashCoordinator(random: Rng, { powerShare, forMs }: { powerShare: number; forMs: number }): void {
    if (this.cluster.coordinator === null) return;
    const isPower = chance(random, powerShare);
    this.note(`the coordinator crashes${isPower ? ": power failed" : ""}`);
    this.hooks.crashCoordinator(isPower);
    this.after(random, forMs, () => this.hooks.restartCoordinator());
  }

  private cancel(): void {
    const { coordinator, outcome } = this.cluster;
    if (coordinator === null || outcome !== null) return;
    this.note("the user cancels");
    coordinator.process.enter(() => coordinator.cancel("enough"));
  }
}
