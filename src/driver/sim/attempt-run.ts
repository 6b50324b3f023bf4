// One attempt in a simulated slot. In a world without data it takes its time and ends as its course says. In a world
// with data it opens its output, reads half of its inputs, works, reads the other half, works on, and writes: so an
// input can be lost, and the output be taken away, between any two of these.
//
// Owner of: what the attempt has read so far.

import type { AttemptId } from "../../base/ids.ts";
import type { Failure, OutputLocation } from "../../core/types.ts";
import { failureError } from "../../core/failure-error.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { Disk } from "./disk.ts";
import type { SimProcess } from "./process.ts";
import type { SimData, TaskCourse } from "./task-model.ts";
import type { Withdraw } from "./world.ts";

export type AttemptEnd = TaskCourse["end"];

/** Where an attempt's output goes, and where its inputs come from. */
export interface AttemptFiles {
  readonly data: SimData;
  readonly disk: Disk;
  readonly name: string;
  /** The output survives a power failure from the moment at which it is finished. */
  readonly isDurable: boolean;
  /** Reads these outputs: their values, or which of them are lost as far as can be told from here. */
  fetch(
    from: readonly OutputLocation[],
    done: (values: ReadonlyMap<AttemptId, number>, lost: readonly AttemptId[]) => void,
  ): void;
}

export class AttemptRun {
  readonly assignment: Assignment;
  readonly course: TaskCourse;
  private readonly process: SimProcess;
  private readonly files: AttemptFiles | null;
  private readonly finish: (end: AttemptEnd) => void;
  private readonly read = new Map<AttemptId, number>();
  private isOver = false;
  private withdraw: Withdraw = () => {};

  /** `finish` is called once, unless the run is withdrawn before. */
  constructor(
    process: SimProcess,
    assignment: Assignment,
    course: TaskCourse,
    files: AttemptFiles | null,
    finish: (end: AttemptEnd) => void,
  ) {
    this.process = process;
    this.assignment = assignment;
    this.course = course;
    this.files = files;
    this.finish = finish;
  }

  start(): void {
    const { files, course } = this;
    if (files === null) return this.work(course.durationMs, () => this.end(course.end));
    if (!files.disk.begin(files.name, this.assignment.attempt))
      return this.work(1, () => this.end(diskFull()));
    const inputs = this.assignment.inputs.flat();
    const half = inputs.length >> 1;
    const workMs = Math.floor(course.durationMs / 2);
    this.fetch(inputs.slice(0, half), () =>
      this.work(workMs, () =>
        this.fetch(inputs.slice(half), () => this.work(course.durationMs - workMs, () => this.write())),
      ),
    );
  }

  /** Its slot is gone or it was told to stop: it does nothing more. */
  cancel(): void {
    this.isOver = true;
    this.withdraw();
  }

  private work(ms: number, then: () => void): void {
    if (this.course.end.kind === "hang" && this.files === null) return;
    this.withdraw = this.process.after(ms, then);
  }

  private fetch(from: readonly OutputLocation[], then: () => void): void {
    if (from.length === 0) return then();
    this.files!.fetch(from, (values, lost) => {
      if (this.isOver) return;
      if (lost.length > 0) return this.end(blocksLost(lost));
      for (const [attempt, value] of values) this.read.set(attempt, value);
      then();
    });
  }

  private write(): void {
    const { files, course, assignment } = this;
    if (course.end.kind === "hang") return;
    if (course.end.kind !== "finish") return this.end(course.end);
    const inputs = assignment.inputs.map((stage) => stage.map(({ attempt }) => this.read.get(attempt)!));
    const value = files!.data.output(assignment.stage, assignment.index, inputs);
    this.end(
      files!.disk.finish(files!.name, assignment.attempt, value, files!.isDurable) ? course.end : diskFull(),
    );
  }

  private end(end: AttemptEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.finish(end);
  }
}

const failed = (failure: Failure): AttemptEnd => ({ kind: "fail", failure });

function diskFull(): AttemptEnd {
  const error = failureError("SCRATCH_FAILED", "the simulated disk is full");
  return failed({ kind: "error", final: false, error });
}

function blocksLost(lost: readonly AttemptId[]): AttemptEnd {
  const error = failureError("BLOCK_LOST", `${lost.join(" ")} cannot be read`);
  return failed({ kind: "blocks", lost, error });
}
