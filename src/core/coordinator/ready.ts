// Ready queue: which pending task runs next. Order: stage, then index; that is the order of task numbers. So a map
// output that must be re-made comes before the reducers that wait for it, without a rule of its own.
//
// A task is *pending* by itself; it is *runnable* when its stage is open. Opening or closing a stage of a million
// tasks is one bit.
//
// Not here: why a stage is open (progress.ts), where the task runs (schedule.ts).
// Owner of: state.ready.
//
// Invariants
//   I5  A task is in the queue if and only if its state is pending.
//   I6  A stage is open if and only if all stages that it reads are complete.

import { invariant } from "../../base/assert.ts";
import type { TaskNumber } from "../../base/ids.ts";
import { IndexSet } from "../../base/index-set.ts";
import type { StageIndex } from "../types.ts";
import type { StageLedger } from "./stages.ts";

export class ReadyQueue {
  private readonly stages: StageLedger;
  private readonly pending: IndexSet;
  private readonly pendingInStage: Uint32Array;
  private readonly open: Uint8Array;
  /** Stages that are open and have a pending task. */
  private readonly runnable: IndexSet;

  /** At first every task is pending and every stage closed. */
  constructor(stages: StageLedger) {
    this.stages = stages;
    this.pending = new IndexSet(stages.totalTasks);
    this.pending.addRange(0, stages.totalTasks);
    this.pendingInStage = Uint32Array.from(stages.specs, (spec) => spec.tasks);
    this.open = new Uint8Array(stages.count);
    this.runnable = new IndexSet(stages.count);
  }

  has(task: TaskNumber): boolean {
    return this.pending.has(task);
  }

  isOpen(stage: StageIndex): boolean {
    return this.open[stage] === 1;
  }

  pendingCount(stage: StageIndex): number {
    return this.pendingInStage[stage]!;
  }

  get isEmpty(): boolean {
    return this.runnable.size === 0;
  }

  /** The runnable task that is first in order, or -1. It stays in the queue. */
  first(): TaskNumber {
    const stage = this.nextStage(0);
    return stage === -1 ? -1 : this.firstOf(stage);
  }

  /** The first stage from `from` on that has a runnable task, or -1. */
  nextStage(from: StageIndex): StageIndex {
    return this.runnable.nextFrom(from);
  }

  /** The first runnable task of a stage that has one. */
  firstOf(stage: StageIndex): TaskNumber {
    const task = this.pending.nextFrom(this.stages.first(stage));
    invariant(
      task !== -1 && this.stages.stageOf(task) === stage,
      "I5",
      () => `stage ${stage} counts pending tasks and has none (next: ${task})`,
    );
    return task;
  }

  add(task: TaskNumber): void {
    invariant(this.pending.add(task), "I5", () => `t${task} is in the ready queue already`);
    const stage = this.stages.stageOf(task);
    this.pendingInStage[stage]!++;
    this.refresh(stage);
  }

  remove(task: TaskNumber): void {
    invariant(this.pending.delete(task), "I5", () => `t${task} is not in the ready queue`);
    const stage = this.stages.stageOf(task);
    this.pendingInStage[stage]!--;
    this.refresh(stage);
  }

  setOpen(stage: StageIndex, isOpen: boolean): void {
    this.open[stage] = isOpen ? 1 : 0;
    this.refresh(stage);
  }

  private refresh(stage: StageIndex): void {
    if (this.open[stage] === 1 && this.pendingInStage[stage]! > 0) this.runnable.add(stage);
    else this.runnable.delete(stage);
  }
}
