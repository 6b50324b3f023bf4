// Call ledger: every call that has not ended, where it is, and whether somebody still waits for it.
//
//   place      entered when                             leaves by
//   waiting    submitted, given back, to be retried     start → held · settled → out
//   held       a slot has it, begun or not              revoke → revoking · abort → aborting · ended → out, or waiting
//   revoking   it was asked back                        given back → waiting, or out if nobody wants it · kept → held
//                                                       · nobody wants it, and no answer in time → unanswered
//                                                       · ended → out, or waiting
//   unanswered settled, and nobody says whether it has      given back → out · kept → aborting · ended → out
//              begun
//   aborting   settled, but its slot still runs it      ended → out
//   out        (not in the ledger any more)
//
// Owner of: the calls; the deadlines. The queue and the slots (queue.ts, slots.ts) refer to its records.
//
// Invariants
//   D1  A call is settled exactly once.
//   D2  A call that waits is in the queue; any other that is here is with exactly one slot.

import { Heap } from "../../base/heap.ts";
import { invariant } from "../../base/assert.ts";
import type { Millis } from "../types.ts";
import { CallTable } from "./call-table.ts";
import type { CallNumber, DispatcherEvent } from "./events.ts";
import type { CallSlot } from "./slots.ts";

export type CallPlace = "waiting" | "held" | "revoking" | "unanswered" | "aborting" | "out";

export interface Call {
  readonly call: CallNumber;
  readonly target: number;
  readonly items: number;
  readonly priority: number;
  readonly deadline: Millis | null;
  readonly isNested: boolean;
  /** Written by this file. */
  place: CallPlace;
  retriesLeft: number;
  /** What settles it once it is known whether it had begun. Written by this file. */
  ending: "cancelled" | "expired" | null;
  /** Written by lane.ts: where in its lane it waits; null: it does not. */
  queuePlace: number | null;
  /** Written by slots.ts: who has it, what it is expected to take, whether it waits for others. */
  slot: CallSlot | null;
  expectedMicros: number;
  isBlocked: boolean;
  /** It was asked back, and its slot kept it; written by endings.ts. */
  isKept: boolean;
  /** When the grace of its abort, or of the answer whether it has begun, is over; written by endings.ts. */
  graceEndsAt: Millis | null;
}

interface Alarm {
  readonly at: Millis;
  readonly call: Call;
}

const places: Readonly<Record<CallPlace, readonly CallPlace[]>> = {
  waiting: ["held", "out"],
  held: ["waiting", "revoking", "aborting", "out"],
  revoking: ["waiting", "held", "unanswered", "aborting", "out"],
  unanswered: ["aborting", "out"],
  aborting: ["out"],
  out: [],
};

export class CallLedger {
  private readonly calls = new CallTable();
  /** Deadlines and ends of grace. Those of calls that are out are dropped when they come up. */
  private readonly alarms = new Heap<Alarm>((a, b) => a.at - b.at || a.call.call - b.call.call);
  private lastCall = 0;
  private returning = 0;

  /** Calls that were asked back to be started elsewhere, and not answered yet. */
  get returningCalls(): number {
    return this.returning;
  }

  get size(): number {
    return this.calls.size;
  }

  get(call: CallNumber): Call | undefined {
    return this.calls.get(call);
  }

  [Symbol.iterator](): IterableIterator<Call> {
    return this.calls[Symbol.iterator]();
  }

  /** Whether the number was used before: numbers only grow. */
  isStale(call: CallNumber): boolean {
    return !Number.isSafeInteger(call) || call <= this.lastCall;
  }

  add(event: DispatcherEvent & { readonly kind: "CallSubmitted" }): Call {
    const { call, target, items, priority, deadline, retries, isNested } = event;
    const record: Call = {
      call,
      target,
      items,
      priority,
      deadline,
      isNested,
      place: "waiting",
      retriesLeft: retries,
      ending: null,
      queuePlace: null,
      slot: null,
      expectedMicros: 0,
      isBlocked: false,
      isKept: false,
      graceEndsAt: null,
    };
    this.calls.add(record);
    if (deadline !== null) this.alarms.push({ at: deadline, call: record });
    return record;
  }

  /** Remembers that the number is used. */
  use(call: CallNumber): void {
    this.lastCall = call;
  }

  move(call: Call, to: CallPlace): void {
    const { place } = call;
    invariant(places[place].includes(to), "D2", () => `c${call.call} is ${place} and cannot become ${to}`);
    if (call.ending === null) this.returning += Number(to === "revoking") - Number(place === "revoking");
    call.place = to;
    if (to === "out") this.calls.delete(call.call);
  }

  /** Nobody wants it any more: what is to be told once it is known whether it had begun. */
  becomeUnwanted(call: Call, ending: "cancelled" | "expired"): void {
    if (call.ending !== null) return;
    if (call.place === "revoking") this.returning--;
    call.ending = ending;
  }

  /** Wakes the machine at `at` for the call's sake. */
  alarm(call: Call, at: Millis): void {
    this.alarms.push({ at, call });
  }

  nextAlarm(): Millis | null {
    for (;;) {
      const first = this.alarms.first;
      if (first === null) return null;
      if (first.call.place !== "out") return first.at;
      this.alarms.pop();
    }
  }

  /** The next call whose alarm is due, or null. */
  takeDue(now: Millis): Call | null {
    const at = this.nextAlarm();
    return at === null || at > now ? null : this.alarms.pop()!.call;
  }
}
