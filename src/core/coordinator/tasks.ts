// Task ledger: the state of every task, its attempt numbers and budgets, its story.
//
// Not here: attempts in flight (attempts.ts), whether a pending task may run yet (ready.ts), what follows from a
// transition (progress.ts).
// Owner of: state.tasks. No other file writes it.
//
//   pending ──adopted──▶ finished
//   pending ──assigned──▶ running ──finished──▶ finished ──output-dropped──▶ forgotten
//      ▲                   │  │ ▲                  │                            │
//      ├─────retried───────┘  │ └ backed-up,       │                            │
//      │                      │   attempt-ended    │                            │
//      ├──────output-lost─────┼────────────────────┘                            │
//      ├──────needed-again────┼─────────────────────────────────────────────────┘
//                             └──given-up──▶ failed
//
// Invariants
//   I1  Attempts of a task are numbered from 1, and the numbers only grow.
//   I2  A task changes state only as the table says.

import { InvariantError, invariant } from "../../base/assert.ts";
import { attemptId, type AttemptId, type TaskNumber, type WorkerId } from "../../base/ids.ts";
import type { ErrorData } from "../../errors.ts";
import type { Millis } from "../types.ts";

/** "forgotten": was finished, its output is gone, and no unfinished task needs it. */
export type TaskState = "pending" | "running" | "finished" | "forgotten" | "failed";

export type Trigger =
  | "assigned"
  | "adopted"
  | "backed-up"
  | "attempt-ended"
  | "retried"
  | "finished"
  | "given-up"
  | "output-lost"
  | "output-dropped"
  | "needed-again";

/** What may happen to a task in which state, and what it is then. Anything else is a bug (I2). */
export const transitions: Readonly<Record<TaskState, Readonly<Partial<Record<Trigger, TaskState>>>>> = {
  pending: { assigned: "running", adopted: "finished" },
  running: {
    "backed-up": "running",
    "attempt-ended": "running",
    retried: "pending",
    finished: "finished",
    "given-up": "failed",
  },
  finished: { "output-lost": "pending", "output-dropped": "forgotten" },
  forgotten: { "needed-again": "pending" },
  failed: {},
};

/** For whom inputs are needed. */
export const isUnfinished = (state: TaskState): boolean => state !== "finished" && state !== "forgotten";

const states: readonly TaskState[] = ["pending", "running", "finished", "forgotten", "failed"];
const stateCodes = new Map(states.map((state, code) => [state, code]));
const triggers = [
  ...new Set(Object.values(transitions).flatMap((row) => Object.keys(row))),
] as readonly Trigger[];
const triggerCodes = new Map(triggers.map((trigger, code) => [trigger, code]));

/** Transitions of all tasks that are remembered for stories. */
const storyMax = 65_536;
const attemptsMax = 999_999;

export class TaskLedger {
  private readonly stateCode: Uint8Array;
  private readonly attempts: Uint32Array;
  private readonly errors: Uint16Array;
  private readonly losses: Uint16Array;
  private readonly lossesInRow: Uint16Array;
  private readonly inputLosses: Uint16Array;
  private readonly lostAt = new Map<TaskNumber, WorkerId>();
  /** Of the losses in a row: at most as many as make a poison task. */
  private readonly lossErrors = new Map<TaskNumber, ErrorData[]>();
  private readonly storyTask: Uint32Array;
  private readonly storyTrigger: Uint8Array;
  private readonly storyAttempt: Uint32Array;
  private readonly storyAt: Float64Array;
  private storyNext = 0;

  constructor(tasks: number) {
    this.stateCode = new Uint8Array(tasks);
    this.attempts = new Uint32Array(tasks);
    this.errors = new Uint16Array(tasks);
    this.losses = new Uint16Array(tasks);
    this.lossesInRow = new Uint16Array(tasks);
    this.inputLosses = new Uint16Array(tasks);
    const remembered = Math.min(storyMax, Math.max(64, tasks * 16));
    this.storyTask = new Uint32Array(remembered);
    this.storyTrigger = new Uint8Array(remembered);
    this.storyAttempt = new Uint32Array(remembered);
    this.storyAt = new Float64Array(remembered);
  }

  get count(): number {
    return this.stateCode.length;
  }

  has(task: TaskNumber): boolean {
    return task < this.stateCode.length;
  }

  stateOf(task: TaskNumber): TaskState {
    return states[this.stateCode[task]!]!;
  }

