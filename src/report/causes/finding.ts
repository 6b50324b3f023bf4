// What `why` finds: the codes, and the shape of a finding. Codes are stable; texts are not.

import type { Millis } from "../../core/types.ts";
import type { LiveState } from "../../driver/driver.ts";
import type { RunCase } from "../why-case.ts";

/** Each code with what it says, as docs/cli.md has it (a test compares). */
export const findingCodes = {
  INPUT_MISSING: "a task found its input gone or changed",
  MEMORY_EXHAUSTED: "a slot ran out of memory",
  POISON_TASK: "a task ended every slot that it ran in",
  TIME_LIMIT: "a task ran into its time limit",
  DISK_FULL: "no space was left on a disk",
  TASK_FAILED: "a task failed for good, and the job with it",
  JOB_FAILED: "the job failed otherwise, for instance at the commit",
  CANCELLED: "the job was cancelled",
  CUT_OFF: "the process that ran the job is gone; the same command continues",
  STATE_LOCKED: "another process holds the state directory",
  NO_PROGRESS: "a running task shows no progress: an endless loop, or one very long record",
  STRAGGLER: "a task takes much longer than its stage's median",
  RETRYING: "a task failed and is tried again",
  OUTPUTS_REMADE: "lost map outputs are made again",
  CLUSTER_AWAY: "the cluster's NATS servers do not answer, and everybody waits for them",
  NOBODY_LEADS: "no worker of the cluster leads the job at this moment, so that nothing is decided",
  WAITING_FOR_WORKERS: "no worker of the cluster takes part: all are at work on other jobs, or none is there",
  WAITING_FOR_SHUFFLE: "a stage waits for the last tasks of those that it reads",
  SLOTS_BUSY: "tasks wait for a free slot",
  WAITING_FOR_PLACE: "free slots wait a moment for tasks whose input is at their own worker",
  SLOTS_STARTING: "attempts wait for slots that are starting",
  FEWER_TASKS_THAN_SLOTS: "slots are idle, since there are not enough tasks",
  COMMITTING: "all tasks are finished, and the output is being published",
  STOPPING: "the job is over, and waits for attempts that were told to stop",
  WORKING: "tasks run as they should",
  TASK_WAITING: "the task asked about has not begun",
  TASK_FINISHED: "the task asked about is finished",
  FINISHED: "the job succeeded",
} as const;

export type FindingCode = keyof typeof findingCodes;

export interface Finding {
  readonly code: FindingCode;
  /** "t7", "t7.2", "stage 1", "slot w1/s0"; null for the job as a whole. */
  readonly about: string | null;
  /** A sentence or a few, with numbers. */
  readonly text: string;
  /** Further lines: a stack, last lines of output. */
  readonly lines: readonly string[];
  /** The numbers in the text, for programs. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Ids of the journal's entries that show it. */
  readonly evidence: readonly number[];
  readonly hint: string | null;
}

/** What a cause looks at. All of it is to be read only. */
export interface Question {
  readonly case: RunCase;
  /** Now, on the log's clock; the last entry's time for a job that does not run. */
  readonly now: Millis;
  /** Whether a process works on the job at this moment. */
  readonly isRunning: boolean;
  /** What the process said that runs the job; null if it was not asked, or did not answer. */
  readonly live: LiveState | null;
  /** Who holds the state directory, if that is not this job's own process. */
  readonly otherHolder: { readonly pid: number; readonly since: string; readonly host: string } | null;
  /** Only what has to do with this task. */
  readonly task: number | null;
  /** Of a job of a cluster: why no worker takes part in it, in a sentence without its full stop; null: some do. */
  readonly waits: string | null;
  /** Of a job that was left to a cluster: no worker leads it at this moment. */
  readonly isUnled: boolean;
  /** Of a job of a cluster: for how long its NATS servers have been away; null: they are there. */
  readonly awayMs: number | null;
  /** What causes earlier in the list have found. */
  readonly found: readonly Finding[];
}

/** One reason why a job is as it is. */
export type Cause = (question: Question) => Finding[];

type Optional = "about" | "lines" | "details" | "evidence" | "hint";

export const finding = (
  code: FindingCode,
  text: string,
  more: Partial<Pick<Finding, Optional>> = {},
): Finding => ({ code, text, about: null, lines: [], details: {}, evidence: [], hint: null, ...more });
