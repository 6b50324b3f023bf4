// Random events against the coordinator: valid, stale, doubled, reordered, made up; then a world in which nothing goes
// wrong any more, in which the job must end. After each event the whole state is checked (invariants.ts), and what was
// ordered is checked by a witness that knows nothing of the machine's inside, only what it has ordered and was told.

import { expect, test } from "vitest";
import { parseAttemptId, workerId, type AttemptId, type WorkerId } from "../../base/ids.ts";
import { jobId } from "../../base/ids.ts";
import { below, chance, rng, type Rng } from "../../base/rng.ts";
import type { AttemptFigures, Failure, JobSpec, StageSpec } from "../types.ts";
import { createCoordinator } from "./coordinator.ts";
import { describe } from "./describe.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "./events.ts";
import { adoptedNumberMax } from "./adoption.ts";
import { checkInvariants } from "./invariants.ts";

const seeds = Number(process.env["SHOAL_FUZZ_SEEDS"] ?? 2500);
const firstSeed = Number(process.env["SHOAL_FUZZ_FIRST"] ?? 1);

const figures: AttemptFigures = {
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 0,
  counters: {},
};
const error = { name: "Error", message: "boom" };

/** expect() costs more than all the rest here, so the witness has its own. */
function check(condition: boolean, what: () => string): void {
  if (!condition) throw new Error(`the witness objects: ${what()}`);
}

interface Assigned {
  readonly attempt: AttemptId;
  readonly worker: WorkerId;
  readonly isBackup: boolean;
  isCancelled: boolean;
}

function randomJob(chances: Rng): JobSpec {
  const count = 1 + below(chances, 4);
  const stages: StageSpec[] = [];
  for (let stage = 0; stage < count; stage++) {
    const reads = stages
      .map((_, read) => read)
      .filter((read) => chance(chances, read === stage - 1 ? 0.9 : 0.2));
    const tasks = chance(chances, 0.1) ? 0 : 1 + below(chances, 6);
    stages.push({ name: `stage ${stage}`, tasks, reads, output: chance(chances, 0.75) ? "blocks" : "kept" });
  }
  return {
    id: jobId("j1"),
    stages,
    limits: {
      errorAttemptsMax: 1 + below(chances, 8),
      lossAttemptsMax: 1 + below(chances, 12),
      poisonLossesMax: 1 + below(chances, 12),
      taskTimeoutMs: chance(chances, 0.5) ? 30 + below(chances, 150) : null,
      backupFactor: 1 + below(chances, 3),
      backupMinAgeMs: below(chances, 100),
      backupAfterShare: below(chances, 11) / 10,
      backupSlotShare: below(chances, 11) / 10,
      moveBytesPerMs: 1 + below(chances, 3),
      placeWaitMsMax: chance(chances, 0.2) ? 0 : below(chances, 200),
    },
  };
}

/** Checks orders from the outside, and remembers what is in flight. */
class Witness {
  readonly inFlight = new Map<AttemptId, Assigned>();
  readonly workers = new Map<WorkerId, number>();
  readonly lostWorkers = new Set<WorkerId>();
  readonly paused = new Map<WorkerId, "silent" | "leaving">();
  isCommitting = false;
  isFinished = false;
  private readonly job: JobSpec;
  private readonly everAssigned = new Set<AttemptId>();
  private readonly latest = new Map<number, number>();
  private readonly examined = new Set<AttemptId>();
  private readonly adopted = new Set<number>();
  /** Finished attempts whose output is as its worker left it. */
  private readonly sound = new Map<AttemptId, WorkerId>();

  constructor(job: JobSpec) {
    this.job = job;
  }

  see(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    this.seeEvent(
      event,
      effects.some(({ kind }) => kind === "EventIgnored"),
    );
    for (const effect of effects) {
      check(!this.isFinished || effect.kind === "EventIgnored", () => `${describe(effect)} after the end`);
      this.seeEffect(effect);
    }
  }

