// One run of one seed: a cluster under faults, then healed, then everything checked.
//
//   safety     anything may go wrong, until safetyMs
//   healing    everything is whole again: the job must end within bounded time, whatever it has been through
//   dismissal  everyone is told that the job is over: within bounded time nothing may be left of it

import { InvariantError } from "../../src/base/assert.ts";
import { chance, rng } from "../../src/base/rng.ts";
import { checkInvariants } from "../../src/core/coordinator/invariants.ts";
import type { CoordinatorEvent } from "../../src/core/coordinator/events.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { AdoptedOutput, JobOutcome } from "../../src/core/types.ts";
import { checkInvariants as checkWorker } from "../../src/core/worker/invariants.ts";
import { SimCluster } from "../../src/driver/sim/cluster.ts";
import { calm } from "../checkers/calm.ts";
import { causality } from "../checkers/causality.ts";
import { check, Violation, type Checker } from "../checkers/checker.ts";
import { idleResources } from "../checkers/idle-resources.ts";
import { checkersOfLog } from "../checkers/list.ts";
import { sequentialOutput } from "../checkers/sequential-output.ts";
import { Injector } from "./injector.ts";
import { SimJournal } from "./journal.ts";
import { Publishing } from "./publishing.ts";
import { isCalmSwarm, swarmOf, type Swarm } from "./swarm.ts";
import { TraceHash } from "./trace-hash.ts";
import { copiesAt, dataOf, modelOf, sequentialRun } from "./workload.ts";

/** A fault, in the story. */
export interface FaultNote {
  /** It happened after this entry. */
  readonly after: number;
  readonly worldAt: number;
  readonly text: string;
}

export interface SeedRun {
  readonly swarm: Swarm;
  readonly hash: string;
  readonly outcome: JobOutcome | null;
  readonly violation: { readonly checker: string; readonly message: string } | null;
  readonly virtualMs: number;
  readonly steps: number;
  readonly faults: number;
  readonly incarnations: number;
  readonly log: readonly LogEntry[];
  /** By entry, from 1. */
  readonly lamports: readonly number[];
  readonly worldTimes: readonly number[];
  readonly notes: readonly FaultNote[];
}

const dismissalMs = 120_000;
const stepsMax = 2_000_000;

export function runSeed(seed: number, swarm: Swarm = swarmOf(seed)): SeedRun {
  return new Run(swarm).run();
}

class Run {
  private readonly swarm: Swarm;
  private readonly cluster: SimCluster;
  private readonly injector: Injector;
  private readonly publishing: Publishing;
  private readonly journal: SimJournal;
  private readonly hash = new TraceHash();
  private readonly log: LogEntry[] = [];
  private readonly lamports: number[] = [0];
  private readonly worldTimes: number[] = [0];
  private readonly notes: FaultNote[] = [];
  private readonly crashes = rng(7);
  private readonly checksInvariants: boolean;
  private incarnations = 1;

  constructor(swarm: Swarm) {
    this.swarm = swarm;
    this.checksInvariants = swarm.seed % 8 === 0;
    this.journal = new SimJournal(
      swarm.spec,
      swarm.faults.coordinatorCrash?.journalLagMs ?? 500,
      swarm.world === "together",
    );
    this.cluster = new SimCluster(
      {
        seed: swarm.seed,
        model: modelOf(swarm, () => this.injector.isHealed),
        data: dataOf(swarm),
        machines: swarm.machines,
        coordinatorClock: swarm.coordinatorClock,
        isTogether: swarm.world === "together",
        links: swarm.links,
        abortGraceMs: swarm.abortGraceMs,
        fetchTimeoutMs: swarm.fetchTimeoutMs,
        observe: (entry, worldAt, lamport) => this.observe(entry, worldAt, lamport),
      },
      {
        spec: swarm.spec,
        payload: () => null,
        copies: (worker) => copiesAt(swarm, worker),
        commit: (winners, done) => {
          const { process } = this.cluster.coordinator!;
          this.publishing.commit(winners, swarm.commitMs, () => process.isAlive, done);
        },
        discard: () => {},
      },
    );
    this.publishing = new Publishing(this.cluster.world, this.cluster.store);
    this.publishing.isBroken = swarm.faults.commit !== null;
    this.injector = new Injector(swarm, this.cluster, {
      note: (text) => this.notes.push({ after: this.log.length, worldAt: this.cluster.world.now(), text }),
      crashCoordinator: (isPower) => this.crashCoordinator(isPower),
      restartCoordinator: () => this.restartCoordinator(),
    });
  }

