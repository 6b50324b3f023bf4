// Output ledger: which attempt's output counts for each finished task, and on which worker it is.
//
// The locations of a stage's outputs are one array that all readers' assignments share; it is copied before the
// first change after it was handed out, never changed under a reader's hands.
//
// Not here: whether a lost output must be re-made (progress.ts), moving or deleting bytes (driver).
// Owner of: state.outputs.
//
// Invariants
//   I4   A finished task has exactly one output that counts; any other task has none.
//   I10  An output of a "blocks" stage that counts is on a worker that is here.
//   I17  What a worker holds of a stage is the sum of its outputs that count.

import { invariant } from "../../base/assert.ts";
import { parseAttemptId, type AttemptId, type TaskNumber, type WorkerId } from "../../base/ids.ts";
import type { OutputLocation, StageIndex } from "../types.ts";
import type { StageLedger } from "./stages.ts";

/** An output that is gone and that nobody needs, for now. */
export interface ForgottenOutput {
  readonly task: TaskNumber;
  readonly lost: AttemptId;
  readonly why: string;
}

/** The workers that hold at least half of what a stage reads (two at most), and how many bytes one of them does. */
export interface Home {
  readonly workers: readonly WorkerId[];
  readonly bytes: number;
}

export class OutputLedger {
  private readonly stages: StageLedger;
  /** By stage, by index: where the output is, or null. */
  private readonly locations: (OutputLocation | null)[][];
  /** By stage: its array of locations is in someone else's hands. */
  private readonly isShared: boolean[];
  /** By reading stage: its inputs, until one of them changes. */
  private readonly inputsOf: ((readonly OutputLocation[])[] | null)[];
  /** Tasks of "blocks" stages that finished at a worker; some may have moved on since. */
  private readonly madeAt = new Map<WorkerId, TaskNumber[]>();
  private readonly forgotten: ForgottenOutput[][];
  /** By task: the bytes of its output; by stage: how many of them each worker holds. */
  private readonly bytes: Float64Array;
  private readonly bytesAt: Map<WorkerId, number>[];
  /** By reading stage: its home, until an output that it reads comes or goes. */
  private readonly homeOf: (Home | undefined)[];

  constructor(stages: StageLedger) {
    this.stages = stages;
    this.locations = stages.specs.map((spec) =>
      Array.from<OutputLocation | null>({ length: spec.tasks }).fill(null),
    );
    this.isShared = stages.specs.map(() => false);
    this.inputsOf = stages.specs.map(() => null);
    this.forgotten = stages.specs.map(() => []);
    this.bytes = new Float64Array(stages.totalTasks);
    this.bytesAt = stages.specs.map(() => new Map());
    this.homeOf = stages.specs.map(() => undefined);
  }

  /** The output that counts, or null. */
  of(task: TaskNumber): OutputLocation | null {
    const stage = this.stages.stageOf(task);
    return this.locations[stage]![task - this.stages.first(stage)]!;
  }

  /** The number of the attempt whose output counts, or 0. */
  attemptNumberOf(task: TaskNumber): number {
    const output = this.of(task);
    return output === null ? 0 : parseAttemptId(output.attempt)!.attempt;
  }

  set(task: TaskNumber, output: OutputLocation, bytes: number): void {
    invariant(
      this.of(task) === null,
      "I4",
      () => `t${task} has ${this.of(task)!.attempt} and gets ${output.attempt}`,
    );
    this.write(task, output);
    this.weigh(task, output.worker, bytes > 0 && Number.isFinite(bytes) ? bytes : 0);
    if (this.stages.spec(this.stages.stageOf(task)).output === "kept") return;
    const made = this.madeAt.get(output.worker);
    if (made === undefined) this.madeAt.set(output.worker, [task]);
    else made.push(task);
  }

  /** It no longer counts. Returns what was there. */
  drop(task: TaskNumber): OutputLocation {
    const output = this.of(task);
    invariant(output !== null, "I4", () => `t${task} has no output to drop`);
    this.write(task, null);
    this.weigh(task, output.worker, 0);
    return output;
  }

