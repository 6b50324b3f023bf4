// A worker that is paused, being silent or leaving, gets no new attempts.

import { must, type Checker } from "./checker.ts";

export const paused = (): Checker => ({
  name: "paused",
  before({ event, effects }, view) {
    const isHeard = event.kind === "WorkerResumed" ? event.worker : null;
    for (const effect of effects) {
      if (effect.kind !== "AssignAttempt") continue;
      const why = view.paused.get(effect.worker);
      must(
        why === undefined || (why === "silent" && effect.worker === isHeard),
        () => `${effect.attempt} is assigned to ${effect.worker}, which is ${why}`,
      );
    }
  },
});