  run(): SeedRun {
    let violation: SeedRun["violation"] = null;
    try {
      this.play();
      this.checkAll();
    } catch (error) {
      if (error instanceof Violation) violation = { checker: error.checker, message: error.message };
      else if (error instanceof InvariantError)
        violation = { checker: `invariant ${error.invariant}`, message: error.message };
      else
        violation = {
          checker: "crash",
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        };
    }
    const { swarm, cluster, log, lamports, worldTimes, notes, incarnations } = this;
    const { world, outcome } = cluster;
    this.hash.number(world.steps);
    return {
      swarm,
      hash: this.hash.text,
      outcome,
      violation,
      virtualMs: world.now(),
      steps: world.steps,
      faults: this.injector.count,
      incarnations,
      log,
      lamports,
      worldTimes,
      notes,
    };
  }

  private play(): void {
    const { cluster, injector, swarm } = this;
    injector.begin();
    cluster.start();
    const endBy = swarm.safetyMs + patienceMs(swarm);
    while (cluster.outcome === null)
      this.step(endBy, "liveness", "the job has not ended, long after everything was healed");
    injector.heal();
    cluster.dismiss();
    const goneBy = cluster.world.now() + dismissalMs + patienceMs(swarm);
    while (cluster.machines.some(({ worker }) => worker !== null))
      this.step(goneBy, "idle-resources", "workers go on, long after the job");
    cluster.store.deleteAll("");
  }

  private step(endBy: number, checker: string, what: string): void {
    const { world } = this.cluster;
    const happened = world.step();
    if (this.checksInvariants) this.checkState();
    if (happened && world.now() <= endBy && world.steps <= stepsMax) return;
    throw new Violation(
      checker,
      `${what}: ${happened ? `it is ${world.now()} ms, after ${world.steps} steps` : "nothing is left that could happen"}`,
    );
  }

  private crashCoordinator(isPower: boolean): void {
    const { cluster, crashes } = this;
    cluster.crashCoordinator();
    this.journal.cut(crashes, cluster.world.now(), isPower);
    // The machine under it goes with its power; together that is where the blocks are.
    if (isPower && this.swarm.world === "together") cluster.machines[1]!.disk.failPower(crashes);
    // And while nobody is there to look, somebody may clean up what he does not know.
    if (isPower && chance(crashes, 0.2)) cluster.store.loseOne(crashes);
  }

  private restartCoordinator(): void {
    const { cluster } = this;
    if (cluster.coordinator !== null || cluster.outcome !== null) return;
    if (this.publishing.parts !== null) {
      // Whoever continues a job looks first whether its output is there. Then only the workers are left to be told.
      cluster.outcome = { kind: "succeeded" };
      return cluster.startCoordinator(null);
    }
    this.incarnations++;
    this.notes.push({
      after: this.log.length,
      worldAt: cluster.world.now(),
      text: "the coordinator starts again",
    });
    const events = this.journal.recall((output) => this.isThere(output));
    if (this.swarm.world === "together") this.keepOnly(events);
    cluster.startCoordinator(events);
    if (this.swarm.world === "together") cluster.startWorker(cluster.machines[1]!);
  }

  /** On one machine, whoever continues a job deletes all files that he does not take over. */
  private keepOnly(events: readonly CoordinatorEvent[]): void {
    const attempts = events
      .flatMap((event) => (event.kind === "OutputsAdopted" ? event.outputs : []))
      .map(({ attempt }) => attempt);
    this.cluster.store.keepOnly(new Set(attempts));
    this.cluster.machines[1]!.disk.keepOnly(new Set(attempts.map((attempt) => `run/${attempt}`)));
  }

