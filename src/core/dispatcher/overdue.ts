// Calls that wait in a slot behind one that takes far longer than expected.
//
// Two calls may be with a slot when the first proves long: the second would wait for it while younger ones run
// elsewhere. So a slot is overdue when what waits in it has waited out of proportion, and then it gives back all that it
// has not begun, and gets nothing until the long one has ended or is blocked.
//
// What is out of proportion: while this slot was busy with one call, each of the others has worked off `overdueMicros`,
// and eight times what the call that waits is itself expected to take. The clock is the work that is reported
// (SlotLedger.workedMicros), not time: it runs only while somebody else could have taken the call, is finer than a
// millisecond, and stands still while the main thread is busy and hears of nothing.
//
// Both are measured (bench/tails-sim.mjs). With less, slots run dry at high load, since the end of a call that was a
// little long finds nothing on deck; with more, calls wait longer behind the rare long one.
//
// Owner of: state.overdueLookMicros.
//
// Invariants
//   D8  In a slot that is overdue nothing waits that could be given back.

import { revoke, unbegunOf } from "./dispatch.ts";
import type { CallSlot } from "./slots.ts";
import type { DispatcherState } from "./state.ts";

const expectedFactor = 8;

/** A call has ended that took `micros`. */
export function worked(d: DispatcherState, micros: number): void {
  const { slots } = d;
  slots.work(micros);
  // Tiny calls end by the hundred thousand a second: not all of them need look at all slots.
  if (slots.workedMicros < d.overdueLookMicros) return;
  d.overdueLookMicros = slots.workedMicros + d.limits.heldMicros;
  for (const slot of slots) if (isOverdue(d, slot)) giveBackAll(d, slot);
}

function isOverdue({ slots, limits }: DispatcherState, slot: CallSlot): boolean {
  const waiting = slot.active[1];
  if (waiting === undefined || slot.isOverdue || slot.isEnding || !slot.canRevoke) return false;
  const others = slots.flowingSlots - 1;
  const patienceMicros = limits.overdueMicros + expectedFactor * waiting.expectedMicros;
  return others > 0 && slots.workedMicros - slot.firstSinceMicros > others * patienceMicros;
}

function giveBackAll(d: DispatcherState, slot: CallSlot): void {
  d.slots.becomeOverdue(slot);
  // The last first: what goes back to the front of the queue keeps its order.
  for (const call of unbegunOf(slot).reverse()) revoke(d, call);
}
