// The dispatcher's invariants, checked over its whole state. Tests call this after every event. (D1 is asserted by
// the witness of the fuzz test, D3 where a slot gets a call.)

import { invariant } from "../../base/assert.ts";
import { unbegunOf } from "./dispatch.ts";
import { isTaking, type CallSlot } from "./slots.ts";
import type { DispatcherState } from "./state.ts";

export function checkInvariants(d: DispatcherState): void {
  let waiting = 0;
  let withSlots = 0;
  for (const call of d.calls) {
    const { place, slot, queuePlace } = call;
    const name = (): string => `c${call.call}, which is ${place}`;
    if (place === "waiting") {
      waiting++;
      invariant(queuePlace !== null && slot === null, "D2", () => `${name()}, is not in the queue alone`);
    } else {
      withSlots++;
      const holders = slot === null ? 0 : Number(slot.active.includes(call)) + Number(slot.blocked.has(call));
      invariant(queuePlace === null && holders === 1, "D2", () => `${name()}, is with ${holders} slots`);
      invariant(call.isBlocked === slot!.blocked.has(call), "D2", () => `${name()}, is blocked or not`);
    }
    invariant(
      (place === "aborting" || (place === "revoking" && call.ending !== null)) ===
        (call.graceEndsAt !== null),
      "D6",
      () => `${name()}, has grace until ${call.graceEndsAt}`,
    );
  }
  invariant(d.queue.size === waiting, "D2", () => `${d.queue.size} are queued and ${waiting} wait`);
  const returning = [...d.calls].filter(
    ({ place, ending }) => place === "revoking" && ending === null,
  ).length;
  invariant(
    returning === d.calls.returningCalls,
    "D7",
    () => `${d.calls.returningCalls} calls are counted as on their way back, ${returning} are`,
  );
  let held = 0;
  let blocked = 0;
  for (const slot of d.slots) {
    const { active } = slot;
    held += active.length + slot.blocked.size;
    blocked += slot.blocked.size;
    invariant(
      waiting === 0 || !d.slots.hasRoom(slot),
      "D4",
      () => `${waiting} calls wait and s${slot.slot} has room`,
    );
    invariant(
      !slot.isOverdue || unbegunOf(slot).length === 0,
      "D8",
      () => `s${slot.slot} is overdue and keeps ${unbegunOf(slot).length} calls that it has not begun`,
    );
    const isStealable = (): boolean =>
      active.slice(1).some(({ place, isKept }) => place === "held" && !isKept);
    invariant(
      !slot.canRevoke ||
        !isTaking(slot) ||
        active.length < 2 ||
        !isStealable() ||
        d.slots.idleSlots <= returning,
      "D7",
      () => `s${slot.slot} holds ${active.length} calls beside an idle slot`,
    );
  }
  invariant(held === withSlots, "D2", () => `slots hold ${held} calls and ${withSlots} are with slots`);
  invariant(
    blocked === d.slots.blockedCalls,
    "D2",
    () => `${d.slots.blockedCalls} are counted as blocked, ${blocked} are`,
  );
  for (const slot of d.slots.leaving) {
    const held = slot.active.length + slot.blocked.size;
    invariant(held > 0 && !slot.isEnding, "D9", () => `s${slot.slot} leaves with ${held} calls`);
  }
  const idle = [...d.slots].filter(isIdle).length;
  invariant(
    idle === d.slots.idleSlots,
    "D7",
    () => `${d.slots.idleSlots} slots are counted as idle, ${idle} are`,
  );
  const flowing = [...d.slots].filter(({ isOverdue }) => !isOverdue).length;
  invariant(flowing === d.slots.flowingSlots, "D8", () => `the count of slots that are overdue is wrong`);
  const withRoom = [...d.slots].some((slot) => d.slots.hasRoom(slot));
  invariant(withRoom === (d.slots.pick() !== null), "D4", () => "the count of slots with room is wrong");
}

const isIdle = (slot: CallSlot): boolean => slot.active.length === 0 && isTaking(slot);
