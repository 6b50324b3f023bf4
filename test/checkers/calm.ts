// In a world in which nothing goes wrong nothing is done twice: every task has one attempt, but for backups; nothing is
// lost, retried or made again; nothing said is ignored; and the job succeeds.

import { must, type Checker } from "./checker.ts";
import { taskOf } from "./view.ts";

export function calm(): Checker {
  const attempts = new Map<number, number>();
  return {
    name: "calm",
    before({ event, effects }, view) {
      must(
        (event.kind !== "WorkerLost" && event.kind !== "AttemptFailed") ||
          view.isEnding ||
          isOfBackup(event, view),
        () => `${event.kind}, and nothing went wrong`,
      );
      for (const effect of effects) {
        if (effect.kind === "NoteDecision")
          must(
            effect.note.kind !== "retried" && effect.note.kind !== "output-remade",
            () => `${effect.note.kind}, and nothing went wrong`,
          );
        if (effect.kind === "AssignAttempt" && !effect.isBackup) {
          const task = taskOf(effect.attempt);
          must(
            !attempts.has(task),
            () => `${effect.attempt} is assigned, and nothing went wrong with t${task}`,
          );
          attempts.set(task, 1);
        }
      }
    },
    end({ outcome }) {
      must(outcome?.kind === "succeeded", () => `the job ${outcome?.kind}, and nothing went wrong`);
    },
  };
}

function isOfBackup(
  event: { kind: string; attempt?: unknown },
  view: { inFlight: ReadonlyMap<unknown, { isCancelled: boolean }> },
): boolean {
  return view.inFlight.get(event.attempt)?.isCancelled === true;
}
