// What no longer matters is told to stop, at once and once: rivals of the winner, and everything when the job ends.
// After its end nothing is ordered any more. And nothing is cancelled that is not in flight.

import { must, type Checker } from "./checker.ts";

export function toldToStop(): Checker {
  return {
    name: "told-to-stop",
    before({ event, effects }, view) {
      for (const [i, effect] of effects.entries()) {
        const isOver =
          event.kind !== "JobSubmitted" && (view.isFinished || effects[i - 1]?.kind === "FinishJob");
        must(!isOver || effect.kind === "EventIgnored", () => `${effect.kind} after the end`);
        if (effect.kind !== "CancelAttempt") continue;
        const found = view.inFlight.get(effect.attempt);
        must(
          found !== undefined && found.worker === effect.worker,
          () => `${effect.attempt} is cancelled at ${effect.worker}, and not in flight there`,
        );
        must(!found.isCancelled, () => `${effect.attempt} is told to stop a second time`);
      }
    },
    after({ event, effects }, view) {
      for (const { attempt, task, isCancelled } of view.inFlight.values()) {
        if (isCancelled) continue;
        must(!view.isEnding, () => `${attempt} goes on after ${event.kind}, though the job is ending`);
        must(
          !view.counts.has(task),
          () => `${attempt} goes on after ${event.kind}, though ${view.counts.get(task)?.attempt} has won`,
        );
      }
      for (const effect of effects) {
        if (
          effect.kind !== "FinishJob" ||
          effect.outcome.kind === "succeeded" ||
          event.kind === "CommitFailed"
        )
          continue;
        must(
          view.inFlight.size === 0,
          () => `the job is over, and ${[...view.inFlight.keys()].join(" ")} still in flight`,
        );
      }
    },
  };
}