  /** What of it makes sense counts, and nothing else. */
  private seeAdopted({ outputs, attemptsUsed = [] }: CoordinatorEvent & { kind: "OutputsAdopted" }): void {
    if (this.everAssigned.size > 0 || this.isCommitting || this.isFinished) return;
    const total = this.first(this.job.stages.length);
    for (const { first, last, attempts } of attemptsUsed) {
      if (
        first < 0 ||
        first >= total ||
        last < 0 ||
        last >= total ||
        attempts < 1 ||
        attempts > adoptedNumberMax
      )
        continue;
      for (let task = first; task <= last; task++)
        this.latest.set(task, Math.max(this.latest.get(task) ?? 0, attempts));
    }
    for (const { task, attempt, worker } of outputs) {
      const named = parseAttemptId(attempt);
      if (named?.task !== task || task >= total || named.attempt < 1 || this.adopted.has(task)) continue;
      if (this.lostWorkers.has(worker)) continue;
      this.adopted.add(task);
      this.latest.set(task, Math.max(this.latest.get(task) ?? 0, named.attempt));
      this.sound.set(attempt, worker);
    }
  }

  private seeEvent(event: CoordinatorEvent, isIgnored: boolean): void {
    if (event.kind === "OutputsAdopted") this.seeAdopted(event);
    if (event.kind === "WorkerJoined" && !isIgnored) this.workers.set(event.worker, event.slots);
    if (event.kind === "WorkerPaused" && !isIgnored && this.paused.get(event.worker) !== "leaving")
      this.paused.set(event.worker, event.why);
    if (event.kind === "WorkerResumed" && this.paused.get(event.worker) === "silent")
      this.paused.delete(event.worker);
    if (event.kind === "WorkerLost") {
      if (this.workers.delete(event.worker)) this.lostWorkers.add(event.worker);
      for (const { attempt, worker } of this.inFlight.values()) {
        if (worker === event.worker) this.inFlight.delete(attempt);
      }
      for (const [attempt, worker] of this.sound) {
        if (worker === event.worker && this.stageOf(attempt).output === "blocks") this.sound.delete(attempt);
      }
    }
    if (event.kind !== "AttemptFinished" && event.kind !== "AttemptFailed") return;
    const assigned = this.inFlight.get(event.attempt);
    if (assigned?.worker !== event.worker) return;
    this.inFlight.delete(event.attempt);
    if (event.kind === "AttemptFinished" && !assigned.isCancelled)
      this.sound.set(event.attempt, event.worker);
  }

  private seeEffect(effect: CoordinatorEffect): void {
    const why = (): string => describe(effect);
    switch (effect.kind) {
      case "AssignAttempt":
        check(!this.paused.has(effect.worker), why);
        return this.seeAssigned(effect, why);
      case "CancelAttempt": {
        const assigned = this.inFlight.get(effect.attempt);
        check(assigned?.worker === effect.worker && !assigned.isCancelled, why);
        assigned!.isCancelled = true;
        return;
      }
      case "ExamineAttempt": {
        const assigned = this.inFlight.get(effect.attempt);
        check(
          assigned?.worker === effect.worker && !assigned.isCancelled && !this.examined.has(effect.attempt),
          why,
        );
        this.examined.add(effect.attempt);
        return;
      }
      case "DiscardOutput":
        check(this.workers.has(effect.worker) && !this.inFlight.has(effect.attempt), why);
        this.sound.delete(effect.attempt);
        return;
      case "CommitOutput": {
        check(!this.isCommitting, why);
        this.isCommitting = true;
        const sinks = this.job.stages
          .map((stage, index) => ({ stage, index }))
          .filter(
            ({ stage, index }) =>
              stage.output === "kept" && !this.job.stages.some(({ reads }) => reads.includes(index)),
          );
        const tasks = sinks.flatMap(({ stage, index }) =>
          Array.from({ length: stage.tasks }, (_, i) => this.first(index) + i),
        );
        check(effect.winners.map((id) => parseAttemptId(id)!.task).join() === tasks.join(), why);
        for (const winner of effect.winners) check(this.sound.has(winner), () => `${winner} of ${why()}`);
        return;
      }
      case "FinishJob":
        if (effect.outcome.kind === "succeeded") check(this.isCommitting, why);
        else check(this.isCommitting || this.inFlight.size === 0, why);
        this.isFinished = true;
        return;
      case "NoteDecision":
        check(!this.isCommitting || effect.note.kind.startsWith("stage-"), why);
        return;
      case "EventIgnored":
    }
  }