  /** Attempts assigned so far; the number of the latest. */
  attemptCount(task: TaskNumber): number {
    return this.attempts[task]!;
  }

  /** What counts against the task's budgets. */
  budgetOf(task: TaskNumber): { errors: number; losses: number; lossesInRow: number; inputLosses: number } {
    return {
      errors: this.errors[task]!,
      losses: this.losses[task]!,
      lossesInRow: this.lossesInRow[task]!,
      inputLosses: this.inputLosses[task]!,
    };
  }

  /** Moves the task as the table says, or fails with its story. Returns the new state. */
  apply(task: TaskNumber, trigger: Trigger, attempt: number, now: Millis): TaskState {
    const from = this.stateOf(task);
    const to = transitions[from][trigger];
    if (to === undefined) {
      throw new InvariantError(
        "I2",
        `t${task} is ${from}: "${trigger}" (attempt ${attempt}) is not in its table`,
        this.story(task),
      );
    }
    this.stateCode[task] = stateCodes.get(to)!;
    this.remember(task, trigger, attempt, now);
    return to;
  }

  /** The number of a new attempt. */
  nextAttempt(task: TaskNumber): number {
    const number = this.attempts[task]! + 1;
    invariant(
      number <= attemptsMax,
      "I1",
      () => `t${task} has no attempt numbers left`,
      () => this.story(task),
    );
    this.attempts[task] = number;
    return number;
  }

  /** Attempts up to this number were used by earlier incarnations of the job. */
  reserve(first: TaskNumber, last: TaskNumber, attempts: number): void {
    for (let task = first; task <= last; task++)
      this.attempts[task] = Math.max(this.attempts[task]!, attempts);
  }

  /** Whether this attempt was ever assigned. */
  wasAssigned(task: TaskNumber, attempt: number): boolean {
    return this.has(task) && attempt >= 1 && attempt <= this.attempts[task]!;
  }

  /** Counts an error of user code or data. The slot lived on, so losses are no longer in a row. */
  countError(task: TaskNumber): number {
    this.breakRow(task);
    return ++this.errors[task]!;
  }

  /** Counts a loss of the slot or worker under an attempt; in a row only those that the task may have caused. */
  countLoss(
    task: TaskNumber,
    worker: WorkerId,
    suspected: ErrorData | null,
  ): { losses: number; inRow: number } {
    this.lostAt.set(task, worker);
    if (suspected !== null) {
      this.lossesInRow[task]!++;
      this.lossErrors.set(task, [...(this.lossErrors.get(task) ?? []), suspected]);
    }
    return { losses: ++this.losses[task]!, inRow: this.lossesInRow[task]! };
  }

  /** What the losses in a row were, oldest first. */
  lossesInRowOf(task: TaskNumber): readonly ErrorData[] {
    return this.lossErrors.get(task) ?? [];
  }

  /** Where its latest attempt was lost, if it has not finished since: the place to avoid. */
  lastLostAt(task: TaskNumber): WorkerId | null {
    return this.lostAt.get(task) ?? null;
  }

  /** Counts an attempt that ended because its inputs were lost. */
  countInputLoss(task: TaskNumber): number {
    this.breakRow(task);
    return ++this.inputLosses[task]!;
  }

  /** It finished: whatever was lost before was not its fault. */
  endLosses(task: TaskNumber): void {
    this.breakRow(task);
    this.lostAt.delete(task);
  }

  private breakRow(task: TaskNumber): void {
    this.lossesInRow[task] = 0;
    this.lossErrors.delete(task);
  }

  /** What happened to the task, oldest first; early parts may be forgotten in large jobs. */
  story(task: TaskNumber): string[] {
    const lines: string[] = [];
    const size = this.storyTask.length;
    for (let entry = Math.max(0, this.storyNext - size); entry < this.storyNext; entry++) {
      const at = entry % size;
      if (this.storyTask[at] !== task) continue;
      const id: AttemptId = attemptId(task, this.storyAttempt[at]!);
      lines.push(`${this.storyAt[at]!} ms: ${triggers[this.storyTrigger[at]!]!} ${id}`);
    }
    return lines;
  }

  private remember(task: TaskNumber, trigger: Trigger, attempt: number, now: Millis): void {
    const at = this.storyNext++ % this.storyTask.length;
    this.storyTask[at] = task;
    this.storyTrigger[at] = triggerCodes.get(trigger)!;
    this.storyAttempt[at] = attempt;
    this.storyAt[at] = now;
  }
}
