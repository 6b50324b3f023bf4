// What is remembered of each task: whether it is finished, and the times of the attempt that won. 13 bytes a
// task.
//
// Owner of: these columns. Times are kept as 32-bit floats (exact for whole milliseconds up to 4.6 hours),
// and the sums are made of the kept values, so that taking a task back takes out exactly what it had put in.

import type { Millis, StageIndex } from "../core/types.ts";
import type { TaskNumber } from "../base/ids.ts";
import type { StageInfo } from "./run-info.ts";

export interface WinnerTimes {
  /** From the attempt's start to its end, as the coordinator saw them: the slot's time. */
  readonly occupiedMs: Millis;
  /** As measured in the slot. */
  readonly runMs: Millis;
  readonly waitMs: Millis;
}

const open = 0;
const finished = 1;
/** Finished once, and its output lost since. */
const reopened = 2;
/** Finished by an earlier process. */
const adopted = 3;

export class TaskTable {
  readonly size: number;
  private readonly firstOf: readonly TaskNumber[];
  private readonly state: Uint8Array;
  private readonly occupied: Float32Array;
  private readonly run: Float32Array;
  private readonly wait: Float32Array;
  private readonly sums = { occupiedMs: 0, runMs: 0, waitMs: 0 };

  constructor(stages: readonly StageInfo[]) {
    let next = 0;
    this.firstOf = stages.map((stage) => (next += stage.tasks) - stage.tasks);
    this.size = next;
    this.state = new Uint8Array(next);
    this.occupied = new Float32Array(next);
    this.run = new Float32Array(next);
    this.wait = new Float32Array(next);
  }

  /** Totals over all finished tasks. */
  get totals(): WinnerTimes {
    return this.sums;
  }

  /** The stage of a task, or null for a number that is no task's. By bisection: stages are few. */
  stageOf(task: TaskNumber): StageIndex | null {
    if (!(task >= 0 && task < this.size)) return null;
    let low = 0;
    let high = this.firstOf.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.firstOf[middle]! <= task) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  isFinished(task: TaskNumber): boolean {
    return this.state[task] === finished || this.state[task] === adopted;
  }

  isAdopted(task: TaskNumber): boolean {
    return this.state[task] === adopted;
  }

  /** It took no time of this run. */
  adopt(task: TaskNumber): void {
    this.state[task] = adopted;
  }

  /** True if the task finished before, so that its figures were counted already. */
  wasFinished(task: TaskNumber): boolean {
    return this.state[task] !== open;
  }

  finish(task: TaskNumber, times: WinnerTimes): void {
    this.state[task] = finished;
    this.occupied[task] = times.occupiedMs;
    this.run[task] = times.runMs;
    this.wait[task] = times.waitMs;
    this.add(task, 1);
  }

  /** The task's output was lost: returns the slot time that was spent in vain. */
  reopen(task: TaskNumber): Millis {
    this.add(task, -1);
    this.state[task] = reopened;
    return this.occupied[task]!;
  }

  /** Run times of a stage's finished tasks, ascending. O(n log n): for the end. */
  runTimes(stage: StageIndex, tasks: number): Float32Array {
    const first = this.firstOf[stage]!;
    let count = 0;
    const times = new Float32Array(tasks);
    for (let task = first; task < first + tasks; task++) {
      if (this.state[task] === finished) times[count++] = this.run[task]!;
    }
    return times.subarray(0, count).sort();
  }

  private add(task: TaskNumber, sign: 1 | -1): void {
    this.sums.occupiedMs += sign * this.occupied[task]!;
    this.sums.runMs += sign * this.run[task]!;
    this.sums.waitMs += sign * this.wait[task]!;
  }
}
