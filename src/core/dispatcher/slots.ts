// Slot ledger of the pool: which calls each slot holds, and who has room.
//
// A slot takes the calls that it holds in order, one at a time; the first is under way. More than one is held so that it
// need not wait for the dispatcher between two: two of any length, or as many as are expected to take `heldMicros`
// together (bounded shortest queue). What has not begun can be asked back when another slot runs dry (dispatch.ts), so
// nobody waits behind a long call while a slot is idle. A slot that cannot give back holds one. One that is far away can,
// but its answer takes a while: until then it has the call.
//
// A call that is blocked counts for nothing: its slot takes others meanwhile, so that calls that wait for calls cannot
// fill the pool.
//
// Owner of: the slots.
//
// Invariants
//   D3  A slot gets a call only while it has room. (One that was blocked and goes on may make it hold more.)
//   D4  Nothing waits in the queue while a slot has room.

import { invariant } from "../../base/assert.ts";
import type { Call } from "./calls.ts";
import type { CallSlotNumber, DispatcherLimits } from "./events.ts";

export interface CallSlot {
  readonly slot: CallSlotNumber;
  readonly canRevoke: boolean;
  /** Not blocked, in the order of starting. */
  readonly active: Call[];
  readonly blocked: Set<Call>;
  /** What the active ones are expected to take. */
  activeMicros: number;
  /** How much work the pool had done when the first of the active ones became the first. */
  firstSinceMicros: number;
  /** The first takes far longer than was expected (overdue.ts): nothing is put behind it. */
  isOverdue: boolean;
  /** It is ended when it holds nothing any more (leaving.ts): it gets nothing. */
  isLeaving: boolean;
  /** It was told to end: it gets nothing any more. */
  isEnding: boolean;
}

export class SlotLedger {
  private readonly limits: DispatcherLimits;
  private readonly slots = new Map<CallSlotNumber, CallSlot>();
  /** For picking, in order of joining. */
  private list: CallSlot[] = [];
  /** Those that leave, and have not been told to end. */
  readonly leaving = new Set<CallSlot>();
  private withRoom = 0;
  private idle = 0;
  private overdue = 0;
  private worked = 0;
  private blockedCount = 0;
  private lastSlot = -1;

  constructor(limits: DispatcherLimits) {
    this.limits = limits;
  }

  get blockedCalls(): number {
    return this.blockedCount;
  }

  /** Slots that hold nothing that is active, and may get something. */
  get idleSlots(): number {
    return this.idle;
  }

  /** Slots that go on from call to call. */
  get flowingSlots(): number {
    return this.list.length - this.overdue;
  }

  /** What all calls took that have ended: the clock of what is overdue. */
  get workedMicros(): number {
    return this.worked;
  }

  get(slot: CallSlotNumber): CallSlot | undefined {
    return this.slots.get(slot);
  }

  [Symbol.iterator](): IterableIterator<CallSlot> {
    return this.list.values();
  }

  /** Null: the number was used before. */
  join(slot: CallSlotNumber, canRevoke: boolean): CallSlot | null {
    if (!Number.isSafeInteger(slot) || slot <= this.lastSlot) return null;
    this.lastSlot = slot;
    const record: CallSlot = {
      slot,
      canRevoke,
      active: [],
      blocked: new Set(),
      activeMicros: 0,
      firstSinceMicros: this.worked,
      isOverdue: false,
      isLeaving: false,
      isEnding: false,
    };
    this.slots.set(slot, record);
    this.list.push(record);
    this.withRoom++;
    this.idle++;
    return record;
  }

  /** Takes the slot out. It holds nothing any more. */
  leave(slot: CallSlot): void {
    invariant(
      slot.active.length + slot.blocked.size === 0,
      "D2",
      () => `s${slot.slot} leaves with ${slot.active.length} calls`,
    );
    this.withdraw(slot);
    this.leaving.delete(slot);
    this.slots.delete(slot.slot);
    this.list = this.list.filter((other) => other !== slot);
  }

  becomeLeaving(slot: CallSlot): void {
    this.withdraw(slot);
    slot.isLeaving = true;
    this.leaving.add(slot);
  }

