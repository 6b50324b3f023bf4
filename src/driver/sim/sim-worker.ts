// One simulated worker: a worker machine in a process, whose slots run models of tasks on virtual time.
// Owner of: what its slots do, which assignments it has, which of its files are there.

import { workerId, type AttemptId, type WorkerId } from "../../base/ids.ts";
import type { CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { Millis, OutputLocation, StageIndex } from "../../core/types.ts";
import { createWorker, type Worker } from "../../core/worker/worker.ts";
import type { WorkerEffect, WorkerEvent } from "../../core/worker/events.ts";
import { failureError } from "../../core/failure-error.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import { AttemptRun, type AttemptEnd, type AttemptFiles } from "./attempt-run.ts";
import type { Disk } from "./disk.ts";
import type { FromWorker, Link, ToWorker } from "../links/messages.ts";
import type { SimProcess } from "./process.ts";
import type { SimData, TaskModel } from "./task-model.ts";

export type { TaskCourse, TaskModel } from "./task-model.ts";

/** What a worker finds where it runs. */
export interface WorkerPlace {
  readonly slots: number;
  readonly abortGraceMs: Millis;
  readonly model: TaskModel;
  readonly data: SimData | null;
  /** Blocks go here, under `scope`. */
  readonly disk: Disk;
  readonly scope: string;
  /** Kept output goes here, from all workers. */
  readonly store: Disk;
  /** How many times slower than others it is now. */
  slowness(): number;
  /** Slots that start now end instead of becoming ready. */
  failsStarts(): boolean;
  isKept(stage: StageIndex): boolean;
  /** It was told to stop, and all of its slots have ended. */
  stopped(): void;
  fetch(
    from: readonly OutputLocation[],
    done: (values: ReadonlyMap<AttemptId, number>, lost: readonly AttemptId[]) => void,
  ): void;
}

/** The file of blocks that an attempt writes. */
export const blockName = (scope: string, attempt: AttemptId): string => `${scope}/${attempt}`;

interface SimSlot {
  readonly generation: number;
  isAlive: boolean;
  run: AttemptRun | null;
}

const slotStartMs = 30;
const slotExitMs = 1;

export class SimWorker {
  readonly id: WorkerId;
  readonly place: WorkerPlace;
  readonly machine: Worker = createWorker();
  private readonly name: `w${number}`;
  private readonly process: SimProcess;
  private readonly link: Link<FromWorker>;
  private readonly slots = new Map<number, SimSlot>();
  /** Assigned and not yet reported. */
  private readonly assignments = new Map<AttemptId, Assignment>();
  private isGone = false;
  private isStopping = false;

  constructor(number: number, process: SimProcess, place: WorkerPlace, link: Link<FromWorker>) {
    this.id = workerId(number);
    this.name = `w${number}`;
    this.process = process;
    this.place = place;
    this.link = link;
  }

  start(): void {
    const { slots, abortGraceMs } = this.place;
    this.process.add(this.name, this.machine, (effect, entry) => this.perform(effect, entry));
    this.post({ kind: "WorkerStarted", slots, abortGraceMs }, null);
    this.link.say({ kind: "hello", slots, cause: null });
  }

  /** It stops being this worker, at once and without a word: its process is dead, or becomes another worker. */
  vanish(): void {
    this.isGone = true;
    this.process.remove(this.name);
    for (const slot of this.slots.values()) this.kill(slot);
  }

  hear(message: ToWorker): void {
    switch (message.kind) {
      case "assign": {
        const { assignment } = message;
        this.assignments.set(assignment.attempt, assignment);
        return this.post({ kind: "AttemptAssigned", attempt: assignment.attempt }, message.cause);
      }
      case "cancel":
        return this.post({ kind: "CancelRequested", attempt: message.attempt }, message.cause);
      case "examine": {
        const run = this.runOf(message.attempt);
        // Who does not listen is in native code, where nobody can look: there is no answer.
        if (run?.course.ignoresAbort === true) return;
        return this.report(
          {
            kind: "AttemptExamined",
            attempt: message.attempt,
            stack: run === null ? null : "    at simulated",
          },
          message.cause,
        );
      }
      case "discard":
        this.place.disk.delete(blockName(this.place.scope, message.attempt));
        return this.place.store.delete(message.attempt);
      case "stop":
        this.isStopping = true;
        return this.post({ kind: "StopRequested" }, message.cause);
    }
  }

  /** The thread under a slot ends, whatever it does. */
  exitSlot(number: number, why: string, isExternal = false): void {
    const slot = this.slots.get(number);
    if (slot === undefined || !slot.isAlive) return;
    this.kill(slot);
    const error = failureError("SLOT_LOST", why);
    const { generation } = slot;
    this.later(
      slotExitMs,
      { kind: "SlotExited", slot: number, generation, error, ...(isExternal ? { isExternal } : {}) },
      null,
    );
  }

  private perform(effect: WorkerEffect, entry: number): void {
    switch (effect.kind) {
      case "StartSlot":
        return this.startSlot(effect.slot, effect.generation, entry);
      case "RunAttempt":
        return this.run(effect.slot, { ...this.assignments.get(effect.attempt)!, slot: effect.slot }, entry);
      case "AbortAttempt":
        return this.abort(effect.slot, effect.attempt, entry);
      case "TerminateSlot":
        return this.exitSlot(effect.slot, effect.why);
      case "ReportStarted":
        return this.report(
          { kind: "AttemptStarted", worker: this.id, attempt: effect.attempt, slot: effect.slot },
          entry,
        );
      case "ReportFinished":
        this.assignments.delete(effect.attempt);
        return this.report(
          { kind: "AttemptFinished", worker: this.id, attempt: effect.attempt, figures: effect.figures },
          entry,
        );
      case "ReportFailed":
        this.assignments.delete(effect.attempt);
        return this.report(
          { kind: "AttemptFailed", worker: this.id, attempt: effect.attempt, failure: effect.failure },
          entry,
        );
      case "EventIgnored":
        return;
    }
  }

  private startSlot(number: number, generation: number, entry: number): void {
    const slot: SimSlot = { generation, isAlive: true, run: null };
    this.slots.set(number, slot);
    this.process.after(slotStartMs, () => {
      if (this.place.failsStarts()) this.exitSlot(number, "the simulated thread could not start");
      else if (slot.isAlive) this.post({ kind: "SlotReady", slot: number, generation }, entry);
    });
  }

  private run(number: number, assignment: Assignment, entry: number): void {
    const slot = this.slots.get(number)!;
    const course = this.place.model(assignment);
    const slowed = { ...course, durationMs: course.durationMs * this.place.slowness() };
    slot.run = new AttemptRun(this.process, assignment, slowed, this.filesOf(assignment), (end) =>
      this.ended(number, slot, end, entry),
    );
    slot.run.start();
  }

  private filesOf({ attempt, stage }: Assignment): AttemptFiles | null {
    const { data, disk, scope, store, isKept, fetch } = this.place;
    if (data === null) return null;
    return isKept(stage)
      ? { data, disk: store, name: attempt, isDurable: true, fetch }
      : { data, disk, name: blockName(scope, attempt), isDurable: false, fetch };
  }

  private abort(number: number, attempt: AttemptId, entry: number): void {
    const slot = this.slots.get(number)!;
    if (slot.run?.assignment.attempt !== attempt || slot.run.course.ignoresAbort === true) return;
    slot.run.cancel();
    slot.run = null;
    this.post(
      {
        kind: "SlotFailed",
        slot: number,
        generation: slot.generation,
        attempt,
        failure: { kind: "cancelled" },
      },
      entry,
    );
  }

  private ended(number: number, slot: SimSlot, end: AttemptEnd, entry: number): void {
    const { attempt } = slot.run!.assignment;
    const { generation } = slot;
    if (end.kind === "hang") return;
    if (end.kind === "exit") return this.exitSlot(number, "the simulated program ended its thread");
    slot.run = null;
    if (end.kind === "finish")
      this.post({ kind: "SlotFinished", slot: number, generation, attempt, figures: end.figures }, entry);
    else this.post({ kind: "SlotFailed", slot: number, generation, attempt, failure: end.failure }, entry);
  }

  private kill(slot: SimSlot): void {
    slot.isAlive = false;
    slot.run?.cancel();
    slot.run = null;
  }

  private runOf(attempt: AttemptId): AttemptRun | null {
    for (const { run } of this.slots.values()) if (run?.assignment.attempt === attempt) return run;
    return null;
  }

  private report(event: CoordinatorEvent, cause: number | null): void {
    this.link.say({ kind: "report", event, cause });
  }

  private later(ms: Millis, event: WorkerEvent, cause: number | null): void {
    this.process.after(ms, () => this.post(event, cause));
  }

  private post(event: WorkerEvent, cause: number | null): void {
    if (this.isGone) return;
    this.process.loop.post(this.name, event, cause);
    if (this.isStopping && this.machine.slots().every(({ mode }) => mode === "ended")) this.place.stopped();
  }
}
