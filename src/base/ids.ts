// Ids: branded strings with greppable prefixes. An id is used once for all time.
//
//   job j…      worker w1      slot s0      task t7      attempt t7.2 (task 7, attempt 2; attempts count from 1)

declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

export type JobId = Id<"job">;
export type WorkerId = Id<"worker">;
export type AttemptId = Id<"attempt">;
/** A task's number within its job: stages number their tasks one after the other, from 0. */
export type TaskNumber = number;

export const jobId = (text: string): JobId => text as JobId;
export const workerId = (n: number): WorkerId => `w${n}` as WorkerId;
export const taskName = (task: TaskNumber): string => `t${task}`;
export const attemptId = (task: TaskNumber, attempt: number): AttemptId => `t${task}.${attempt}` as AttemptId;

/** Whether it is an id as jobs have that were left to a cluster: s1, s2, … */
export const isSubmittedId = (text: unknown): text is string =>
  typeof text === "string" && /^s\d{1,15}$/.test(text);

const attemptPattern = /^t(\d{1,9})\.(\d{1,6})$/;

/** The task and attempt numbers of `t7.2`, or null if `text` is no attempt id. */
export function parseAttemptId(text: string): { task: TaskNumber; attempt: number } | null {
  const match = attemptPattern.exec(text);
  return match === null ? null : { task: Number(match[1]), attempt: Number(match[2]) };
}
