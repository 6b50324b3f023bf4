// The worker's invariants, checked over its whole state. Tests call this after every event.

import { invariant } from "../../base/assert.ts";
import { waitingMax } from "./queue.ts";
import type { WorkerState } from "./state.ts";
import { idleExitsMax } from "./slots.ts";

export function checkInvariants(w: WorkerState): void {
  const running = new Set<string>();
  for (const slot of w.slots) {
    const { number, mode, attempt, generation } = slot;
    const mayHave = mode === "busy" || mode === "aborting" || mode === "stopping";
    const mustHave = mode === "busy" || mode === "aborting";
    invariant(
      attempt === null ? !mustHave : mayHave,
      "W2",
      () => `slot ${number} is ${mode} with ${attempt}`,
    );
    invariant(attempt === null || !running.has(attempt), "W2", () => `${attempt} runs in two slots`);
    if (attempt !== null) running.add(attempt);
    invariant(generation >= 1, "W3", () => `slot ${number} is in generation ${generation}`);
    invariant(
      (mode === "aborting") === (slot.graceEndsAt !== null),
      "W6",
      () => `slot ${number} is ${mode} until ${slot.graceEndsAt}`,
    );
    invariant(
      mode !== "aborting" || slot.isAborted,
      "W2",
      () => `slot ${number} is aborting what was not aborted`,
    );
    invariant(
      slot.idleExits <= idleExitsMax,
      "W7",
      () => `slot ${number} ended ${slot.idleExits} times in a row`,
    );
    invariant(
      mode !== "ended" || w.isStopping,
      "W8",
      () => `slot ${number} ended for good and the worker does not stop`,
    );
    invariant(
      !w.isStopping || mode === "stopping" || mode === "ended",
      "W8",
      () => `slot ${number} is ${mode} while the worker stops`,
    );
  }
  const waiting = new Set(w.waiting);
  invariant(waiting.size === w.waiting.length, "W5", () => `an attempt waits twice: ${w.waiting.join(" ")}`);
  for (const attempt of waiting) invariant(!running.has(attempt), "W5", () => `${attempt} waits and runs`);
  invariant(w.waiting.length <= waitingMax(w), "W5", () => `${w.waiting.length} attempts wait`);
  invariant(
    w.waiting.length === 0 || w.slots.countIn("idle") === 0,
    "W4",
    () => `${w.waiting.join(" ")} wait beside an idle slot`,
  );
  invariant(
    w.waiting.length === 0 || !w.isStopping,
    "W5",
    () => `${w.waiting.join(" ")} wait while the worker stops`,
  );
  invariant(
    w.waiting.length === 0 || w.slots.countIn("down") < w.slots.count,
    "W7",
    () => `${w.waiting.join(" ")} wait for slots that are all down`,
  );
}
