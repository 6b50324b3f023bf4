// What an outsider knows of a job from its coordinator's log: who is here, what is in flight, whose output counts, what
// was charged to whom. A dumb twin of the coordinator: it applies the rules of core/DESIGN.md to events, in the plainest
// way, and looks at effects only for what was assigned and cancelled.
//
// Owner of: all of this. Checkers read it.

import { parseAttemptId, type AttemptId, type TaskNumber, type WorkerId } from "../../src/base/ids.ts";
import type { CoordinatorEvent } from "../../src/core/coordinator/events.ts";
import type { Failure, JobSpec, OutputLocation, StageIndex } from "../../src/core/types.ts";
import type { Turn } from "./checker.ts";

export interface InFlight {
  readonly attempt: AttemptId;
  readonly task: TaskNumber;
  readonly stage: StageIndex;
  readonly worker: WorkerId;
  readonly isBackup: boolean;
  readonly assignedAt: number;
  startedAt: number | null;
  /** It was told to stop: its end decides nothing. */
  isCancelled: boolean;
}

/** Failures charged to a task. */
export interface Charges {
  errors: number;
  losses: number;
  lossesInRow: number;
  inputLosses: number;
  /** A final error ended it. */
  isFinal: boolean;
}

export class View {
  readonly spec: JobSpec;
  readonly firsts: readonly TaskNumber[];
  readonly taskCount: number;
  readonly sinks: readonly StageIndex[];
  readonly readers: readonly (readonly StageIndex[])[];
  /** Of this incarnation. */
  workers = new Map<WorkerId, number>();
  lostWorkers = new Set<WorkerId>();
  /** Workers that get no new attempts, and whether that is for good. */
  paused = new Map<WorkerId, "silent" | "leaving">();
  inFlight = new Map<AttemptId, InFlight>();
  /** By task: the output that counts. */
  counts = new Map<TaskNumber, OutputLocation>();
  everFinished = new Set<TaskNumber>();
  /** By task: run times of outputs that were taken over from an earlier incarnation. */
  adopted = new Map<TaskNumber, number>();
  charges = new Map<TaskNumber, Charges>();
  /** Nothing is to be assigned any more: all is done, or the job failed or was cancelled. */
  isEnding = false;
  /** FinishJob was ordered: nothing that is said matters any more, and all that belongs to the job may be deleted. */
  isFinished = false;
  incarnation = 0;
  private readonly stageOfTask: StageIndex[] = [];
  /** By stage: tasks without an output that counts; whether it has ever been readable. */
  private missing: number[] = [];
  private hasAssigned = false;
  private started: boolean[] = [];

  constructor(spec: JobSpec) {
    this.spec = spec;
    const firsts: TaskNumber[] = [];
    spec.stages.forEach(({ tasks }, stage) => {
      firsts.push(this.stageOfTask.length);
      for (let i = 0; i < tasks; i++) this.stageOfTask.push(stage);
    });
    this.firsts = firsts;
    this.taskCount = this.stageOfTask.length;
    this.readers = spec.stages.map((_, stage) =>
      spec.stages.flatMap(({ reads }, reader) => (reads.includes(stage) ? [reader] : [])),
    );
    this.sinks = spec.stages.flatMap((_, stage) => (this.readers[stage]!.length === 0 ? [stage] : []));
  }

  stageOf(task: TaskNumber): StageIndex {
    return this.stageOfTask[task]!;
  }

  /** Of workers that are not paused. */
  get freeSlots(): number {
    let free = 0;
    for (const [worker, slots] of this.workers) if (!this.paused.has(worker)) free += slots;
    for (const { worker } of this.inFlight.values()) if (!this.paused.has(worker)) free--;
    return free;
  }

  /** Workers with a free slot that are not paused. */
  workersWithRoom(): WorkerId[] {
    const busy = new Map<WorkerId, number>();
    for (const { worker } of this.inFlight.values()) busy.set(worker, (busy.get(worker) ?? 0) + 1);
    return [...this.workers]
      .filter(([worker, slots]) => !this.paused.has(worker) && slots > (busy.get(worker) ?? 0))
      .map(([worker]) => worker);
  }

