// DISK_FULL: writing failed since no space was left, in an attempt or at the commit.

import type { ErrorData } from "../../errors.ts";
import { errorOf, evidenceOf, failedIn, hasCause, messageOf, placeOf } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

const full = new Set(["ENOSPC", "EDQUOT"]);
const isFull = (error: ErrorData | undefined): boolean =>
  hasCause(
    error,
    ({ properties, message, details }) =>
      [properties?.["code"], details?.["errno"]].some((code) => full.has(String(code))) ||
      /\b(ENOSPC|EDQUOT)\b/.test(message),
  );

export const diskFull: Cause = (question) => {
  const { case: found, task } = question;
  const attempts = failedIn(question).filter((attempt) => isFull(errorOf(attempt)));
  const outcome = found.outcome?.kind === "failed" && isFull(found.outcome.error) ? found.outcome : null;
  const last = attempts[0];
  if (last === undefined && (outcome === null || (task !== null && outcome.task !== task))) return [];
  const where =
    last !== undefined
      ? `${placeOf(found, last.task)} could not write`
      : outcome!.task === null
        ? "the output could not be published"
        : `${placeOf(found, outcome!.task)} could not write`;
  const error = last === undefined ? outcome!.error : errorOf(last);
  const about = last?.task ?? outcome?.task ?? null;
  return [
    finding("DISK_FULL", `A disk is full: ${where}: ${messageOf(error)}.`, {
      about: about === null ? null : `t${about}`,
      evidence: evidenceOf(attempts, [found.turningPoint]),
      details: { attempts: attempts.map(({ id }) => id), output: found.opened?.output ?? null },
      hint: "Make space on the disk of the output and of the state directory (--state), and run the same command again.",
    }),
  ];
};
