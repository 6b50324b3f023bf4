// STRAGGLER: attempts that take much longer than the median of their stage; with their backup, or why there is none.
// The rule is core/coordinator/speculation.ts's, told with this case's numbers.

import { formatDuration } from "../../base/units.ts";
import type { AttemptCase, RunCase } from "../why-case.ts";
import type { StageCase } from "../why-stage.ts";
import { evidenceOf, labelOf, listed, placeOf, stackLines } from "./attempts.ts";
import { finding, type Cause, type Question } from "./finding.ts";

/** Below this age nobody wonders. */
const ageMinMs = 1000;
const shownMax = 5;

export const straggler: Cause = (question) => {
  const { case: found, now, task: asked, live, isRunning, found: earlier } = question;
  if (!isRunning || found.phase !== "running") return [];
  const slow = [...found.live()].filter((attempt) => {
    const medianMs = found.stageOf(attempt.task)!.medianMs;
    const ageMs = now - attempt.assignedAt;
    return (
      !attempt.isBackup &&
      medianMs !== null &&
      (asked === null || asked === attempt.task) &&
      ageMs >= ageMinMs &&
      ageMs > found.limits.backupFactor * medianMs
    );
  });
  return slow.slice(0, shownMax).map((attempt) => {
    const stage = found.stageOf(attempt.task)!;
    const medianMs = stage.medianMs!;
    const ageMs = now - attempt.assignedAt;
    const backup = backupOf(found, attempt);
    const label = labelOf(found, attempt.task);
    const isToldOf = earlier.some(({ code, about }) => code === "NO_PROGRESS" && about === attempt.id);
    const stack = isToldOf
      ? null
      : (live?.attempts.find((other) => other.attempt === attempt.id)?.stack ?? null);
    const text =
      `${attempt.id} has run for ${formatDuration(ageMs)}; the median of its stage is ` +
      `${formatDuration(medianMs)} (${times(ageMs, medianMs)} as long). ${aboutBackup(question, attempt, stage, backup)}` +
      ` It is ${placeOf(found, attempt.task)}${label === null ? "" : `, and reads ${label}`}.`;
    return finding("STRAGGLER", text, {
      about: attempt.id,
      evidence: evidenceOf(backup === null ? [attempt] : [attempt, backup]),
      lines: stack === null ? [] : ["where it is now:", ...stackLines(stack)],
      details: {
        attempt: attempt.id,
        ageMs,
        medianMs,
        backup: backup?.id ?? null,
        stage: stage.index,
        split: label,
      },
      hint:
        stage.reads.length === 0
          ? "If it is the input, smaller splits (--split-size) divide it."
          : "If one key is much larger than the others, no number of partitions divides it.",
    });
  });
};

/** "5.2 times" as long; a median of nought has no multiples. */
const times = (ageMs: number, medianMs: number): string =>
  medianMs === 0 ? "very many times" : `${(ageMs / medianMs).toFixed(ageMs < 10 * medianMs ? 1 : 0)} times`;

const backupOf = (found: RunCase, { task, id }: AttemptCase): AttemptCase | null =>
  [...found.live()].find((other) => other.task === task && other.id !== id) ?? null;

function aboutBackup(
  question: Question,
  attempt: AttemptCase,
  stage: StageCase,
  backup: AttemptCase | null,
): string {
  const { case: found, now } = question;
  if (backup !== null) {
    return `A backup, ${backup.id}, has run for ${formatDuration(now - backup.assignedAt)}: the first to finish wins.`;
  }
  const { backupFactor, backupMinAgeMs, backupAfterShare, backupSlotShare } = found.limits;
  const finishedMin = Math.max(1, Math.floor(backupAfterShare * stage.tasks));
  if (stage.finished < finishedMin) {
    return (
      `It has no backup yet: ${stage.finished} of ${stage.tasks} tasks of its stage are finished, ` +
      `and backups begin at ${finishedMin}.`
    );
  }
  const dueMs =
    Math.max(backupMinAgeMs, Math.ceil(backupFactor * stage.medianMs!)) - (now - attempt.assignedAt);
  if (dueMs > 0) return `It gets a backup in ${formatDuration(dueMs)} if a slot is free then.`;
  const { total } = found.slots;
  if (!found.isOpen(stage)) return "It has no backup, since what its stage reads is being made again.";
  if (found.inFlight.size >= total) {
    return `It has no backup, since ${total === 1 ? "the only slot is" : `all ${total} slots are`} busy.`;
  }
  const backups = [...found.inFlight.values()].filter(({ isBackup }) => isBackup);
  const most = Math.max(1, Math.floor(backupSlotShare * total));
  if (backups.length >= most) {
    return `It has no backup, since at most ${most} of ${total} slots may run one: ${listed(backups.map(({ id }) => id))}.`;
  }
  return "A backup is about to start.";
}