  /** A task that must be done, has no live attempt, and can read all that it reads. */
  runnableTask(): TaskNumber | null {
    const { stages } = this.spec;
    const live = new Set<number>();
    for (const { task, isCancelled } of this.inFlight.values()) if (!isCancelled) live.add(task);
    const isUnfinished: boolean[] = stages.map(() => false);
    let found: TaskNumber | null = null;
    for (let stage = stages.length - 1; stage >= 0; stage--) {
      const isNeeded = this.readers[stage]!.some((reader) => isUnfinished[reader]!);
      const isReadable = this.isReadable(stage);
      for (const task of this.tasksOf(stage)) {
        if (this.counts.has(task) || (this.everFinished.has(task) && !isNeeded)) continue;
        isUnfinished[stage] = true;
        if (isReadable && !live.has(task)) found = task;
      }
    }
    return found;
  }

  tasksOf(stage: StageIndex): TaskNumber[] {
    return Array.from({ length: this.spec.stages[stage]!.tasks }, (_, index) => this.firsts[stage]! + index);
  }

  liveOf(task: TaskNumber): InFlight[] {
    return [...this.inFlight.values()].filter((attempt) => attempt.task === task && !attempt.isCancelled);
  }

  /** All of its outputs are there. A stage without tasks is complete once it was readable. */
  isComplete(stage: StageIndex): boolean {
    return this.started[stage]! && this.missing[stage] === 0;
  }

  /** All that the stage reads is there. */
  isReadable(stage: StageIndex): boolean {
    return this.spec.stages[stage]!.reads.every((read) => this.isComplete(read));
  }

  /** The in-flight attempt whose end this event decides something by, or null. */
  subject(event: CoordinatorEvent): InFlight | null {
    if (event.kind !== "AttemptFinished" && event.kind !== "AttemptFailed" && event.kind !== "AttemptStarted")
      return null;
    const found = this.inFlight.get(event.attempt);
    return found?.worker === event.worker ? found : null;
  }

  chargesOf(task: TaskNumber): Charges {
    const known = this.charges.get(task);
    if (known !== undefined) return known;
    const fresh: Charges = { errors: 0, losses: 0, lossesInRow: 0, inputLosses: 0, isFinal: false };
    this.charges.set(task, fresh);
    return fresh;
  }

  take(turn: Turn): void {
    this.takeEvent(turn);
    this.takeEffects(turn);
    for (let stage = 0; stage < this.started.length; stage++) {
      if (!this.started[stage]! && this.isReadable(stage)) this.started[stage] = true;
    }
  }

  private takeEvent({ event, isIgnored, at }: Turn): void {
    switch (event.kind) {
      case "JobSubmitted":
        if (isIgnored) return;
        return this.begin();
      case "OutputsAdopted":
        return this.adopt(event);
      case "WorkerJoined":
        if (!isIgnored) this.workers.set(event.worker, event.slots);
        return;
      case "WorkerPaused":
        if (this.workers.has(event.worker) && this.paused.get(event.worker) !== "leaving")
          this.paused.set(event.worker, event.why);
        return;
      case "WorkerResumed":
        if (this.paused.get(event.worker) === "silent") this.paused.delete(event.worker);
        return;
      case "WorkerLost":
        return this.loseWorker(event.worker);
      case "AttemptStarted": {
        const started = this.subject(event);
        if (started !== null && started.startedAt === null) started.startedAt = at;
        return;
      }
      case "AttemptFinished": {
        const ended = this.subject(event);
        if (ended === null) return;
        this.inFlight.delete(ended.attempt);
        if (ended.isCancelled) return;
        return this.count(ended);
      }
      case "AttemptFailed": {
        const ended = this.subject(event);
        if (ended === null) return;
        this.inFlight.delete(ended.attempt);
        if (!ended.isCancelled) this.charge(ended, event.failure);
        return;
      }
      case "CancelRequested":
        if (!isIgnored) this.isEnding = true;
    }
  }

  private takeEffects({ event, effects, at }: Turn): void {
    for (const effect of effects) {
      if (effect.kind === "AssignAttempt") {
        const { attempt, stage, worker, isBackup } = effect;
        const { task } = parseAttemptId(attempt)!;
        this.hasAssigned = true;
        this.inFlight.set(attempt, {
          attempt,
          task,
          stage,
          worker,
          isBackup,
          assignedAt: at,
          startedAt: null,
          isCancelled: false,
        });
      } else if (effect.kind === "CancelAttempt") {
        const found = this.inFlight.get(effect.attempt);
        if (found === undefined) continue;
        // Who is told to stop while the job goes on, and not since a rival has won, has run out of time.
        const isTimeout = event.kind === "TimePassed" || event.kind === "AttemptExamined";
        if (isTimeout && !found.isCancelled && !this.isEnding)
          this.charge(found, { kind: "error", final: false, error: nothing });
        found.isCancelled = true;
      } else if (effect.kind === "CommitOutput" || effect.kind === "FinishJob") this.isEnding = true;
      if (effect.kind === "FinishJob") this.isFinished = true;
    }
  }

