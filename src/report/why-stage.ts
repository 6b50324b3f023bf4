// One stage of a case: how many of its tasks are where, and how long they take.
// Owner of: the finished tasks and run times of a stage.

import type { TaskNumber } from "../base/ids.ts";
import { RunningMedian } from "../base/running-median.ts";
import type { Millis } from "../core/types.ts";
import type { JournalStage } from "../protocol/journal.ts";

export class StageCase {
  readonly name: string;
  readonly index: number;
  /** Number of its first task. */
  readonly first: TaskNumber;
  readonly tasks: number;
  readonly reads: readonly number[];
  readonly output: "blocks" | "kept";
  finished = 0;
  /** Unfinished tasks with an attempt in flight that counts. */
  busy = 0;
  begunAt: Millis | null = null;
  endedAt: Millis | null = null;
  longestMs: Millis = 0;
  private readonly isDone: Uint8Array;
  private readonly times = new RunningMedian();

  constructor({ name, tasks, reads, output }: JournalStage, index: number, first: TaskNumber) {
    this.name = name;
    this.index = index;
    this.first = first;
    this.tasks = tasks;
    this.reads = reads;
    this.output = output;
    this.isDone = new Uint8Array(tasks);
  }

  get isComplete(): boolean {
    return this.finished === this.tasks;
  }

  /** Of finished tasks, from assignment to end, as the coordinator counts; null before there is one. */
  get medianMs(): Millis | null {
    return this.times.size === 0 ? null : this.times.median;
  }

  /** "stage 2 of 3 (groupByKey → write.tsv)", counted from 1 as people do. */
  nameAmong(count: number): string {
    return `stage ${this.index + 1} of ${count} (${this.name})`;
  }

  isFinished(task: TaskNumber): boolean {
    return this.isDone[task - this.first] === 1;
  }

  *unfinished(): IterableIterator<TaskNumber> {
    for (let i = 0; i < this.tasks; i++) if (this.isDone[i] === 0) yield this.first + i;
  }

  becomeFinished(task: TaskNumber, tookMs: Millis, at: Millis): void {
    this.adopt(task, tookMs);
    this.endedAt = at;
  }

  /** It is finished: here, or by an earlier incarnation. */
  adopt(task: TaskNumber, tookMs: Millis): void {
    this.times.add(tookMs);
    this.longestMs = Math.max(this.longestMs, tookMs);
    if (this.isFinished(task)) return;
    this.isDone[task - this.first] = 1;
    this.finished++;
  }

  becomeUnfinished(task: TaskNumber): void {
    if (!this.isFinished(task)) return;
    this.isDone[task - this.first] = 0;
    this.finished--;
  }
}
