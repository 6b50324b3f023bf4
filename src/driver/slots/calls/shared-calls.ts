// The memory that a slot's thread and the agent share: calls on their way to the slot, and their results on the way
// back. Small arguments and results are in it; what is larger goes as a message beside it (`hasMessage`).
//
//   orders    ring, written by the agent: which entry is next, and the turn of the entry that is meant
//   entries   table: state and turn, target, form, ticket, length; 240 bytes of arguments, then of the result
//   answers   ring, written by the slot: entries whose result is there
//   doorbell  shared by all slots of a pool: rung when there are answers, if the agent listens
//
// An entry's state holds its turn (how often it was used) and its phase, so that one compare-and-set decides who has it:
// the slot that begins it, or the agent that takes it back. Orders of an earlier turn are passed over.
//
//   free ─offer→ offered ─begin→ begun ─answer→ answered ─take→ free
//                   └────take back→ free
//
// Owner: the agent of entries that are free, offered or answered; the slot of those that are begun.

import { invariant } from "../../../base/assert.ts";

export const entriesMax = 1024;
const headInts = 8;
const payloadOffset = headInts * 4;
export const payloadMax = 240;
const entryBytes = 272;

const ordersMax = 4096;
const answersMax = entriesMax;

/** Places of the control words, each on a cache line of its own: they are written by different threads. */
const orderTail = 0;
const answerTail = 16;
const orderHead = 32;
const slotListens = 48;
/** Of the running call: entry + 1, or 0. */
const runningEntry = 64;
const controlInts = 128;

const controlBytes = controlInts * 4;
const ordersAt = controlBytes;
const answersAt = ordersAt + ordersMax * 4;
const entriesAt = answersAt + answersMax * 4;
export const sharedBytes = entriesAt + entriesMax * entryBytes;

/** Fields of an entry's head, in Int32s. */
const stateField = 0;
const targetField = 1;
const formField = 2;
const ticketField = 3;
const lengthField = 4;
const microsField = 5;

export const phase = { free: 0, offered: 1, begun: 2, answered: 3 } as const;
const phaseBits = 2;
/** Turns wrap; orders name them by their low bits. */
const turnMask = 0xffff;

/** What an answer is. */
export const answerKinds = ["value", "value-message", "thrown-message", "stream"] as const;
export type AnswerKind = (typeof answerKinds)[number];

/** What all slots of a pool ring. */
export const newDoorbell = (): Int32Array => new Int32Array(new SharedArrayBuffer(128));
const rings = 0;
const agentListens = 16;

export class SharedCalls {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Buffer;
  readonly view: DataView;
  private readonly control: Int32Array;
  private readonly orders: Int32Array;
  private readonly answers: Int32Array;
  private readonly heads: Int32Array;
  private readonly doorbell: Int32Array;
  /** This side's own counters. */
  private orderCount = 0;
  private answerCount = 0;
  private readonly free: number[] = [];

  constructor(buffer: SharedArrayBuffer, doorbell: Int32Array) {
    this.buffer = buffer;
    this.doorbell = doorbell;
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
    this.control = new Int32Array(buffer, 0, controlInts);
    this.orders = new Int32Array(buffer, ordersAt, ordersMax);
    this.answers = new Int32Array(buffer, answersAt, answersMax);
    this.heads = new Int32Array(buffer, entriesAt, (entriesMax * entryBytes) / 4);
    for (let entry = entriesMax - 1; entry >= 0; entry--) this.free.push(entry);
  }

  /** Where an entry's payload begins, in bytes. */
  payload(entry: number): number {
    return entriesAt + entry * entryBytes + payloadOffset;
  }

  private head(entry: number): number {
    return (entry * entryBytes) / 4;
  }

  length(entry: number): number {
    return this.heads[this.head(entry) + lengthField]!;
  }

  target(entry: number): number {
    return this.heads[this.head(entry) + targetField]!;
  }

  form(entry: number): number {
    return this.heads[this.head(entry) + formField]!;
  }

  ticket(entry: number): number {
    return this.heads[this.head(entry) + ticketField]!;
  }

  // The agent's side

  /** An entry to fill, or −1: all are in use, or the slot has too many orders before it. */
  claim(): number {
    if (((this.orderCount - Atomics.load(this.control, orderHead)) | 0) >= ordersMax) return -1;
    return this.free.pop() ?? -1;
  }

  /** It is not going to be offered. */
  giveUp(entry: number): void {
    this.free.push(entry);
  }

  /** Gives the entry, whose payload is written, to the slot. `length` < 0: the arguments come as a message. */
  offer(entry: number, target: number, form: number, ticket: number, length: number): void {
    const at = this.head(entry);
    const { heads } = this;
    const turn = ((heads[at + stateField]! >>> phaseBits) + 1) & turnMask;
    heads[at + targetField] = target;
    heads[at + formField] = form;
    heads[at + ticketField] = ticket;
    heads[at + lengthField] = length;
    Atomics.store(heads, at + stateField, (turn << phaseBits) | phase.offered);
    const message = length < 0 ? 1 : 0;
    this.orders[this.orderCount & (ordersMax - 1)] = (turn << 12) | (entry << 1) | message;
    this.orderCount = (this.orderCount + 1) | 0;
    Atomics.store(this.control, orderTail, this.orderCount);
  }

  /**
   * Wakes the slot if it waits. Only the slot says that it listens no more: were it said here, a wake-up for an order that
   * the slot has found by itself meanwhile could come between its saying so and its wait, and then no other ever would.
   */
  notifySlot(): void {
    if (Atomics.load(this.control, slotListens) === 1) Atomics.notify(this.control, orderTail);
  }