  becomeEnding(slot: CallSlot): void {
    this.withdraw(slot);
    this.leaving.delete(slot);
    slot.isEnding = true;
  }

  /** Until its first call has ended. */
  becomeOverdue(slot: CallSlot): void {
    const before = this.hasRoom(slot);
    slot.isOverdue = true;
    this.overdue++;
    this.recount(slot, before);
  }

  /** A call has ended that took so long. */
  work(micros: number): void {
    this.worked += micros;
  }

  hasRoom(slot: CallSlot): boolean {
    const { active, activeMicros, canRevoke, isOverdue } = slot;
    const held = active.length;
    if (held === 0 || !isTaking(slot)) return isTaking(slot);
    if (!canRevoke || isOverdue || held >= this.limits.heldMax) return false;
    return held === 1 || activeMicros < this.limits.heldMicros;
  }

  /** The slot with room that holds the least work; null if none has room. */
  pick(): CallSlot | null {
    if (this.withRoom === 0) return null;
    let best: CallSlot | null = null;
    for (const slot of this.list) {
      if (!this.hasRoom(slot)) continue;
      if (slot.active.length === 0) return slot;
      if (best === null || slot.activeMicros < best.activeMicros) best = slot;
    }
    return best;
  }

  hold(slot: CallSlot, call: Call, expectedMicros: number): void {
    const before = this.hasRoom(slot);
    invariant(before, "D3", () => `s${slot.slot} gets c${call.call} without room`);
    call.slot = slot;
    call.expectedMicros = expectedMicros;
    if (slot.active.length === 0) {
      this.idle--;
      this.becomeFirst(slot);
    }
    slot.active.push(call);
    slot.activeMicros += expectedMicros;
    this.recount(slot, before);
  }

  /** The slot has it no more. */
  release(call: Call): void {
    const { slot } = call;
    invariant(slot !== null, "D2", () => `c${call.call} is with no slot`);
    if (call.isBlocked) {
      slot.blocked.delete(call);
      this.blockedCount--;
      call.isBlocked = false;
    } else this.deactivate(slot, call);
    call.slot = null;
  }

  block(call: Call): void {
    const slot = call.slot!;
    this.deactivate(slot, call);
    call.isBlocked = true;
    slot.blocked.add(call);
    this.blockedCount++;
  }

  /** It goes on, beside what its slot took meanwhile. */
  unblock(call: Call): void {
    const slot = call.slot!;
    const before = this.hasRoom(slot);
    slot.blocked.delete(call);
    this.blockedCount--;
    call.isBlocked = false;
    if (slot.active.length === 0 && isTaking(slot)) this.idle--;
    this.becomeFirst(slot);
    slot.active.unshift(call);
    slot.activeMicros += call.expectedMicros;
    this.recount(slot, before);
  }

  private deactivate(slot: CallSlot, call: Call): void {
    const { active } = slot;
    const before = this.hasRoom(slot);
    const at = active[0] === call ? 0 : active.indexOf(call);
    invariant(at >= 0, "D2", () => `c${call.call} is not active in s${slot.slot}`);
    if (at === 0) {
      active.shift();
      this.becomeFirst(slot);
    } else active.splice(at, 1);
    slot.activeMicros -= call.expectedMicros;
    if (active.length === 0 && isTaking(slot)) this.idle++;
    this.recount(slot, before);
  }

  /** Another call is the first of the active ones. */
  private becomeFirst(slot: CallSlot): void {
    slot.firstSinceMicros = this.worked;
    if (slot.isOverdue) this.overdue--;
    slot.isOverdue = false;
  }

  /** It counts no more for those that choose a slot. */
  private withdraw(slot: CallSlot): void {
    if (this.hasRoom(slot)) this.withRoom--;
    if (slot.active.length === 0 && isTaking(slot)) this.idle--;
  }

  private recount(slot: CallSlot, before: boolean): void {
    this.withRoom += Number(this.hasRoom(slot)) - Number(before);
  }
}

/** It may get calls. */
export const isTaking = ({ isLeaving, isEnding }: CallSlot): boolean => !isLeaving && !isEnding;
