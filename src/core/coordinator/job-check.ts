// Whether a job that was submitted makes sense: what comes from outside is checked once, here, so that the rest of
// the machine can rely on it. A bad job is an outcome (a failed job), never a throw.

import type { ErrorData } from "../../errors.ts";
import type { JobLimits, JobSpec } from "../types.ts";
import { failureError } from "../failure-error.ts";

/** Tasks in one job. */
export const tasksMax = 16_777_216;
export const stagesMax = 10_000;

const isCount = (value: unknown, min: number, max: number): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
const isNumber = (value: unknown, min: number, max: number): boolean =>
  typeof value === "number" && value >= min && value <= max;

/** What is wrong with the job, or null. */
export function findFault(job: JobSpec): ErrorData | null {
  if (!Array.isArray(job.stages) || job.stages.length > stagesMax) {
    return plan(`the job has ${String(job.stages?.length)} stages; at most ${stagesMax} are possible`);
  }
  let total = 0;
  for (const [stage, spec] of (job.stages as JobSpec["stages"]).entries()) {
    if (!isCount(spec.tasks, 0, tasksMax))
      return plan(`stage ${stage} "${spec.name}" has ${String(spec.tasks)} tasks`);
    total += spec.tasks;
    if (spec.output !== "blocks" && spec.output !== "kept") {
      const received = String(spec.output);
      return plan(
        `stage ${stage} "${spec.name}" has the output "${received}"; "blocks" or "kept" was expected`,
      );
    }
    if (!Array.isArray(spec.reads)) return plan(`stage ${stage} "${spec.name}" does not say what it reads`);
    const odd = spec.reads.find((read: unknown) => !isCount(read, 0, stage - 1));
    if (odd !== undefined) {
      return plan(
        `stage ${stage} "${spec.name}" reads stage ${String(odd)}; a stage reads only those before it`,
      );
    }
  }
  if (total > tasksMax)
    return plan(`the job has ${total} tasks; at most ${tasksMax} are possible. Make them larger`);
  return findLimitFault(job.limits);
}

function findLimitFault(limits: JobLimits): ErrorData | null {
  const attempts = { min: 1, max: 10_000, isRight: isCount };
  const duration = { min: 0, max: Number.MAX_SAFE_INTEGER / 2, isRight: isCount };
  const share = { min: 0, max: 1, isRight: isNumber };
  const rules = {
    errorAttemptsMax: attempts,
    lossAttemptsMax: attempts,
    poisonLossesMax: attempts,
    taskTimeoutMs: { ...duration, min: 1 },
    backupFactor: { min: 1, max: 1e6, isRight: isNumber },
    backupMinAgeMs: duration,
    backupAfterShare: share,
    backupSlotShare: share,
    moveBytesPerMs: { min: 1, max: 1e12, isRight: isNumber },
    placeWaitMsMax: duration,
  } satisfies Record<keyof JobLimits, unknown>;
  for (const [name, { min, max, isRight }] of Object.entries(rules)) {
    const value = limits[name as keyof JobLimits];
    if (name === "taskTimeoutMs" && value === null) continue;
    if (!isRight(value, min, max)) {
      const message = `the limit ${name} is ${String(value)}; a number from ${min} to ${max} was expected`;
      return failureError("BAD_OPTION", message, { details: { limit: name, received: String(value) } });
    }
  }
  return null;
}

const plan = (message: string): ErrorData => failureError("PLAN_INVALID", message);
