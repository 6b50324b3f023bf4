// Calls that wait, of one priority: first come, first served, but that some are put before all others, and some leave
// from the middle. Arrays, not a linked list: with 100,000 that wait, its nodes are what an event would wait for.
//
//   front (given back; the last is the first of all)       behind (in order of coming, from `head` on)
//   place −1 … −n                                           place 0 … n
//
// Who leaves, leaves a gap. When there are more gaps than calls, all move together: an operation is O(1), amortized, and
// memory is bounded by what waits.
//
// Owner of: call.queuePlace.

import { invariant } from "../../base/assert.ts";
import type { Call } from "./calls.ts";

const gapsMin = 1024;

export class Lane {
  readonly priority: number;
  private front: (Call | null)[] = [];
  private behind: (Call | null)[] = [];
  private head = 0;
  private count = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  get first(): Call | null {
    if (this.count === 0) return null;
    const { front, behind } = this;
    for (; front.length > 0; front.pop()) {
      const call = front[front.length - 1]!;
      if (call !== null) return call;
    }
    while (behind[this.head] === null) this.head++;
    return behind[this.head]!;
  }

  append(call: Call): void {
    call.queuePlace = this.behind.push(call) - 1;
    this.count++;
  }

  prepend(call: Call): void {
    call.queuePlace = -this.front.push(call);
    this.count++;
  }

  remove(call: Call): void {
    const place = call.queuePlace!;
    const half = place < 0 ? this.front : this.behind;
    const at = place < 0 ? -place - 1 : place;
    invariant(half[at] === call, "D2", () => `c${call.call} is not where it waits`);
    half[at] = null;
    call.queuePlace = null;
    this.count--;
    if (this.front.length + this.behind.length - this.count > this.count + gapsMin) this.moveTogether();
  }

  private moveTogether(): void {
    const { front, behind, head } = this;
    this.front = [];
    this.behind = [];
    this.head = 0;
    this.count = 0;
    for (const call of front.reverse()) if (call !== null) this.append(call);
    for (const call of behind.slice(head)) if (call !== null) this.append(call);
  }
}
