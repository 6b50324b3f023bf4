// One winner per task: the end of an attempt decides something if and only if it is in flight at that worker and was not
// told to stop. Whatever else is said (stale, doubled, by the wrong worker) is ignored, and said to be.

import { must, type Checker } from "./checker.ts";

export const oneWinner = (): Checker => ({
  name: "one-winner",
  before({ event, isIgnored }, view) {
    if (event.kind === "JobSubmitted") return;
    if (view.isFinished) {
      must(isIgnored, () => `${event.kind} after the end was not ignored`);
    } else if (event.kind === "AttemptFinished") {
      const ended = view.subject(event);
      const decides = ended !== null && !ended.isCancelled;
      must(
        decides || isIgnored,
        () => `${event.attempt} at ${event.worker} decides nothing any more, and was not ignored`,
      );
      must(!decides || !isIgnored, () => `${event.attempt} at ${event.worker} has finished, and was ignored`);
      must(
        !decides || !view.counts.has(ended.task),
        () => `${event.attempt} finishes a task whose output ${view.counts.get(ended!.task)?.attempt} counts`,
      );
    } else if (event.kind === "AttemptFailed") {
      const ended = view.subject(event);
      must(
        ended !== null || isIgnored,
        () => `${event.attempt} at ${event.worker} is not in flight, and its failure was not ignored`,
      );
      must(
        ended === null || ended.isCancelled || !isIgnored,
        () => `${event.attempt} at ${event.worker} has failed, and was ignored`,
      );
    } else if (event.kind === "WorkerLost") {
      must(
        view.workers.has(event.worker) !== isIgnored,
        () => `the loss of ${event.worker} was ${isIgnored ? "" : "not "}ignored`,
      );
    } else if (event.kind === "WorkerJoined") {
      const isKnown = view.workers.has(event.worker) || view.lostWorkers.has(event.worker);
      must(!isKnown || isIgnored, () => `${event.worker} joins, and was here before`);
    }
  },
});