  private seeAssigned(effect: CoordinatorEffect & { kind: "AssignAttempt" }, why: () => string): void {
    const { attempt, worker, stage, index, inputs, isBackup } = effect;
    const { task, attempt: number } = parseAttemptId(attempt)!;
    check(!this.everAssigned.has(attempt) && number === (this.latest.get(task) ?? 0) + 1, why);
    check(task === this.first(stage) + index, why);
    const others = [...this.inFlight.values()].filter(
      (other) => other.attempt.startsWith(`t${task}.`) && !other.isCancelled,
    );
    check(others.length === (isBackup ? 1 : 0) && !this.isCommitting, why);
    this.everAssigned.add(attempt);
    this.latest.set(task, number);
    this.inFlight.set(attempt, { attempt, worker, isBackup, isCancelled: false });
    const backups = [...this.inFlight.values()].filter((other) => other.isBackup).length;
    const slots = [...this.workers.values()].reduce((sum, count) => sum + count, 0);
    check(!isBackup || backups <= Math.max(1, Math.floor(this.job.limits.backupSlotShare * slots)), why);
    const there = [...this.inFlight.values()].filter((other) => other.worker === worker);
    check(there.length <= (this.workers.get(worker) ?? 0), why);
    check(inputs.length === this.job.stages[stage]!.reads.length, why);
    this.job.stages[stage]!.reads.forEach((read, place) => {
      check(inputs[place]!.length === this.job.stages[read]!.tasks, why);
      inputs[place]!.forEach((input, i) => {
        check(parseAttemptId(input.attempt)!.task === this.first(read) + i, why);
        check(this.sound.get(input.attempt) === input.worker, () => `${input.attempt} in ${why()}`);
      });
    });
  }

  private first(stage: number): number {
    return this.job.stages.slice(0, stage).reduce((sum, { tasks }) => sum + tasks, 0);
  }

  private stageOf(attempt: AttemptId): StageSpec {
    const { task } = parseAttemptId(attempt)!;
    return this.job.stages.find(
      ({ tasks }, stage) => task >= this.first(stage) && task < this.first(stage) + tasks,
    )!;
  }
}

function randomFailure(chances: Rng, some: readonly AttemptId[]): Failure {
  const pick = below(chances, 10);
  if (pick < 3) return { kind: "error", final: chance(chances, 0.03), error };
  if (pick < 5) return { kind: "loss", error };
  if (pick < 6) return { kind: "loss", error, isBlameless: true };
  if (pick < 7) return { kind: "cancelled" };
  return { kind: "blocks", lost: some.filter(() => chance(chances, 0.3)), error };
}

/** An event that could really come now, or null. */
function sensible(chances: Rng, witness: Witness, everSeen: readonly AttemptId[]): CoordinatorEvent | null {
  const inFlight = [...witness.inFlight.values()];
  const one = inFlight[below(chances, Math.max(1, inFlight.length))];
  const pick = below(chances, 100);
  if (pick < 4 || witness.workers.size === 0) {
    const worker = workerId(1 + witness.workers.size + witness.lostWorkers.size);
    return { kind: "WorkerJoined", worker, slots: 1 + below(chances, 3) };
  }
  if (pick < 8) {
    const worker = [...witness.workers.keys()][below(chances, witness.workers.size)]!;
    return { kind: "WorkerLost", worker, reason: "exit" };
  }
  if (pick < 12) {
    const worker = [...witness.workers.keys()][below(chances, witness.workers.size)]!;
    if (chance(chances, 0.5)) return { kind: "WorkerResumed", worker };
    return { kind: "WorkerPaused", worker, why: chance(chances, 0.1) ? "leaving" : "silent" };
  }
  if (pick < 18) {
    const worker = [...witness.workers.keys()][below(chances, witness.workers.size)]!;
    const copies = Array.from({ length: below(chances, 6) }, () => {
      const bytes = chance(chances, 0.02) ? [NaN, -1, Infinity][below(chances, 3)]! : below(chances, 400);
      return [chance(chances, 0.05) ? 1.5 : below(chances, 14), bytes] as const;
    });
    return { kind: "InputsHeld", worker, copies };
  }
  if (witness.isCommitting)
    return chance(chances, 0.8) ? { kind: "OutputCommitted" } : { kind: "CommitFailed", error };
  if (one === undefined || pick < 27) return { kind: "TimePassed" };
  const { attempt, worker } = one;
  if (pick < 45) return { kind: "AttemptStarted", attempt, worker, slot: 0 };
  if (pick < 47) return { kind: "AttemptProgressed", attempt, recordsIn: 1, bytesIn: 1 };
  if (pick < 57)
    return { kind: "AttemptExamined", attempt, stack: chance(chances, 0.5) ? "    at loop" : null };
  if (pick < 80) {
    const bytesOut = chance(chances, 0.02) ? NaN : below(chances, 500);
    return { kind: "AttemptFinished", attempt, worker, figures: { ...figures, bytesOut } };
  }
  return { kind: "AttemptFailed", attempt, worker, failure: randomFailure(chances, everSeen) };
}

