// MEMORY_EXHAUSTED: slots that ended since a heap, buffers or the process grew too large.

import type { ErrorData } from "../../errors.ts";
import {
  chainOf,
  count,
  errorOf,
  evidenceOf,
  failedIn,
  hasCause,
  listed,
  messageOf,
  placeOf,
} from "./attempts.ts";
import { certificateIn, certificateLines } from "./certificates.ts";
import { finding, type Cause } from "./finding.ts";

const isOut = (error: ErrorData | undefined): boolean =>
  hasCause(error, ({ code, details }) => {
    const certificate = details?.["certificate"] as { outOfMemory?: unknown } | undefined;
    return code === "OUT_OF_MEMORY" || (certificate?.outOfMemory ?? null) !== null;
  });

export const memoryExhausted: Cause = (question) => {
  const { case: found } = question;
  const attempts = failedIn(question).filter((attempt) => isOut(errorOf(attempt)));
  return [...new Set(attempts.map(({ task }) => task))].slice(0, 3).map((task) => {
    const mine = attempts.filter((attempt) => attempt.task === task);
    const last = mine[0]!;
    const certificate = certificateIn(errorOf(last));
    const error = [...chainOf(errorOf(last))].find(({ code }) => code === "OUT_OF_MEMORY") ?? errorOf(last);
    const text =
      `${placeOf(found, task)} ran out of memory in ${count(mine.length, "attempt")}` +
      ` (${listed(mine.map(({ id }) => id).toReversed())}): ${messageOf(error)}.`;
    return finding("MEMORY_EXHAUSTED", text, {
      about: `t${task}`,
      lines: certificate === null ? [] : certificateLines(certificate),
      evidence: evidenceOf(mine, [found.turningPoint]),
      details: {
        task: `t${task}`,
        attempts: mine.map(({ id }) => id).toReversed(),
        memoryBytes: found.opened?.memoryBytes ?? null,
        slots: found.slots.total,
        outOfMemory: certificate?.outOfMemory ?? null,
      },
      hint: "Make the splits smaller (--split-size), use fewer --slots, raise --memory, or keep less in the function.",
    });
  });
};
