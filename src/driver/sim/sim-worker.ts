// One simulated worker: a worker machine whose slots run models of tasks on virtual time.
// Owner of: what its slots do.

import type { AttemptId } from "../../base/ids.ts";
import type { AttemptFigures, Failure, Millis } from "../../core/types.ts";
import { createWorker } from "../../core/worker/worker.ts";
import { ShoalError, toErrorData } from "../../errors.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { Loop } from "../loop.ts";
import type { Withdraw, World } from "./world.ts";

/** How an attempt goes: after `durationMs` it ends so. "hang" never ends by itself, "exit" ends its slot. */
export interface TaskCourse {
  readonly durationMs: Millis;
  readonly end:
    | { readonly kind: "finish"; readonly figures: AttemptFigures }
    | { readonly kind: "fail"; readonly failure: Failure }
    | { readonly kind: "exit" }
    | { readonly kind: "hang" };
  /** It does not listen to its abort signal: only ending the slot ends it. */
  readonly ignoresAbort?: boolean;
}

export type TaskModel = (assignment: Assignment) => TaskCourse;

export interface SimWorkerOptions {
  readonly slots: number;
  readonly model: TaskModel;
  readonly abortGraceMs?: number;
}

interface SimSlot {
  generation: number;
  isAlive: boolean;
  running: { readonly attempt: AttemptId; readonly course: TaskCourse; readonly withdraw: Withdraw } | null;
}

const slotStartMs = 30;
const slotExitMs = 1;

export class SimWorker {
  private readonly name: `w${number}`;
  private readonly options: SimWorkerOptions;
  private readonly world: World;
  private readonly loop: Loop;
  private readonly slots = new Map<number, SimSlot>();

  constructor(number: number, options: SimWorkerOptions, world: World, loop: Loop) {
    this.name = `w${number}`;
    this.options = options;
    this.world = world;
    this.loop = loop;
  }

  start(): void {
    this.loop.add(this.name, createWorker());
    this.loop.post(this.name, { kind: "WorkerStarted", slots: this.options.slots, abortGraceMs: this.options.abortGraceMs ?? 1000 }, null);
  }

  /** The process is gone, at once and without a word. */
  crash(): void {
    this.loop.remove(this.name);
    for (const slot of this.slots.values()) slot.running?.withdraw();
    this.slots.clear();
  }

  startSlot(number: number, generation: number, entry: number): void {
    const slot: SimSlot = { generation, isAlive: true, running: null };
    this.slots.set(number, slot);
    this.world.plan(slotStartMs, () => {
      if (slot.isAlive) this.loop.post(this.name, { kind: "SlotReady", slot: number, generation }, entry);
    });
  }

  run(number: number, assignment: Assignment, entry: number): void {
    const slot = this.slots.get(number)!;
    const { attempt } = assignment;
    const course = this.options.model(assignment);
    const withdraw = course.end.kind === "hang" ? () => {} : this.world.plan(course.durationMs, () => this.end(number, slot, entry));
    slot.running = { attempt, course, withdraw };
  }

  abort(number: number, attempt: AttemptId, entry: number): void {
    const slot = this.slots.get(number)!;
    if (slot.running?.attempt !== attempt || slot.running.course.ignoresAbort === true) return;
    slot.running.withdraw();
    slot.running = null;
    this.loop.post(this.name, { kind: "SlotFailed", slot: number, generation: slot.generation, attempt, failure: { kind: "cancelled" } }, entry);
  }

  exitSlot(number: number, why: string): void {
    const slot = this.slots.get(number);
    if (slot === undefined || !slot.isAlive) return;
    slot.isAlive = false;
    slot.running?.withdraw();
    slot.running = null;
    const error = toErrorData(new ShoalError("SLOT_LOST", why));
    this.world.plan(slotExitMs, () => this.loop.post(this.name, { kind: "SlotExited", slot: number, generation: slot.generation, error }, null));
  }

  private end(number: number, slot: SimSlot, entry: number): void {
    const { attempt, course } = slot.running!;
    slot.running = null;
    const { generation } = slot;
    switch (course.end.kind) {
      case "finish":
        this.loop.post(this.name, { kind: "SlotFinished", slot: number, generation, attempt, figures: course.end.figures }, entry);
        return;
      case "fail":
        this.loop.post(this.name, { kind: "SlotFailed", slot: number, generation, attempt, failure: course.end.failure }, entry);
        return;
      case "exit":
        this.exitSlot(number, "the simulated program ended its thread");
        return;
      case "hang":
        return;
    }
  }
}