/** What an earlier incarnation may have left, now and then with something that makes no sense. */
function adoption(chances: Rng, job: JobSpec): CoordinatorEvent & { kind: "OutputsAdopted" } {
  const total = job.stages.reduce((sum, { tasks }) => sum + tasks, 0);
  const share = chance(chances, 0.2) ? 1 : below(chances, 11) / 10;
  const tasks = Array.from({ length: total }, (_, task) => task).filter(() => chance(chances, share));
  const outputs = tasks.map((task) => ({
    task: chance(chances, 0.02) ? task + 1 : task,
    attempt: `t${task}.${chance(chances, 0.02) ? 0 : 1 + below(chances, 3)}` as AttemptId,
    worker: workerId(chance(chances, 0.8) ? 0 : 1 + below(chances, 3)),
    figures: { ...figures, runMs: below(chances, 100) },
  }));
  const first = below(chances, total + 1);
  const attemptsUsed = [
    { first, last: Math.min(total, first + below(chances, 3)), attempts: below(chances, 4) },
  ];
  return { kind: "OutputsAdopted", outputs, ...(chance(chances, 0.5) ? { attemptsUsed } : {}) };
}

function nonsense(chances: Rng): CoordinatorEvent {
  const attempt = `t${below(chances, 12)}.${below(chances, 4)}` as AttemptId;
  const worker = workerId(below(chances, 6));
  const events: CoordinatorEvent[] = [
    { kind: "AttemptFinished", attempt, worker, figures },
    { kind: "AttemptStarted", attempt, worker, slot: 9 },
    { kind: "AttemptFailed", attempt, worker, failure: { kind: "error", final: true, error } },
    { kind: "AttemptFailed", attempt: "x" as AttemptId, worker, failure: { kind: "cancelled" } },
    { kind: "WorkerJoined", worker, slots: [0, -1, 1.5, NaN, 1e9][below(chances, 5)]! },
    { kind: "WorkerLost", worker: "w99" as WorkerId, reason: "" },
    { kind: "TimePassed" },
    { kind: "WorkerPaused", worker: "w99" as WorkerId, why: "silent" },
    { kind: "WorkerResumed", worker: "w99" as WorkerId },
    { kind: "InputsHeld", worker: "w99" as WorkerId, copies: [[0, 1]] },
    { kind: "AttemptExamined", attempt, stack: null },
    { kind: "OutputsAdopted", outputs: [{ task: below(chances, 12), attempt, worker, figures }] },
    { kind: "CommitFailed", error: { name: "Error", message: "no" } },
  ];
  const event = events[below(chances, events.length)]!;
  return event.kind === "CommitFailed" ? { kind: "JobSubmitted", job: randomJob(chances) } : event;
}

/** Words of traces that show that a branch was taken. */
const expectedMarks = [
  "backup-started",
  "output-remade",
  "retried",
  "told to stop",
  "TASK_TIMEOUT",
  "POISON_TASK",
  "EXHAUSTED",
  "is over",
  "has finished before",
  "finished first",
  "reported lost",
  "CommitOutput",
  "CommitFailed",
  "never assigned",
  "attempts have been assigned already",
  "is no attempt",
  "@w0",
  "ExamineAttempt",
  "blameless loss",
  "is not overdue",
  "slots-wait",
  "copies are of no use",
];

