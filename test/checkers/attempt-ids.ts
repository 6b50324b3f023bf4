// An attempt id is used once for all time: over all incarnations of the job nothing is assigned twice under one id, and
// nothing runs twice. (But an id may be used again if nothing at all is left of its first use: neither a process nor a
// record, as after a power failure.)

import type { AttemptId } from "../../src/base/ids.ts";
import { must, type Checker } from "./checker.ts";
import { taskOf } from "./view.ts";

/** `isForgotten`: nothing is left of the attempt's first use. */
export function attemptIds(isForgotten: (attempt: AttemptId) => boolean = () => false): Checker {
  const assigned = new Map<AttemptId, string>();
  const ran = new Set<AttemptId>();
  return {
    name: "attempt-ids",
    entry({ type, body, machine }) {
      if (type !== "effect") return;
      if (body.kind === "RunAttempt") {
        must(
          !ran.has(body.attempt) || isForgotten(body.attempt),
          () => `${body.attempt} runs a second time, at ${machine}`,
        );
        must(
          assigned.get(body.attempt) === machine,
          () => `${body.attempt} runs at ${machine}, and was assigned to ${assigned.get(body.attempt)}`,
        );
        ran.add(body.attempt);
      }
      if (body.kind !== "AssignAttempt") return;
      must(
        !assigned.has(body.attempt) || isForgotten(body.attempt),
        () => `${body.attempt} is assigned a second time`,
      );
      assigned.set(body.attempt, body.worker);
    },
    before({ effects }, view) {
      for (const effect of effects) {
        if (effect.kind !== "AssignAttempt") continue;
        const task = taskOf(effect.attempt);
        must(
          view.stageOf(task) === effect.stage && view.firsts[effect.stage]! + effect.index === task,
          () => `${effect.attempt} is not task ${effect.index} of stage ${effect.stage}`,
        );
      }
    },
  };
}
