// A simulated cluster that works on one job: machines, their processes, the network between them, and the store that
// they share. README.md here draws it. Faults are done to it from outside (stop, crash, fill, flip, network rules).
//
// Owner of: which process runs on which machine, the numbers of workers and coordinators, the outcome.

import type { WorkerId } from "../../base/ids.ts";
import { invariant } from "../../base/assert.ts";
import { rng } from "../../base/rng.ts";
import type { CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { LogEntry } from "../../core/log.ts";
import type { JobOutcome, Millis } from "../../core/types.ts";
import { MachineClock, type ClockSkew } from "./clock.ts";
import { DirectLinks } from "./direct-links.ts";
import { Disk } from "./disk.ts";
import { Door, type Envelope, type Gone, type SessionOptions } from "../links/door.ts";
import { fetchBlocks, type Holder } from "./fetch.ts";
import type { FromWorker, Link, ToWorker } from "../links/messages.ts";
import { Network } from "./network.ts";
import { SimProcess } from "./process.ts";
import { RunLog } from "./run-log.ts";
import { SimCoordinator, type SimJob } from "./sim-coordinator.ts";
import { blockName, SimWorker, type WorkerPlace } from "./sim-worker.ts";
import type { SimData, TaskModel } from "./task-model.ts";
import { WorkerLink } from "../links/worker-link.ts";
import { World } from "./world.ts";

export interface MachineOptions {
  readonly slots: number;
  readonly clock: ClockSkew;
}

export type LinkOptions =
  /** Links as the machines' contract wants them: in order, nothing lost; 0 to `delayMsMax` each way. */
  | { readonly kind: "direct"; readonly delayMsMax: Millis }
  /** Sessions over a network that may do anything to frames. */
  | ({ readonly kind: "sessions"; readonly latencyMsMax: Millis } & SessionOptions);

export interface ClusterOptions {
  readonly seed: number;
  readonly model: TaskModel;
  readonly data: SimData | null;
  /** One worker runs on each. */
  readonly machines: readonly MachineOptions[];
  readonly coordinatorClock: ClockSkew;
  /** The coordinator lives in the process of the first machine's worker, as it does with threads. */
  readonly isTogether: boolean;
  readonly links: LinkOptions;
  readonly abortGraceMs: Millis;
  readonly fetchTimeoutMs: Millis;
  observe(entry: LogEntry, worldAt: Millis, lamport: number): void;
}

/** How the coordinator learns that a worker's process is gone. */
export type Detection =
  { readonly kind: "told"; readonly afterMs: Millis } | { readonly kind: "reset" | "silence" };

export class SimMachine {
  readonly index: number;
  readonly options: MachineOptions;
  readonly disk = new Disk();
  slowness = 1;
  failsStarts = false;
  process: SimProcess | null = null;
  worker: SimWorker | null = null;
  link: WorkerLink | null = null;

  constructor(index: number, options: MachineOptions) {
    this.index = index;
    this.options = options;
  }
}

export class SimCluster {
  readonly world = new World();
  readonly network: Network;
  /** Kept output, before it is committed. */
  readonly store = new Disk();
  /** By number; 0 is the coordinator's own. */
  readonly machines: readonly SimMachine[];
  readonly options: ClusterOptions;
  coordinator: SimCoordinator | null = null;
  outcome: JobOutcome | null = null;
  private readonly job: SimJob;
  private readonly log: RunLog;
  private readonly direct: DirectLinks | null;
  private door: Door<number> | null = null;
  private readonly workers = new Map<
    WorkerId,
    { readonly machine: SimMachine; readonly worker: SimWorker }
  >();
  /** Where a worker's files are, also when it is no more. */
  private readonly homes = new Map<WorkerId, SimMachine>();
  private lastWorker = 0;
  private epoch = 0;
  private isDismissed = false;

  constructor(options: ClusterOptions, job: SimJob) {
    const { seed, links, machines, coordinatorClock, isTogether } = options;
    invariant(
      !isTogether || (machines.length === 1 && links.kind === "direct"),
      "S5",
      () => "together means one machine, direct links",
    );
    this.options = options;
    this.job = job;
    this.log = new RunLog(options.observe);
    this.network = new Network(
      this.world,
      rng(seed ^ 0x6e65),
      links.kind === "direct" ? 0 : links.latencyMsMax,
    );
    this.direct = links.kind === "direct" ? new DirectLinks(this.world, rng(seed), links.delayMsMax) : null;
    this.machines = [{ slots: 0, clock: coordinatorClock }, ...machines].map(
      (machine, index) => new SimMachine(index, machine),
    );
  }

  start(events: readonly CoordinatorEvent[] = []): void {
    this.startCoordinator(events);
    for (const machine of this.machines.slice(1)) this.startWorker(machine);
  }

  /**
   * Starts a coordinator where none runs. `events` tell it what is known from earlier ones; null: the job is over
   * already, and all that there is to do is to say so.
   */
  startCoordinator(events: readonly CoordinatorEvent[] | null): void {
    invariant(this.coordinator === null, "S6", () => "a coordinator runs already");
    const machine = this.machines[this.options.isTogether ? 1 : 0]!;
    const process = this.boot(machine);
    this.epoch++;
    const coordinator = new SimCoordinator(process, {
      job: this.job,
      toWorker: (worker, message) => this.toWorker(worker, message),
      finished: (outcome) => (this.outcome = outcome),
    });
    this.coordinator = coordinator;
    const { links } = this.options;
    this.door =
      links.kind === "direct"
        ? null
        : new Door<number>(this.epoch, process, links, {
            said: (worker, message) => this.heard(coordinator, worker, message),
            lost: (worker, reason) => coordinator.lose(worker, reason),
            silent: (worker, isSilent) => coordinator.suspect(worker, isSilent),
            send: (to, frame) => this.sendFrame(machine.index, to, frame),
          });
    coordinator.start(events);
    this.door?.open();
  }

  /** Starts a worker's process where none runs; it begins with an empty disk. Together, it is the coordinator's. */
  startWorker(machine: SimMachine): void {
    if (machine.worker !== null) return;
    if (machine.process === null) {
      this.boot(machine);
      machine.disk.deleteAll("");
    }
    this.join(machine);
  }

  /** The worker's process is gone. What it wrote stays on its disk, for nobody. */
  crashWorker(machine: SimMachine, detection: Detection): void {
    const { worker } = machine;
    if (worker === null) return;
    invariant(!this.options.isTogether, "S5", () => "together, the coordinator crashes with its worker");
    this.leave(machine);
    machine.process!.kill();
    machine.process = null;
    if (detection.kind === "told") {
      this.world.plan(detection.afterMs, () =>
        this.coordinator?.process.enter(() =>
          this.coordinator?.lose(worker.id, "the simulated process ended"),
        ),
      );
    } else if (detection.kind === "reset") {
      this.toCoordinator(machine, "reset", () => this.door?.reset(worker.id));
    }
  }

  /** The coordinator's process is gone; together, its worker with it. */
  crashCoordinator(): void {
    if (this.coordinator === null) return;
    const machine = this.machines[this.options.isTogether ? 1 : 0]!;
    if (this.options.isTogether) this.leave(machine);
    this.coordinator.process.kill();
    machine.process = null;
    this.coordinator = null;
    this.door = null;
  }

  /** The job is over: every worker is told to stop, and so is everyone who comes later. */
  dismiss(): void {
    this.isDismissed = true;
    for (const id of this.workers.keys()) this.toWorker(id, { kind: "stop", cause: null });
  }

  private boot(machine: SimMachine): SimProcess {
    machine.process = new SimProcess(
      this.world,
      new MachineClock(this.world, machine.options.clock),
      this.log,
    );
    return machine.process;
  }

  /** Its process becomes a new worker, with an id that was never used. */
  private join(machine: SimMachine): void {
    const number = ++this.lastWorker;
    const id: WorkerId = `w${number}` as WorkerId;
    const process = machine.process!;
    const link = this.linkOf(machine, id);
    const worker = new SimWorker(number, process, this.placeOf(machine, id), link);
    machine.worker = worker;
    machine.link = link instanceof WorkerLink ? link : null;
    this.workers.set(id, { machine, worker });
    this.homes.set(id, machine);
    worker.start();
    machine.link?.open();
  }

  /** Its process is no longer the worker that it was. */
  private leave(machine: SimMachine): void {
    const { worker, link } = machine;
    if (worker === null) return;
    link?.close();
    worker.vanish();
    this.workers.delete(worker.id);
    machine.worker = null;
    machine.link = null;
  }

  private linkOf(machine: SimMachine, id: WorkerId): Link<FromWorker> {
    const process = machine.process!;
    const { links } = this.options;
    if (links.kind === "direct") {
      return {
        say: (message) =>
          this.direct!.send(`from ${id}`, () =>
            this.coordinator?.process.enter(() => this.heard(this.coordinator!, id, message)),
          ),
      };
    }
    return new WorkerLink(id, process, links, {
      transmit: (frame) =>
        this.toCoordinator(machine, "session", () => this.door?.hear(machine.index, frame)),
      said: (message) => machine.worker!.hear(message),
      fence: (isLost) => {
        if (isLost) this.sweep(machine);
        this.leave(machine);
        this.join(machine);
      },
    });
  }

  private placeOf(machine: SimMachine, id: WorkerId): WorkerPlace {
    const { abortGraceMs, model, data, isTogether } = this.options;
    const { spec } = this.job;
    return {
      slots: machine.options.slots,
      abortGraceMs,
      model,
      data,
      disk: machine.disk,
      scope: this.scopeOf(id),
      store: this.store,
      slowness: () => machine.slowness,
      failsStarts: () => machine.failsStarts,
      isKept: (stage) => spec.stages[stage]!.output === "kept",
      stopped: () => {
        machine.disk.deleteAll("");
        this.leave(machine);
        if (!isTogether) machine.process!.kill();
        if (!isTogether) machine.process = null;
      },
      fetch: (from, done) =>
        fetchBlocks(
          {
            machine: machine.index,
            process: machine.process!,
            network: this.network,
            timeoutMs: this.options.fetchTimeoutMs,
            holder: (worker) => this.holder(worker),
            store: this.store,
          },
          from,
          done,
        ),
    };
  }

  /** Together, the files of all incarnations are in one place, that of the run. */
  private scopeOf(id: WorkerId): string {
    return this.options.isTogether ? "run" : id;
  }

  private holder(id: WorkerId): Holder | null {
    const machine = this.homes.get(id);
    if (machine === undefined || machine.process === null) return null;
    const scope = this.scopeOf(id);
    return {
      machine: machine.index,
      process: machine.process,
      read: (attempt) => machine.disk.get(blockName(scope, attempt)) ?? null,
    };
  }

  /** Deletes what the machine's worker wrote. */
  private sweep(machine: SimMachine): void {
    if (machine.worker !== null) machine.disk.deleteAll(`${machine.worker.place.scope}/`);
  }

  private sendFrame(from: number, to: number, frame: Envelope<ToWorker> | Gone): void {
    const kind = "gone" in frame ? "gone" : "session";
    const hear = (): void => {
      const { link } = this.machines[to]!;
      if ("gone" in frame) link?.hearGone(frame.gone, frame.epoch);
      else link?.hear(frame);
    };
    this.network.send({ from, to, kind, arrive: () => this.machines[to]!.process?.enter(hear) });
  }

  private toCoordinator(machine: SimMachine, kind: "session" | "reset", happen: () => void): void {
    this.network.send({
      from: machine.index,
      to: 0,
      kind,
      arrive: () => this.coordinator?.process.enter(happen),
    });
  }

  private toWorker(id: WorkerId, message: ToWorker): void {
    if (this.direct === null) return this.door?.say(id, message);
    this.direct.send(`to ${id}`, () => {
      const known = this.workers.get(id);
      known?.machine.process!.enter(() => known.worker.hear(message));
    });
  }

  private heard(coordinator: SimCoordinator, worker: WorkerId, message: FromWorker): void {
    coordinator.hear(worker, message);
    if (this.isDismissed && message.kind === "hello") this.toWorker(worker, { kind: "stop", cause: null });
  }
}
