// No slot has two attempts, no worker more than it has slots, and nothing is assigned to who is not here.

import type { AttemptId } from "../../src/base/ids.ts";
import type { WorkerEffect, WorkerEvent } from "../../src/core/worker/events.ts";
import { must, type Checker } from "./checker.ts";

interface SlotSeen {
  readonly generation: number;
  isReady: boolean;
  attempt: AttemptId | null;
}

export function slotLimits(): Checker {
  const slots = new Map<string, SlotSeen>();
  return {
    name: "slot-limits",
    entry({ machine, body, type }) {
      if (machine === "coordinator") return;
      if (type === "effect") seeOrder(slots, machine, body as WorkerEffect);
      else seeEvent(slots, machine, body as WorkerEvent);
    },
    after({ effects }, view) {
      const taken = new Map<string, number>();
      for (const { worker } of view.inFlight.values()) taken.set(worker, (taken.get(worker) ?? 0) + 1);
      for (const effect of effects) {
        if (effect.kind !== "AssignAttempt") continue;
        const { worker, attempt } = effect;
        must(view.workers.has(worker), () => `${attempt} is assigned to ${worker}, which is not here`);
        must(
          taken.get(worker)! <= view.workers.get(worker)!,
          () =>
            `${worker} has ${taken.get(worker)} attempts, ${attempt} among them, and ${view.workers.get(worker)} slots`,
        );
      }
    },
  };
}

function seeOrder(slots: Map<string, SlotSeen>, machine: string, effect: WorkerEffect): void {
  if (effect.kind === "StartSlot") {
    const name = `${machine}/s${effect.slot}`;
    const before = slots.get(name);
    must(
      before === undefined || effect.generation > before.generation,
      () => `${name} starts in generation ${effect.generation} again`,
    );
    slots.set(name, { generation: effect.generation, isReady: false, attempt: null });
  } else if (effect.kind === "RunAttempt") {
    const name = `${machine}/s${effect.slot}`;
    const slot = slots.get(name);
    must(
      slot !== undefined && slot.generation === effect.generation && slot.isReady,
      () => `${effect.attempt} runs on ${name}, which is not ready`,
    );
    must(slot.attempt === null, () => `${effect.attempt} runs on ${name} beside ${slot.attempt}`);
    slot.attempt = effect.attempt;
  }
}

function seeEvent(slots: Map<string, SlotSeen>, machine: string, event: WorkerEvent): void {
  if (!("generation" in event)) return;
  const slot = slots.get(`${machine}/s${event.slot}`);
  if (slot === undefined || slot.generation !== event.generation) return;
  if (event.kind === "SlotReady") slot.isReady = true;
  if (event.kind === "SlotExited") {
    slot.isReady = false;
    slot.attempt = null;
  }
  if ((event.kind === "SlotFinished" || event.kind === "SlotFailed") && slot.attempt === event.attempt)
    slot.attempt = null;
}
