// `why`: from the case of a job, and what its process says if it runs, to findings: why it is not finished, why a slot
// is idle, why a task failed. Pure.
//
// Not here: the causes (causes/), where the case comes from (model/why.ts), how it prints (why-text.ts).

import { formatDuration } from "../base/units.ts";
import type { Millis } from "../core/types.ts";
import type { LiveState } from "../driver/driver.ts";
import type { Finding, Question } from "./causes/finding.ts";
import { causes } from "./causes/list.ts";
import type { RunCase } from "./why-case.ts";

export type { Finding, FindingCode } from "./causes/finding.ts";

export type JobState = "running" | "succeeded" | "failed" | "cancelled" | "cut-off";

export interface Explanation {
  /** The run's id. */
  readonly run: string;
  readonly job: string;
  readonly state: JobState;
  /** Where the job is, in a sentence. */
  readonly summary: string;
  /** The most telling first. Never empty but for a job that has just begun. */
  readonly findings: readonly Finding[];
  /** Whether the process that runs the job was asked; else only its journal was. */
  readonly isLive: boolean;
}

export interface WhyContext {
  /** On the log's clock. Default: the time of the last entry. */
  readonly now?: Millis;
  readonly isRunning: boolean;
  readonly live?: LiveState | null;
  readonly otherHolder?: Question["otherHolder"];
  readonly task?: number | null;
  readonly waits?: string | null;
  readonly isUnled?: boolean;
  readonly awayMs?: number | null;
}

export function explainCase(found: RunCase, context: WhyContext): Explanation {
  const findings: Finding[] = [];
  const question: Question = {
    case: found,
    now: Math.max(found.lastAt, context.now ?? found.lastAt),
    isRunning: context.isRunning,
    live: context.live ?? null,
    otherHolder: context.otherHolder ?? null,
    task: context.task ?? null,
    waits: context.waits ?? null,
    isUnled: context.isUnled ?? false,
    awayMs: context.awayMs ?? null,
    found: findings,
  };
  for (const cause of causes) findings.push(...cause(question));
  return {
    run: found.opened?.run ?? "",
    job: found.opened?.job ?? "",
    state: stateOf(found, context.isRunning),
    summary: summaryOf(question),
    findings,
    isLive: question.live !== null,
  };
}

export function stateOf(found: RunCase, isRunning: boolean): JobState {
  if (isRunning && found.closed === null) return "running";
  if (found.closed === null) return "cut-off";
  return found.outcome?.kind ?? "cut-off";
}

function summaryOf({ case: found, now, isRunning }: Question): string {
  const { opened, totalTasks, finishedTasks } = found;
  const state = stateOf(found, isRunning);
  const words = {
    "cut-off": "was cut off",
    running: "is running",
    succeeded: "succeeded",
    failed: "failed",
    cancelled: "was cancelled",
  };
  const tasks = `${finishedTasks} of ${totalTasks} tasks finished`;
  const stage = found.stages.find(({ isComplete }) => !isComplete);
  const where =
    stage === undefined || state === "succeeded" ? "" : `, ${stage.nameAmong(found.stages.length)}`;
  const forMs = (state === "running" ? now : found.lastAt) - (opened?.clock ?? 0);
  const continued = found.incarnations.length - 1;
  const resumed =
    continued < 1 ? "" : continued === 1 ? ", continued once" : `, continued ${continued} times`;
  const time =
    state === "cut-off"
      ? ""
      : `${state === "running" ? " for" : " after"} ${formatDuration(Math.max(0, forMs))}`;
  return `${words[state]}${time}: ${tasks}${where}${resumed}`;
}
