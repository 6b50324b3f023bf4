// A time limit is kept: an attempt that has run for so long is examined, then told to stop, within a second.

import { must, type Checker } from "./checker.ts";

/** How long the coordinator waits to learn where an overdue attempt is. */
const examineMs = 1000;

/** `lateMsMax`: how late the coordinator's timer may be. */
export const timeLimits = (lateMsMax = Infinity): Checker => ({
  name: "time-limits",
  before({ event, effects, at }, view) {
    const { taskTimeoutMs } = view.spec.limits;
    if (taskTimeoutMs === null || event.kind === "JobSubmitted") return;
    for (const effect of effects) {
      if (effect.kind !== "ExamineAttempt") continue;
      const found = view.inFlight.get(effect.attempt);
      const ranMs = found?.startedAt == null ? -1 : at - found.startedAt;
      must(
        ranMs >= taskTimeoutMs,
        () => `${effect.attempt} is held to be overdue after ${ranMs} ms; its limit is ${taskTimeoutMs}`,
      );
    }
    for (const { attempt, startedAt, isCancelled } of view.inFlight.values()) {
      if (isCancelled || startedAt === null) continue;
      must(
        at - startedAt <= taskTimeoutMs + examineMs + lateMsMax,
        () =>
          `at ${event.kind} ${attempt} still runs after ${at - startedAt} ms; its limit is ${taskTimeoutMs}`,
      );
    }
  },
});
