// Slots that have got calls are woken once, after all that is called in one go.
//
// Owner of: which slots are to be woken.

import type { CallSlot } from "./call-slot.ts";

export class Wakes {
  private readonly slots = new Set<CallSlot>();

  add(slot: CallSlot): void {
    if (this.slots.size === 0) queueMicrotask(() => this.wake());
    this.slots.add(slot);
  }

  private wake(): void {
    for (const slot of this.slots) slot.wake();
    this.slots.clear();
  }
}