  /** Takes back what the slot has not begun; false: it has. */
  takeBack(entry: number): boolean {
    const at = this.head(entry) + stateField;
    const state = this.heads[at]!;
    const turn = state >>> phaseBits;
    const offered = (turn << phaseBits) | phase.offered;
    if (Atomics.compareExchange(this.heads, at, offered, turn << phaseBits) !== offered) return false;
    this.free.push(entry);
    return true;
  }

  /** The next entry that was answered, or −1. Give it back with `release` when its result has been read. */
  nextAnswer(): number {
    if (this.answerCount === Atomics.load(this.control, answerTail)) return -1;
    const entry = this.answers[this.answerCount & (answersMax - 1)]!;
    this.answerCount = (this.answerCount + 1) | 0;
    return entry;
  }

  answerKind(entry: number): AnswerKind {
    return answerKinds[this.heads[this.head(entry) + formField]!]!;
  }

  /** What the call took; null: not measured. */
  micros(entry: number): number | null {
    const micros = this.heads[this.head(entry) + microsField]!;
    return micros < 0 ? null : micros;
  }

  release(entry: number): void {
    const at = this.head(entry) + stateField;
    this.heads[at] = (this.heads[at]! >>> phaseBits) << phaseBits;
    this.free.push(entry);
  }

  /** The ticket of what the slot runs now, or null. */
  runningTicket(): number | null {
    const entry = Atomics.load(this.control, runningEntry) - 1;
    return entry < 0 ? null : this.ticket(entry);
  }

  // The slot's side

  /** Begins the next call; −1: there is none now. `skipMessage` is called for each message of one that was taken back. */
  begin(skipMessage: () => void): number {
    for (;;) {
      if (this.orderCount === Atomics.load(this.control, orderTail)) return -1;
      const order = this.orders[this.orderCount & (ordersMax - 1)]!;
      this.orderCount = (this.orderCount + 1) | 0;
      Atomics.store(this.control, orderHead, this.orderCount);
      const entry = (order >> 1) & (entriesMax - 1);
      const turn = (order >>> 12) & turnMask;
      const offered = (turn << phaseBits) | phase.offered;
      const at = this.head(entry) + stateField;
      if (Atomics.compareExchange(this.heads, at, offered, offered + 1) === offered) {
        Atomics.store(this.control, runningEntry, entry + 1);
        return entry;
      }
      if ((order & 1) === 1) skipMessage();
    }
  }

  /** Whether there is nothing to begin. Before a wait: from now on the agent must wake the slot. */
  listen(): boolean {
    Atomics.store(this.control, slotListens, 1);
    if (!this.hasOrder()) return true;
    Atomics.store(this.control, slotListens, 0);
    return false;
  }

  hasOrder(): boolean {
    return this.orderCount !== Atomics.load(this.control, orderTail);
  }

  /** Blocks the thread until there is something to begin, or something else to look at, or the time is over. */
  blockForOrder(timeoutMs: number): void {
    Atomics.wait(this.control, orderTail, this.orderCount, timeoutMs);
    this.unlisten();
  }

  /** The slot is awake. */
  unlisten(): void {
    Atomics.store(this.control, slotListens, 0);
  }

  /** Settles when there may be something to begin; null: there is already. */
  orderComes(): Promise<unknown> | null {
    const wait = Atomics.waitAsync(this.control, orderTail, this.orderCount);
    return wait.async ? wait.value : null;
  }

  /** Lets `orderComes` settle and `blockForOrder` return: something came in another way. */
  wake(): void {
    Atomics.notify(this.control, orderTail);
  }

  /** The result, whose payload is written, is there. */
  answer(entry: number, kind: AnswerKind, length: number, micros: number | null): void {
    const at = this.head(entry);
    const { heads } = this;
    heads[at + formField] = answerKinds.indexOf(kind);
    heads[at + lengthField] = length;
    heads[at + microsField] = micros ?? -1;
    const state = heads[at + stateField]!;
    invariant((state & 3) === phase.begun, "S1", () => `entry ${entry} is answered in phase ${state & 3}`);
    heads[at + stateField] = state + 1;
    this.answers[this.answerCount & (answersMax - 1)] = entry;
    this.answerCount = (this.answerCount + 1) | 0;
    Atomics.store(this.control, answerTail, this.answerCount);
    ring(this.doorbell);
  }

  /** What runs now is not this slot's entry any more. */
  rest(): void {
    Atomics.store(this.control, runningEntry, 0);
  }
}

/**
 * Tells the agent that there are answers, if it listens. Only the agent says that it listens no more: were it said here, a
 * ring whose answer the agent has found by itself meanwhile could say so before its wait, and no other would wake it.
 */
function ring(doorbell: Int32Array): void {
  Atomics.add(doorbell, rings, 1);
  if (Atomics.load(doorbell, agentListens) === 1) Atomics.notify(doorbell, rings);
}

/** How often it has rung: to be read before the answers are. */
export const ringsOf = (doorbell: Int32Array): number => Atomics.load(doorbell, rings);

/** From now on slots ring. */
export const listenTo = (doorbell: Int32Array): void => void Atomics.store(doorbell, agentListens, 1);

/** The agent is awake. */
export const unlistenTo = (doorbell: Int32Array): void => void Atomics.store(doorbell, agentListens, 0);

/** Settles at the next ring after `count`; null: it has rung since. */
export function ringComes(doorbell: Int32Array, count: number): Promise<unknown> | null {
  const wait = Atomics.waitAsync(doorbell, rings, count);
  return wait.async ? wait.value : null;
}
