// Errors are honest: a job fails only if a budget was really used up (counted here again, from the events), it then does
// fail, and the error says which task, which budget, and how it went the last time.

import type { JobOutcome } from "../../src/core/types.ts";
import { must, type Checker } from "./checker.ts";
import type { Charges, View } from "./view.ts";

export function honestErrors(): Checker {
  let commitFailure: string | null = null;
  let cancelReason: string | null = null;
  return {
    name: "honest-errors",
    after({ event, effects, isIgnored }, view) {
      if (event.kind === "JobSubmitted" && !isIgnored) commitFailure = cancelReason = null;
      if (event.kind === "CommitFailed" && !isIgnored) commitFailure = event.error.message;
      if (event.kind === "CancelRequested" && !isIgnored) cancelReason = event.reason;
      for (const effect of effects) {
        if (effect.kind === "AssignAttempt")
          must(!view.isEnding, () => `${effect.attempt} is assigned, though the job is ending`);
        if (effect.kind === "FinishJob") checkOutcome(effect.outcome, view, commitFailure, cancelReason);
      }
    },
  };
}

function checkOutcome(
  outcome: JobOutcome,
  view: View,
  commitFailure: string | null,
  cancelReason: string | null,
): void {
  const used = [...view.charges].filter(([, charges]) => view.isUsedUp(charges));
  switch (outcome.kind) {
    case "succeeded":
      must(used.length === 0, () => `the job succeeds, though the budget of t${used[0]?.[0]} is used up`);
      must(cancelReason === null, () => "the job succeeds, though it was cancelled");
      return;
    case "cancelled":
      must(
        cancelReason === outcome.reason,
        () => `the job is cancelled "${outcome.reason}"; the reason given was ${cancelReason}`,
      );
      return;
    case "failed": {
      const { task, error } = outcome;
      if (task === null) {
        must(
          commitFailure !== null && error.message.includes(commitFailure),
          () => `the job fails without a task: ${error.message}`,
        );
        return;
      }
      const [culprit] = used.filter(([candidate]) => candidate === task);
      must(
        culprit !== undefined,
        () =>
          `the job fails by t${task} (${error.code} ${error.message}), no budget of which is used up: ${JSON.stringify(view.charges.get(task))}`,
      );
      checkCode(error.code ?? error.name, error.message, culprit[1], view);
    }
  }
}

function checkCode(code: string, message: string, charges: Charges, view: View): void {
  const { errorAttemptsMax, lossAttemptsMax, poisonLossesMax } = view.spec.limits;
  const says = (times: number): boolean => message.includes(times === 1 ? " once," : ` ${times} times`);
  if (charges.isFinal) return;
  if (code === "POISON_TASK") {
    must(
      charges.lossesInRow >= poisonLossesMax && says(charges.lossesInRow),
      () => `"${message}" of ${charges.lossesInRow} losses in a row`,
    );
  } else {
    must(code === "ATTEMPTS_EXHAUSTED", () => `the code is ${code}`);
    const isTrue =
      (charges.errors >= errorAttemptsMax && says(charges.errors)) ||
      (charges.losses >= lossAttemptsMax && says(charges.losses)) ||
      (charges.inputLosses > lossAttemptsMax && says(charges.inputLosses));
    must(isTrue, () => `"${message}", and charged are ${JSON.stringify(charges)}`);
  }
}