  /** What can be seen from where the coordinator starts: the store, and its own disk. */
  private isThere({ task, attempt }: AdoptedOutput): boolean {
    const { stages } = this.swarm.spec;
    let stage = 0;
    for (let first = 0; task >= first + stages[stage]!.tasks; stage++) first += stages[stage]!.tasks;
    if (stages[stage]!.output === "kept") return this.cluster.store.get(attempt) !== undefined;
    return (
      this.swarm.world !== "together" || this.cluster.machines[1]!.disk.get(`run/${attempt}`) !== undefined
    );
  }

  private observe(entry: LogEntry, worldAt: number, lamport: number): void {
    this.log.push(entry);
    this.lamports.push(lamport);
    this.worldTimes.push(worldAt);
    this.hash.entry(entry, worldAt);
    this.journal.append(entry, worldAt);
    this.injector.see(entry);
  }

  private checkState(): void {
    const state = this.cluster.coordinator?.machine.state();
    if (state != null) checkInvariants(state);
    for (const { worker } of this.cluster.machines) {
      const own = worker?.machine.state();
      if (own != null) checkWorker(own);
    }
  }

  private checkAll(): void {
    const { swarm, log, publishing, cluster } = this;
    const { pause, ambush } = swarm.faults;
    const checkers: Checker[] = [
      causality((id) => this.lamports[id]!),
      ...checkersOfLog({
        lateMsMax: pause === null && ambush === null ? 5 : Infinity,
        isForgotten: (attempt) => swarm.world === "together" && this.journal.forgotten.has(attempt),
      }),
      sequentialOutput(
        () => publishing.parts,
        () => sequentialRun(swarm),
      ),
      idleResources(() => this.leftovers()),
      this.commitsWork(),
    ];
    if (isCalmSwarm(swarm)) checkers.push(calm());
    check({ spec: swarm.spec, log, commits: publishing.commits, outcome: cluster.outcome }, checkers);
  }

  /** A commit fails only if the store was broken: else an output that counts was not there. */
  private commitsWork(): Checker {
    return {
      name: "nothing-lost",
      after: ({ event }) => {
        if (event.kind === "CommitFailed" && !this.publishing.isBroken)
          throw new Error(`the commit failed: ${event.error.message}`);
      },
    };
  }

  private leftovers(): string[] {
    const left = this.cluster.machines.flatMap(({ index, disk }) =>
      [...disk.names()].map((name) => `${name} on machine ${index}`),
    );
    const { coordinator, outcome } = this.cluster;
    const state = coordinator?.machine.state();
    // A job that got as far as its commit does not wait for those that were told to stop.
    if (
      state != null &&
      (outcome?.kind === "cancelled" || (outcome?.kind === "failed" && outcome.task !== null))
    ) {
      for (const { id } of state.attempts) left.push(`${id} on the coordinator's books`);
    }
    return left;
  }
}

/** Time within which a healed cluster must be done: far more than it needs, had it to do everything again, one by one. */
function patienceMs({ spec, work, abortGraceMs, links, faults, commitMs, fetchTimeoutMs }: Swarm): number {
  const { taskTimeoutMs, errorAttemptsMax, backupMinAgeMs } = spec.limits;
  const slowest =
    10 * work.durationMs * (faults.slow?.factor ?? 1) +
    (taskTimeoutMs ?? 0) +
    abortGraceMs +
    3 * fetchTimeoutMs +
    2000;
  const tasks = spec.stages.reduce((sum, stage) => sum + stage.tasks, 0);
  const linkMs =
    links.kind === "direct" ? 10_000 + links.delayMsMax : 4 * links.lostTicks * links.heartbeatMs + 20_000;
  return (
    60_000 + linkMs * (4 + tasks) + (tasks + 2) * errorAttemptsMax * slowest + 2 * commitMs + backupMinAgeMs
  );
}
