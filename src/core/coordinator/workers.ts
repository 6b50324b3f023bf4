// Worker ledger: which workers are here, how many of their slots are free.
//
// Workers are kept in buckets by their number of free slots, so that the roomiest one is found in O(1) however many
// there are; within a bucket the one that has waited longest comes first.
//
// Not here: what runs in the slots (attempts.ts), what a worker holds (outputs.ts).
// Owner of: state.workers.
//
// Invariants
//   I8  A worker's free slots are its slots less the attempts in flight at it; a lost worker has neither. Those of a
//       paused worker are free, and given to nobody.

import { invariant } from "../../base/assert.ts";
import type { WorkerId } from "../../base/ids.ts";
import { LinkedList, type ListNode } from "../../base/linked-list.ts";

export interface Worker {
  readonly id: WorkerId;
  readonly slots: number;
  readonly free: number;
  /** It gets no new attempts. */
  readonly isPaused: boolean;
}

interface WorkerRecord extends Worker {
  free: number;
  isPaused: boolean;
  /** It does not come back from its pause. */
  isLeaving: boolean;
  node: ListNode<WorkerRecord> | null;
}

/** Slots that one worker may offer. */
export const slotsMax = 4096;
/** Workers that one job may see in its life. */
export const workersMax = 100_000;

export class WorkerLedger {
  /** Null: lost. An id that was seen once is never forgotten, since it never comes back. */
  private readonly byId = new Map<WorkerId, WorkerRecord | null>();
  /** buckets[n]: the workers with n free slots, for n > 0. */
  private readonly buckets: LinkedList<WorkerRecord>[] = [];
  private highest = 0;
  private slots = 0;
  private free = 0;

  get totalSlots(): number {
    return this.slots;
  }

  /** Of workers that are not paused. */
  get freeSlots(): number {
    return this.free;
  }

  get seenCount(): number {
    return this.byId.size;
  }

  wasSeen(id: WorkerId): boolean {
    return this.byId.has(id);
  }

  /** The worker, or null if it is lost or was never here. */
  get(id: WorkerId): Worker | null {
    return this.byId.get(id) ?? null;
  }

  isHere(id: WorkerId): boolean {
    return this.get(id) !== null;
  }

  *[Symbol.iterator](): IterableIterator<Worker> {
    for (const worker of this.byId.values()) if (worker !== null) yield worker;
  }

  join(id: WorkerId, slots: number): void {
    invariant(!this.byId.has(id), "I8", () => `worker ${id} joined twice`);
    const worker: WorkerRecord = { id, slots, free: slots, isPaused: false, isLeaving: false, node: null };
    this.byId.set(id, worker);
    this.slots += slots;
    this.free += slots;
    this.file(worker);
  }

  lose(id: WorkerId): void {
    const worker = this.known(id);
    this.unfile(worker);
    this.slots -= worker.slots;
    if (!worker.isPaused) this.free -= worker.free;
    this.byId.set(id, null);
    this.lowerHighest();
  }

  pause(id: WorkerId, why: "silent" | "leaving"): void {
    const worker = this.known(id);
    if (why === "leaving") worker.isLeaving = true;
    if (worker.isPaused) return;
    this.unfile(worker);
    worker.isPaused = true;
    this.free -= worker.free;
    this.lowerHighest();
  }

  resume(id: WorkerId): void {
    const worker = this.known(id);
    if (!worker.isPaused || worker.isLeaving) return;
    worker.isPaused = false;
    this.free += worker.free;
    this.file(worker);
  }

  takeSlot(id: WorkerId): void {
    const worker = this.known(id);
    invariant(worker.free > 0 && !worker.isPaused, "I8", () => `worker ${id} has no free slot to take`);
    this.unfile(worker);
    worker.free--;
    this.free--;
    this.file(worker);
    this.lowerHighest();
  }

  giveSlotBack(id: WorkerId): void {
    const worker = this.known(id);
    invariant(
      worker.free < worker.slots,
      "I8",
      () => `worker ${id} gets back a slot more than its ${worker.slots}`,
    );
    this.unfile(worker);
    worker.free++;
    if (!worker.isPaused) this.free++;
    this.file(worker);
  }

  /** The worker with the most free slots, or null if no slot is free. */
  roomiest(): Worker | null {
    return this.buckets[this.highest]?.first?.value ?? null;
  }

  /** Workers with a free slot that are not paused, the roomiest first. Not to be changed meanwhile. */
  *roomy(): IterableIterator<Worker> {
    for (let free = this.highest; free > 0; free--) {
      for (const worker of this.buckets[free]!) yield worker;
    }
  }

  /** The roomiest worker other than `id`; `id` itself if only it has a free slot; null if no slot is free. */
  roomiestOtherThan(id: WorkerId): Worker | null {
    for (let free = this.highest; free > 0; free--) {
      const first = this.buckets[free]?.first ?? null;
      const node = first !== null && first.value.id === id ? first.next : first;
      if (node !== null) return node.value;
    }
    return this.roomiest();
  }

  private known(id: WorkerId): WorkerRecord {
    const worker = this.byId.get(id);
    invariant(worker !== undefined && worker !== null, "I8", () => `worker ${id} is not here`);
    return worker;
  }

  private file(worker: WorkerRecord): void {
    if (worker.free === 0 || worker.isPaused) return;
    while (this.buckets.length <= worker.free) this.buckets.push(new LinkedList());
    worker.node = this.buckets[worker.free]!.append(worker);
    if (worker.free > this.highest) this.highest = worker.free;
  }

  private unfile(worker: WorkerRecord): void {
    if (worker.node !== null) this.buckets[worker.free]!.remove(worker.node);
    worker.node = null;
  }

  private lowerHighest(): void {
    while (this.highest > 0 && this.buckets[this.highest]!.size === 0) this.highest--;
  }
}
