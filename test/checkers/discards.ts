// What lost is deleted, what counts is not: the output of every attempt that ended for nothing is discarded where it is,
// and no output that counts, or is still being written, ever is.

import type { AttemptId, WorkerId } from "../../src/base/ids.ts";
import { must, type Checker } from "./checker.ts";

export function discards(): Checker {
  let due: { readonly attempt: AttemptId; readonly worker: WorkerId } | null = null;
  return {
    name: "discards",
    before({ event }, view) {
      due = null;
      if (view.isFinished) return;
      if (event.kind !== "AttemptFinished" && event.kind !== "AttemptFailed") return;
      const ended = view.subject(event);
      if (ended !== null && (event.kind === "AttemptFailed" || ended.isCancelled)) due = ended;
    },
    after({ effects }, view) {
      for (const effect of effects) {
        if (effect.kind !== "DiscardOutput") continue;
        const { attempt, worker } = effect;
        if (attempt === due?.attempt) due = null;
        must(!view.inFlight.has(attempt), () => `${attempt} is discarded while it runs`);
        for (const output of view.counts.values())
          must(output.attempt !== attempt, () => `${attempt} is discarded, and counts`);
        must(view.workers.has(worker), () => `${attempt} is to be discarded at ${worker}, which is not here`);
      }
      must(due === null, () => `${due?.attempt} ended for nothing at ${due?.worker}, and was not discarded`);
    },
  };
}
