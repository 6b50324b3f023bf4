// Stage ledger: where the tasks of each stage begin, who reads whom, how many tasks are in which state.
//
// Not here: what follows when a stage becomes complete or opens (progress.ts), single tasks (tasks.ts).
// Owner of: state.stages. Counts change only in `moved`, which tasks.ts's transitions come through.

import { invariant } from "../../base/assert.ts";
import type { TaskNumber } from "../../base/ids.ts";
import type { StageIndex, StageSpec } from "../types.ts";
import { isUnfinished, type TaskState } from "./tasks.ts";

export class StageLedger {
  readonly specs: readonly StageSpec[];
  readonly totalTasks: number;
  /** For each stage the stages that read it. */
  readonly readers: readonly (readonly StageIndex[])[];
  private readonly firsts: number[] = [];
  private readonly stageOfTask: Uint16Array;
  private readonly finished: Uint32Array;
  private readonly unfinished: Uint32Array;
  private readonly started: Uint8Array;
  private readonly everFinished: Uint8Array;

  constructor(specs: readonly StageSpec[]) {
    this.specs = specs;
    let total = 0;
    for (const spec of specs) {
      this.firsts.push(total);
      total += spec.tasks;
    }
    this.totalTasks = total;
    this.stageOfTask = new Uint16Array(total);
    this.unfinished = Uint32Array.from(specs, (spec) => spec.tasks);
    this.finished = new Uint32Array(specs.length);
    this.started = new Uint8Array(specs.length);
    this.everFinished = new Uint8Array(specs.length);
    const readers: StageIndex[][] = specs.map(() => []);
    specs.forEach((spec, stage) => {
      this.stageOfTask.fill(stage, this.firsts[stage]!, this.firsts[stage]! + spec.tasks);
      for (const read of new Set(spec.reads)) readers[read]!.push(stage);
    });
    this.readers = readers;
  }

  get count(): number {
    return this.specs.length;
  }

  spec(stage: StageIndex): StageSpec {
    return this.specs[stage]!;
  }

  /** The number of the stage's first task; its others follow. */
  first(stage: StageIndex): TaskNumber {
    return this.firsts[stage]!;
  }

  stageOf(task: TaskNumber): StageIndex {
    return this.stageOfTask[task]!;
  }

  /** "task t7 (4 of 10 in stage 1 "reduce")": for messages. */
  nameOf(task: TaskNumber): string {
    const stage = this.stageOf(task);
    const { name, tasks } = this.spec(stage);
    return `task t${task} (${task - this.first(stage) + 1} of ${tasks} in stage ${stage} "${name}")`;
  }

  finishedCount(stage: StageIndex): number {
    return this.finished[stage]!;
  }

  /** Tasks that are pending, running or failed: those for which inputs are needed. */
  unfinishedCount(stage: StageIndex): number {
    return this.unfinished[stage]!;
  }

  isStarted(stage: StageIndex): boolean {
    return this.started[stage] === 1;
  }

  /** The outputs of all tasks are there. A stage without tasks is complete when its turn has come. */
  isComplete(stage: StageIndex): boolean {
    return this.isStarted(stage) && this.finished[stage] === this.spec(stage).tasks;
  }

  /** Its tasks may run: all that they read is there. */
  isReadable(stage: StageIndex): boolean {
    return this.spec(stage).reads.every((read) => this.isComplete(read));
  }

  /** Whether some unfinished task reads this stage's outputs, or a stage without tasks still waits for them. */
  isNeeded(stage: StageIndex): boolean {
    return this.readers[stage]!.some((reader) => this.unfinished[reader]! > 0 || !this.isStarted(reader));
  }

  /** All that the job is for is done: every stage that nobody reads has had its turn and has no unfinished task. */
  areSinksDone(): boolean {
    for (let stage = this.count - 1; stage >= 0; stage--) {
      if (this.readers[stage]!.length > 0) continue;
      if (!this.isStarted(stage) || this.unfinished[stage]! > 0) return false;
    }
    return true;
  }

  becomeStarted(stage: StageIndex): void {
    invariant(!this.isStarted(stage), "I6", () => `stage ${stage} started twice`);
    this.started[stage] = 1;
  }

  /** True the first time only. */
  noteFinished(stage: StageIndex): boolean {
    const isFirst = this.everFinished[stage] === 0;
    this.everFinished[stage] = 1;
    return isFirst;
  }

  moved(stage: StageIndex, from: TaskState, to: TaskState): void {
    if (from === "finished") this.finished[stage]!--;
    if (to === "finished") this.finished[stage]!++;
    if (isUnfinished(from)) this.unfinished[stage]!--;
    if (isUnfinished(to)) this.unfinished[stage]!++;
    invariant(
      this.finished[stage]! + this.unfinished[stage]! <= this.spec(stage).tasks,
      "I7",
      () => `stage ${stage} counts more tasks than it has after ${from} -> ${to}`,
    );
  }
}
