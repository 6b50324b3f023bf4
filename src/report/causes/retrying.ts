// RETRYING: tasks that failed, but not for good yet.

import { formatDuration } from "../../base/units.ts";
import { count, errorOf, evidenceOf, messageOf, placeOf, say, tasksIn } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

const shownMax = 3;

export const retrying: Cause = (question) => {
  const { case: found, now, isRunning } = question;
  if (!isRunning || found.phase !== "running") return [];
  const { errorAttemptsMax, lossAttemptsMax } = found.limits;
  const troubled = tasksIn(question).filter(
    ({ task, errors, losses }) => errors + losses > 0 && !found.isFinished(task),
  );
  const findings = troubled.slice(0, shownMax).map(({ task, errors, losses, attempts }) => {
    const failed = attempts.filter(({ failure }) => failure !== null);
    const running = attempts.findLast(({ id }) => found.inFlight.has(id));
    const used = [
      ...(errors > 0 ? [`failed ${count(errors, "time")} of the ${errorAttemptsMax} that it may`] : []),
      ...(losses > 0 ? [`lost its slot ${count(losses, "time")} of the ${lossAttemptsMax} that it may`] : []),
    ];
    const next =
      running === undefined
        ? "It waits for a slot for the next try."
        : running.startedAt === null
          ? `Attempt ${running.id} is about to start.`
          : `Attempt ${running.id} has run for ${formatDuration(now - running.startedAt)}.`;
    const last = failed.at(-1);
    const why = last === undefined ? "" : `: ${messageOf(errorOf(last))}`;
    const text = say(
      `${placeOf(found, task)} ${used.join(" and ")}, the last time in ${last?.id ?? "an attempt"}${why}.`,
      next,
    );
    return finding("RETRYING", text, {
      about: `t${task}`,
      evidence: evidenceOf(failed),
      details: {
        task: `t${task}`,
        errors,
        errorAttemptsMax,
        losses,
        lossAttemptsMax,
        running: running?.id ?? null,
      },
      hint: last === undefined ? null : (errorOf(last)?.hint ?? null),
    });
  });
  if (troubled.length <= shownMax) return findings;
  return [
    ...findings,
    finding("RETRYING", `${count(troubled.length - shownMax, "more task")} failed and are tried again.`, {
      details: { more: troubled.slice(shownMax).map(({ task }) => `t${task}`) },
    }),
  ];
};
