// The exit status of a run, as GNU parallel has it: the number of failed jobs, unless the halt rule says otherwise.

import type { HaltCounts, HaltRule } from "./halt.ts";

export const failedMax = 100;
export const moreFailed = 101;

/** How a job ended. */
export interface JobExit {
  readonly exitCode: number | null;
  /** The signal's number; 0 for none. */
  readonly signal: number;
}

/** `haltedBy`: the job with which the halt rule was reached, or null if it was not. */
export function exitStatusOf(
  rule: HaltRule | null,
  { succeeded, failed, total }: HaltCounts,
  haltedBy: JobExit | null,
): number {
  if (rule !== null && haltedBy !== null) {
    if (rule.why === "success") return 0;
    if (rule.why === "fail" && rule.amount === 1 && !rule.isPercent) return statusOf(haltedBy);
  }
  if (rule?.isPercent === true) {
    const of = total ?? succeeded + failed;
    // Per cent of the jobs; a few of very many are not none.
    return of === 0 ? 0 : Math.max(failed > 0 ? 1 : 0, Math.round((100 * failed) / of));
  }
  return failed > failedMax ? moreFailed : failed;
}

/** What a shell says of it. */
const statusOf = ({ exitCode, signal }: JobExit): number =>
  signal > 0 ? 128 + signal : (exitCode ?? 1) || 1;