/** Plays one seed. Returns its trace. */
function play(seed: number): { trace: string[]; outcome: string } {
  const chances = rng(seed);
  const job = randomJob(chances);
  const machine = createCoordinator();
  const witness = new Witness(job);
  const history: CoordinatorEvent[] = [];
  const seen: AttemptId[] = [];
  const trace: string[] = [];
  let outcome = "";
  let now = 0;
  const give = (event: CoordinatorEvent): void => {
    const effects = machine.handle(event, now);
    trace.push(`${now} > ${describe(event)}`, ...effects.map((effect) => `    ${describe(effect)}`));
    witness.see(event, effects);
    for (const effect of effects) {
      if (effect.kind === "AssignAttempt") seen.push(effect.attempt);
      if (effect.kind === "FinishJob") outcome = effect.outcome.kind;
    }
    const state = machine.state();
    if (state !== null) checkInvariants(state);
    const deadline = machine.nextDeadline();
    check(
      event.kind !== "TimePassed" || deadline === null || deadline > now,
      () => `a deadline at ${deadline} stays`,
    );
    history.push(event);
  };
  give({ kind: "JobSubmitted", job });
  for (let parts = chance(chances, 0.75) ? 0 : 1 + below(chances, 2); parts > 0; parts--) {
    const event = adoption(chances, job);
    seen.push(...event.outputs.map(({ attempt }) => attempt));
    give(event);
  }
  const events = below(chances, 150);
  for (let step = 0; step < events; step++) {
    now += chance(chances, 0.5) ? 0 : below(chances, chance(chances, 0.05) ? 2000 : 60);
    const pick = below(chances, 200);
    if (pick < 20) give(history[below(chances, history.length)]!);
    else if (pick < 40) give(nonsense(chances));
    else if (pick === 40) give({ kind: "CancelRequested", reason: "enough" });
    else {
      const event = sensible(chances, witness, seen);
      if (event !== null) give(event);
    }
  }
  // From here on nothing goes wrong, and the job must end.
  for (let step = 0; !witness.isFinished; step++) {
    check(step < 500, () => "the job does not end");
    const [one] = witness.inFlight.values();
    // Whoever is left may be silent, or leaving.
    if (!witness.workers.has(workerId(1000)))
      give({ kind: "WorkerJoined", worker: workerId(1000), slots: 2 });
    else if (witness.isCommitting) give({ kind: "OutputCommitted" });
    else {
      check(one !== undefined, () => "nothing is in flight, and the job is not over");
      now++; // what is held back waits for so long
      give({ kind: "AttemptFinished", attempt: one!.attempt, worker: one!.worker, figures });
    }
  }
  return { trace, outcome };
}

test(
  `${seeds} random lives of a coordinator`,
  () => {
    const outcomes = new Map<string, number>();
    const marks = new Map<string, number>();
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      let played: ReturnType<typeof play>;
      try {
        played = play(seed);
      } catch (broken) {
        throw new Error(`seed ${seed}: replay with SHOAL_FUZZ_FIRST=${seed} SHOAL_FUZZ_SEEDS=1`, {
          cause: broken,
        });
      }
      outcomes.set(played.outcome, (outcomes.get(played.outcome) ?? 0) + 1);
      for (const mark of expectedMarks) {
        if (played.trace.some((line) => line.includes(mark))) marks.set(mark, (marks.get(mark) ?? 0) + 1);
      }
    }
    // A test that did nothing must not pass: every ending and every subtle branch was met, and often.
    if (seeds < 1000) return;
    for (const ending of ["succeeded", "failed", "cancelled"]) {
      expect(outcomes.get(ending) ?? 0, ending).toBeGreaterThan(20);
    }
    for (const mark of expectedMarks) expect(marks.get(mark) ?? 0, mark).toBeGreaterThan(20);
  },
  Infinity,
);

test("the same seed gives the same trace", () => {
  for (let seed = 1; seed <= 20; seed++) expect(play(seed).trace).toEqual(play(seed).trace);
});
