// What user code can know about the task that it runs in. A slot runs one task at a time, so this is one variable of
// the slot. Owner of: the current task.

import { ShoalError } from "../errors.ts";

/** The task in which the calling function runs. */
export interface TaskContext {
  /** The job's id, for instance `j20261120-104501-k3f9`. */
  readonly job: string;
  /** The stage's name, for instance `read.lines → flatMap → countByValue`. */
  readonly stage: string;
  /** The task's name within the job, for instance `t7`. */
  readonly task: string;
  /** The attempt, from 1. More than 1 after a failure, a loss or with a backup. */
  readonly attempt: number;
  readonly worker: string;
  readonly slot: number;
  /** Aborted when the attempt is to stop: the job was cancelled, failed, or another attempt was faster. */
  readonly signal: AbortSignal;
  /** Adds to a counter of the job. Only counters of the attempts that count are added up, so that retries do not count twice. */
  count(counter: string, by?: number): void;
}

let current: TaskContext | null = null;

/**
 * The context of the task that calls. Throws outside of one.
 *
 * @example
 * .map((line) => {
 *   if (line === "") taskContext().count("blank lines");
 *   return line;
 * })
 */
export function taskContext(): TaskContext {
  if (current !== null) return current;
  throw new ShoalError("PLAN_INVALID", "taskContext() was called outside of a task", {
    hint: "Call it inside the functions that you pass to operators, not while the plan is built.",
  });
}

export function setTaskContext(context: TaskContext | null): void {
  current = context;
}
