// Virtual time: a queue of what will happen, by time and then by the order in which it was planned.
// Owner of: the virtual clock.

import { invariant } from "../../base/assert.ts";
import type { Millis } from "../../core/types.ts";

interface Planned {
  readonly at: Millis;
  readonly order: number;
  /** Null: withdrawn. */
  happen: (() => void) | null;
}

/** Takes back what was planned. Harmless when it has happened. */
export type Withdraw = () => void;

const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class World {
  private nowMs: Millis = 0;
  private planned = 0;
  private happened = 0;
  /** A binary heap, the earliest first (Williams 1964). */
  private readonly heap: Planned[] = [];

  now(): Millis {
    return this.nowMs;
  }

  /** Things that have happened. */
  get steps(): number {
    return this.happened;
  }

  /** Plans that something happens `inMs` from now (at least 0, an integer). */
  plan(inMs: Millis, happen: () => void): Withdraw {
    invariant(Number.isInteger(inMs) && inMs >= 0, "S3", () => `planned ${inMs} ms from now`);
    const entry: Planned = { at: this.nowMs + inMs, order: ++this.planned, happen };
    this.heap.push(entry);
    this.up(this.heap.length - 1);
    return () => (entry.happen = null);
  }

  /** Lets the next thing happen; false when nothing is planned. */
  step(): boolean {
    for (let next = this.pop(); next !== null; next = this.pop()) {
      const { happen } = next;
      if (happen === null) continue;
      invariant(next.at >= this.nowMs, "S4", () => `time ran back from ${this.nowMs} to ${next!.at}`);
      this.nowMs = next.at;
      this.happened++;
      happen();
      return true;
    }
    return false;
  }

  private pop(): Planned | null {
    const { heap } = this;
    const first = heap[0];
    if (first === undefined) return null;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.down(0);
    }
    return first;
  }

  private up(start: number): void {
    const { heap } = this;
    for (let at = start; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) return;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  private down(start: number): void {
    const { heap } = this;
    for (let at = start; ;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return;
      const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left;
      if (!isBefore(heap[child]!, heap[at]!)) return;
      [heap[at], heap[child]] = [heap[child]!, heap[at]!];
      at = child;
    }
  }
}
