// TASK_FAILED, JOB_FAILED: what ended a failed job, where no cause before this one has explained it.

import { count, errorOf, evidenceOf, listed, messageOf, placeOf, labelOf } from "./attempts.ts";
import { finding, type Cause, type FindingCode } from "./finding.ts";

/** Findings that say why a task failed. */
const explanations: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "INPUT_MISSING",
  "MEMORY_EXHAUSTED",
  "POISON_TASK",
  "TIME_LIMIT",
  "DISK_FULL",
]);

export const taskFailed: Cause = ({ case: found, task: asked, found: earlier }) => {
  const { outcome } = found;
  if (outcome?.kind !== "failed") return [];
  const { task, error } = outcome;
  if (asked !== null && asked !== task) return [];
  const about = task === null ? null : `t${task}`;
  if (earlier.some((other) => explanations.has(other.code) && other.about === about)) return [];
  const codes = { code: error.code ?? error.name, cause: error.cause?.code ?? error.cause?.name ?? null };
  if (task === null) {
    return [
      finding("JOB_FAILED", `The job failed: ${messageOf(error)}.`, {
        evidence: evidenceOf([], [found.turningPoint]),
        details: codes,
        hint: error.hint ?? null,
      }),
    ];
  }
  const failed = (found.tasks.get(task)?.attempts ?? []).filter(({ failure }) => failure !== null);
  const tried =
    failed.length > 1
      ? ` after ${count(failed.length, "attempt")} (${listed(failed.map(({ id }) => id))})`
      : "";
  const label = labelOf(found, task);
  const last = failed.at(-1);
  const why = last === undefined ? error : (errorOf(last) ?? error);
  const isFinal = last?.failure?.kind === "error" && last.failure.final;
  return [
    finding(
      "TASK_FAILED",
      `${placeOf(found, task)} failed for good${tried}: ${messageOf(why)}.` +
        (isFinal ? " Trying again could not have changed that." : "") +
        (label === null ? "" : ` It read ${label}.`),
      {
        about,
        evidence: evidenceOf(failed, [found.turningPoint]),
        details: { task: about, attempts: failed.length, split: label, isFinal, ...codes },
        hint: why.hint ?? error.hint ?? null,
      },
    ),
  ];
};
