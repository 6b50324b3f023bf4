// TIME_LIMIT: attempts that were stopped at --task-timeout.

import { formatDuration } from "../../base/units.ts";
import type { ErrorData } from "../../errors.ts";
import { chainOf, count, errorOf, evidenceOf, failedIn, hasCause, placeOf, stackLines } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const timeLimit: Cause = (question) => {
  const { case: found, task: asked } = question;
  const limitMs = found.limits.taskTimeoutMs;
  if (limitMs === null) return [];
  const stopped = failedIn(question).filter((attempt) =>
    hasCause(errorOf(attempt), ({ code }) => code === "TASK_TIMEOUT"),
  );
  const { outcome } = found;
  const isEnd = outcome?.kind === "failed" && hasCause(outcome.error, ({ code }) => code === "TASK_TIMEOUT");
  const last = isEnd && (asked === null || asked === outcome.task) ? outcome.task : null;
  const tasks = [...new Set([...(last === null ? [] : [last]), ...stopped.map(({ task }) => task)])];
  return tasks.slice(0, 3).map((task) => {
    const mine = stopped.filter((attempt) => attempt.task === task);
    const times = mine.length + (task === last ? 1 : 0);
    const medianMs = found.stageOf(task)?.medianMs ?? null;
    const compared =
      medianMs === null
        ? "no task of its stage has finished"
        : `the median of its stage is ${formatDuration(medianMs)}`;
    const text =
      `${placeOf(found, task)} ran into its time limit of ${formatDuration(limitMs)} in ` +
      `${count(times, "attempt")}; ${compared}.`;
    const stack = stackIn(task === last && outcome?.kind === "failed" ? outcome.error : errorOf(mine[0]!));
    return finding("TIME_LIMIT", text, {
      about: `t${task}`,
      evidence: evidenceOf(mine, [found.turningPoint]),
      lines: stack === null ? [] : ["where it was when its time was up:", ...stackLines(stack)],
      details: { task: `t${task}`, limitMs, attempts: times, medianMs, stack },
      hint:
        medianMs !== null && medianMs * 2 < limitMs
          ? "Its siblings are well below the limit: look at this task's input, or for an endless loop."
          : "Raise --task-timeout, or make the task smaller.",
    });
  });
};

/** Where the attempt was when its time was up, if that could be learnt. */
function stackIn(error: ErrorData | undefined): string | null {
  for (const { details } of chainOf(error))
    if (typeof details?.["stack"] === "string") return details["stack"];
  return null;
}
