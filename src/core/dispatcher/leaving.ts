// Slots that are wanted elsewhere: they get nothing more, give back what they have not begun, and are ended when what they
// have begun has ended. So nothing is lost, and nobody waits for longer than a call takes.
//
// Invariants
//   D9  A slot that leaves, and holds nothing, has been told to end.

import { revoke, unbegunOf } from "./dispatch.ts";
import type { CallSlot } from "./slots.ts";
import type { DispatcherState } from "./state.ts";

export function slotLeaving(d: DispatcherState, slot: CallSlot): void {
  if (slot.isEnding || slot.isLeaving) return;
  d.slots.becomeLeaving(slot);
  if (!slot.canRevoke) return; // it holds one, or what had been blocked
  // The last first: what goes back to the front of the queue keeps its order.
  for (const call of unbegunOf(slot).reverse()) revoke(d, call);
}

/** Ends those that hold nothing any more. */
export function endLeaving(d: DispatcherState): void {
  for (const slot of d.slots.leaving) {
    if (slot.active.length + slot.blocked.size > 0) continue;
    d.slots.becomeEnding(slot);
    d.effects.push({ kind: "TerminateSlot", slot: slot.slot, why: "it is wanted elsewhere" });
  }
}
