// One commit per job, of exactly one finished attempt per task of each last stage, in task order; success if and only if
// it was published; nothing is published of a job that failed or was cancelled.

import { must, type Checker } from "./checker.ts";
import type { View } from "./view.ts";

export function oneCommit(): Checker {
  let ordered = 0;
  let isPublished = false;
  return {
    name: "one-commit",
    after({ event, effects, isIgnored }, view) {
      if (event.kind === "JobSubmitted" && !isIgnored) ordered = 0;
      if (event.kind === "OutputCommitted" && !isIgnored) isPublished = true;
      for (const effect of effects) {
        if (effect.kind === "CommitOutput") {
          must(++ordered === 1, () => "the output is committed a second time");
          const due = winnersOf(view);
          must(
            due.join(" ") === effect.winners.join(" "),
            () => `${effect.winners.join(" ")} are committed; what counts is ${due.join(" ")}`,
          );
        }
        if (effect.kind === "FinishJob" && effect.outcome.kind === "succeeded") {
          must(
            event.kind === "OutputCommitted" && ordered === 1,
            () => `the job succeeds by ${event.kind}, after ${ordered} commits`,
          );
        }
      }
    },
    end({ commits, outcome }) {
      must(commits.length <= 1, () => `the output was published ${commits.length} times`);
      must(
        outcome?.kind !== "succeeded" || commits.length === 1,
        () => "the job succeeded and published nothing",
      );
      must(
        outcome === null || outcome.kind === "succeeded" || commits.length === 0,
        () => `the job ${outcome?.kind} and published its output`,
      );
      must(!isPublished || commits.length === 1, () => "the job was told of a commit that was none");
    },
  };
}

function winnersOf(view: View): string[] {
  return view.sinks
    .filter((stage) => view.spec.stages[stage]!.output === "kept")
    .flatMap((stage) =>
      view.tasksOf(stage).map((task) => view.counts.get(task)?.attempt ?? `t${task} (unfinished)`),
    );
}
