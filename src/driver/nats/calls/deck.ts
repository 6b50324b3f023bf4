// Calls that a leased slot holds, at its worker's end: what has begun, and what can be taken back with certainty.
//
//   shared-deck.ts   the slot is a thread: it takes calls out of shared memory, and one compare-and-set decides who has one
//   queue-deck.ts    it is a process: it is given one call at a time, and what waits for that is here

import type { ToCallSlot } from "../../../protocol/calls.ts";
import type { FromSlot } from "../../../protocol/slot.ts";
import type { WrittenCall } from "./lease-body.ts";

export type Invoke = ToCallSlot & { readonly kind: "invoke" };

export interface Deck {
  /** Takes a call with small arguments. */
  write(call: WrittenCall): void;
  /** Takes any other. */
  invoke(call: Invoke): void;
  /** The slot may go on: all that came in one body has been taken. */
  wake(): void;
  /** Whether it has been taken back for good; false: it has begun; null: there is none. */
  takeBack(ticket: number): boolean | null;
  /** What the slot says of its calls comes by here, before anybody else hears of it. */
  heard(message: FromSlot): void;
  /** Calls that have not ended. */
  readonly held: number;
  /** Takes back all that can be. Tickets. */
  unbegun(): number[];
}
