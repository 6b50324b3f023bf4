// Who runs next, and where: at the end of every event.
//
// Rules
//   The call: the highest priority first, in each first come, first served.
//   The slot: of those that have room (slots.ts) one that is idle, else the one with the least work.
//   When nothing waits and a slot is idle, it gets what waits behind others in slots: half of what the slot has not
//   begun that holds the most, the oldest first (work stealing; Blumofe and Leiserson, 1999). So after no event is a
//   slot idle while a call could begin there, or is on its way back: a slot that is far away answers later, and nothing
//   more is asked back while as many are on their way as slots are idle. Nobody waits for an answer longer than its grace.
//   What waits behind a call that takes far longer than expected is taken back even if no slot is idle: overdue.ts.

import type { Call } from "./calls.ts";
import type { CallSlot } from "./slots.ts";
import type { DispatcherState } from "./state.ts";

export function dispatch(d: DispatcherState): void {
  const { queue, slots, calls, estimates } = d;
  for (let call = queue.first; call !== null; call = queue.first) {
    const slot = slots.pick();
    if (slot === null) return;
    queue.remove(call);
    calls.move(call, "held");
    slots.hold(slot, call, estimates.of(call.target, call.items));
    d.effects.push({ kind: "StartCall", call: call.call, slot: slot.slot });
  }
  steal(d);
}

function steal(d: DispatcherState): void {
  const { idleSlots } = d.slots;
  if (idleSlots === 0) return;
  // Again after the grace: one that does not answer keeps nobody from asking others.
  while (idleSlots > d.calls.returningCalls || d.now - d.stolenAt >= d.limits.answerGraceMs) {
    const most = heldMost(d);
    if (most.length === 0) return;
    d.stolenAt = d.now;
    for (const call of most.slice(0, Math.ceil(most.length / 2))) revoke(d, call);
  }
}

/** What the slot may not have begun that has the most of that. */
function heldMost(d: DispatcherState): readonly Call[] {
  let most: readonly Call[] = [];
  for (const slot of d.slots) {
    if (!slot.canRevoke || slot.active.length - 1 < Math.max(1, most.length)) continue;
    const unbegun = unbegunOf(slot);
    if (isBetter(unbegun, most)) most = unbegun;
  }
  return most;
}

/** Of equally many the one whose first is older. */
const isBetter = (a: readonly Call[], b: readonly Call[]): boolean =>
  a.length > b.length || (a.length === b.length && a.length > 0 && a[0]!.call < b[0]!.call);

/** What it may not have begun, and can give back: not the first, which it has begun as far as is known. */
export const unbegunOf = (slot: CallSlot): Call[] =>
  slot.active.slice(1).filter(({ place, isKept }) => place === "held" && !isKept);

/** Asks for a call back. */
export function revoke(d: DispatcherState, call: Call): void {
  d.calls.move(call, "revoking");
  const isEnding = call.ending !== null;
  d.effects.push({ kind: "RevokeCall", call: call.call, slot: call.slot!.slot, isEnding });
}