  /** Where most of what the stage reads is. */
  home(stage: StageIndex): Home {
    return (this.homeOf[stage] ??= this.findHome(stage));
  }

  /** The tasks whose outputs are gone with a worker, in task order. They still count; the caller drops them. */
  lostWith(worker: WorkerId): TaskNumber[] {
    const made = this.madeAt.get(worker) ?? [];
    this.madeAt.delete(worker);
    return [...new Set(made)].filter((task) => this.of(task)?.worker === worker).sort((a, b) => a - b);
  }

  /** For each stage that `stage` reads, the outputs of all its tasks. The same arrays until an output changes. */
  inputs(stage: StageIndex): readonly (readonly OutputLocation[])[] {
    const known = this.inputsOf[stage]!;
    if (known !== null) return known;
    const inputs = this.stages.spec(stage).reads.map((read) => {
      invariant(
        this.stages.isComplete(read),
        "I6",
        () => `stage ${stage} reads stage ${read}, which is not complete`,
      );
      this.isShared[read] = true;
      return this.locations[read]! as OutputLocation[];
    });
    this.inputsOf[stage] = inputs;
    return inputs;
  }

  /** The attempts whose outputs are the job's: of every "kept" stage that nobody reads, by task order. */
  winners(): AttemptId[] {
    const winners: AttemptId[] = [];
    for (let stage = 0; stage < this.stages.count; stage++) {
      if (this.stages.readers[stage]!.length > 0 || this.stages.spec(stage).output !== "kept") continue;
      for (const output of this.locations[stage]!) {
        invariant(output !== null, "I4", () => `stage ${stage} is committed with an output missing`);
        winners.push(output.attempt);
      }
    }
    return winners;
  }

  forget(output: ForgottenOutput): void {
    this.forgotten[this.stages.stageOf(output.task)]!.push(output);
  }

  /** The forgotten outputs of a stage, which are needed again; the list is empty afterwards. */
  takeForgotten(stage: StageIndex): ForgottenOutput[] {
    return this.forgotten[stage]!.splice(0);
  }

  /** The output of that task, at that worker, is so large now. */
  private weigh(task: TaskNumber, worker: WorkerId, bytes: number): void {
    const stage = this.stages.stageOf(task);
    if (this.stages.spec(stage).output === "kept") return;
    const at = this.bytesAt[stage]!;
    at.set(worker, (at.get(worker) ?? 0) + bytes - this.bytes[task]!);
    this.bytes[task] = bytes;
    for (const reader of this.stages.readers[stage]!) this.homeOf[reader] = undefined;
  }

  /** For the checker of invariants: counted anew. */
  isWeighedRight(stage: StageIndex): boolean {
    const counted = new Map<WorkerId, number>();
    const first = this.stages.first(stage);
    this.locations[stage]!.forEach((output, index) => {
      const bytes = this.bytes[first + index]!;
      if (output !== null && bytes > 0) counted.set(output.worker, (counted.get(output.worker) ?? 0) + bytes);
    });
    return [...this.bytesAt[stage]!].every(([worker, bytes]) => bytes === (counted.get(worker) ?? 0));
  }

  private findHome(stage: StageIndex): Home {
    const bytesAt = new Map<WorkerId, number>();
    let total = 0;
    for (const read of new Set(this.stages.spec(stage).reads)) {
      for (const [worker, bytes] of this.bytesAt[read]!) {
        bytesAt.set(worker, (bytesAt.get(worker) ?? 0) + bytes);
        total += bytes;
      }
    }
    const workers = [...bytesAt].filter(([, bytes]) => bytes > 0 && 2 * bytes >= total);
    return {
      workers: workers.map(([worker]) => worker),
      bytes: Math.max(0, ...workers.map(([, bytes]) => bytes)),
    };
  }

  private write(task: TaskNumber, output: OutputLocation | null): void {
    const stage = this.stages.stageOf(task);
    if (this.isShared[stage]) {
      this.locations[stage] = this.locations[stage]!.slice();
      this.isShared[stage] = false;
      for (const reader of this.stages.readers[stage]!) this.inputsOf[reader] = null;
    }
    this.locations[stage]![task - this.stages.first(stage)] = output;
  }
}
