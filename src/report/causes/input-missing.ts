// INPUT_MISSING: a task found its input gone or changed. With what its earlier attempts ended by, since "it worked the
// first time" is what makes people wonder.

import { evidenceOf, failedIn, hasCause, labelOf, listed, messageOf, errorOf, placeOf } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";
import type { ErrorData } from "../../errors.ts";

const isGone = ({ code, properties }: ErrorData): boolean =>
  code === "INPUT_NOT_FOUND" ||
  code === "INPUT_CHANGED" ||
  (code === "INPUT_UNREADABLE" && properties?.["code"] === "ENOENT");

const isMissing = (error: ErrorData | undefined): boolean =>
  hasCause(error, isGone) ||
  (hasCause(error, ({ code }) => code === "INPUT_UNREADABLE") &&
    hasCause(error, ({ properties }) => properties?.["code"] === "ENOENT"));

export const inputMissing: Cause = (question) => {
  const { case: found, task } = question;
  const last = failedIn(question).find((attempt) => isMissing(errorOf(attempt)));
  const outcome = found.outcome?.kind === "failed" ? found.outcome : null;
  if (last === undefined) {
    if (outcome === null || !isMissing(outcome.error) || (task !== null && outcome.task !== task)) return [];
    return [
      finding("INPUT_MISSING", `Input is missing: ${messageOf(outcome.error)}.`, {
        about: outcome.task === null ? null : `t${outcome.task}`,
        evidence: evidenceOf([], [found.turningPoint]),
        hint,
        details: { task: outcome.task === null ? null : `t${outcome.task}`, attempt: null, earlier: [] },
      }),
    ];
  }
  const mine = found.tasks.get(last.task)!.attempts.filter(({ failure }) => failure !== null);
  const missing = mine.filter((attempt) => isMissing(errorOf(attempt)));
  const earlier = mine.filter(({ number }) => number < missing[0]!.number);
  const label = labelOf(found, last.task);
  const parts = [
    `${placeOf(found, last.task)} cannot read its input${label === null ? "" : ` ${label}`}: ${messageOf(errorOf(last))}` +
      ` (${listed(missing.map(({ id }) => id))}).`,
  ];
  if (earlier.length > 0) {
    parts.push(
      `${missing[0]!.id} was a retry: before it, ${listed(earlier.map(({ id }) => id))} failed` +
        ` for another reason (${messageOf(errorOf(earlier.at(-1)!))}), and the input went away meanwhile.`,
    );
  }
  return [
    finding("INPUT_MISSING", parts.join(" "), {
      about: `t${last.task}`,
      evidence: evidenceOf([...earlier, ...missing], [found.turningPoint]),
      hint,
      details: {
        task: `t${last.task}`,
        attempt: missing[0]!.id,
        attempts: missing.map(({ id }) => id),
        split: label,
        earlier: earlier.map(({ id }) => id),
      },
    }),
  ];
};

const hint = "Put the input back, or see what deletes or writes to it; then run the same command again.";