  /** Some budget has nothing left. */
  isUsedUp({ errors, losses, lossesInRow, inputLosses, isFinal }: Charges): boolean {
    const { errorAttemptsMax, lossAttemptsMax, poisonLossesMax } = this.spec.limits;
    return (
      isFinal ||
      errors >= errorAttemptsMax ||
      losses >= lossAttemptsMax ||
      lossesInRow >= poisonLossesMax ||
      inputLosses > lossAttemptsMax
    );
  }

  private begin(): void {
    this.incarnation++;
    this.workers = new Map();
    this.lostWorkers = new Set();
    this.paused = new Map();
    this.inFlight = new Map();
    this.counts = new Map();
    this.charges = new Map();
    this.everFinished = new Set();
    this.adopted = new Map();
    this.hasAssigned = false;
    this.isEnding = false;
    this.isFinished = false;
    this.missing = this.spec.stages.map(({ tasks }) => tasks);
    this.started = this.spec.stages.map(() => false);
  }

  /** What makes sense of it. */
  private adopt({ outputs }: CoordinatorEvent & { kind: "OutputsAdopted" }): void {
    if (this.hasAssigned || this.isEnding) return;
    for (const { task, attempt, worker, figures } of outputs) {
      const named = parseAttemptId(attempt);
      if (named === null || named.task !== task || task >= this.taskCount || this.counts.has(task)) continue;
      if (this.lostWorkers.has(worker)) continue;
      this.count({ attempt, task, stage: this.stageOf(task), worker });
      this.adopted.set(task, figures.runMs);
    }
  }

  private count({
    attempt,
    task,
    stage,
    worker,
  }: Pick<InFlight, "attempt" | "task" | "stage" | "worker">): void {
    if (!this.counts.has(task)) this.missing[stage]!--;
    this.counts.set(task, { attempt, worker });
    this.everFinished.add(task);
    this.chargesOf(task).lossesInRow = 0;
  }

  private uncount(task: TaskNumber): void {
    if (this.counts.delete(task)) this.missing[this.stageOf(task)]!++;
    this.adopted.delete(task);
  }

  private loseWorker(worker: WorkerId): void {
    if (!this.workers.delete(worker)) return;
    this.paused.delete(worker);
    this.lostWorkers.add(worker);
    const lost = [...this.inFlight.values()].filter((attempt) => attempt.worker === worker);
    const isBlameless = lost.filter(({ startedAt }) => startedAt !== null).length > 1;
    for (const attempt of lost) {
      this.inFlight.delete(attempt.attempt);
      const failure: Failure = { kind: "loss", error: nothing, ...(isBlameless ? { isBlameless } : {}) };
      if (!attempt.isCancelled && !this.isEnding) this.charge(attempt, failure);
    }
    if (this.isEnding) return;
    for (const [task, output] of this.counts) {
      if (output.worker === worker && this.spec.stages[this.stageOf(task)]!.output === "blocks")
        this.uncount(task);
    }
  }

  private charge(attempt: InFlight, failure: Failure): void {
    const charges = this.chargesOf(attempt.task);
    if (failure.kind === "loss" || failure.kind === "cancelled") {
      charges.losses++;
      if (attempt.startedAt !== null && !(failure.kind === "loss" && failure.isBlameless === true))
        charges.lossesInRow++;
    } else {
      charges.lossesInRow = 0;
      if (failure.kind === "blocks") charges.inputLosses++;
      else charges.errors++;
      if (failure.kind === "error" && failure.final) charges.isFinal = true;
    }
    if (this.isUsedUp(charges)) this.isEnding = true;
    else if (failure.kind === "blocks") this.loseReported(attempt.stage, failure.lost);
  }

  private loseReported(reader: StageIndex, lost: readonly AttemptId[]): void {
    const { reads } = this.spec.stages[reader]!;
    for (const id of lost) {
      const named = parseAttemptId(id);
      if (named === null || !reads.includes(this.stageOf(named.task))) continue;
      if (this.counts.get(named.task)?.attempt === id) this.uncount(named.task);
    }
  }
}

const nothing = { name: "", message: "" };

export const taskOf = (attempt: AttemptId): TaskNumber => parseAttemptId(attempt)!.task;
