// NO_PROGRESS: attempts that run and tell of nothing new: an endless loop, a promise that does not settle, or one very
// long record. The stack says where they are at this moment. Known of live jobs only: journals keep no progress.

import { formatCount, formatDuration } from "../../base/units.ts";
import { evidenceOf, labelOf, placeOf, stackLines } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

/** Slots tell of progress ten times a second, between records. */
const quietMinMs = 2000;

export const noProgress: Cause = ({ case: found, now, live, task: asked }) => {
  if (live === null || found.phase !== "running") return [];
  const quiet = [...found.live()].filter(
    ({ startedAt, progressAt, task }) =>
      startedAt !== null &&
      now - (progressAt ?? startedAt) >= quietMinMs &&
      (asked === null || asked === task),
  );
  return quiet.map((attempt) => {
    const { id, task, recordsIn } = attempt;
    const stack = live.attempts.find((other) => other.attempt === id)?.stack ?? null;
    const quietMs = now - (attempt.progressAt ?? attempt.startedAt!);
    const label = labelOf(found, task);
    const soFar = recordsIn === 0 ? "since it started" : `after ${formatCount(recordsIn)} records`;
    const medianMs = found.stageOf(task)?.medianMs ?? null;
    const text =
      `${id} has made no progress for ${formatDuration(quietMs)}, ${soFar}: ` +
      (stack === null
        ? "no JavaScript of it runs, so it waits for something (a promise, a timer, a read)."
        : "it is in an endless loop, or in one very long record.") +
      ` It is ${placeOf(found, task)}${label === null ? "" : `, and reads ${label}`}` +
      (medianMs === null ? "." : `; the median of its stage is ${formatDuration(medianMs)}.`);
    return finding("NO_PROGRESS", text, {
      about: id,
      evidence: evidenceOf([attempt]),
      lines: stack === null ? [] : ["where it is now:", ...stackLines(stack)],
      details: {
        attempt: id,
        quietMs,
        runMs: now - attempt.startedAt!,
        recordsIn,
        stack,
        medianMs,
        split: label,
      },
      hint: "--task-timeout ends attempts like this one, and says where they were.",
    });
  });
};
