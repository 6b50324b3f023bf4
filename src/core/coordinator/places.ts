// Place ledger: which workers hold what a task reads, and since when a worker with a free slot finds nothing of its own.
//
// A task of a stage that reads nothing has the places that `InputsHeld` told of: copies of its input. A task of any other
// stage is at home where at least half of the bytes are that the stage reads (outputs.ts). A worker that is paused or
// lost is nobody's place; a task that was lost with its slot has none any more, since it is to go elsewhere.
//
// Not here: what follows for who runs where (placement.ts). Owner of: state.places.
//
// Invariants
//   I16  Loose are exactly the pending tasks, of stages that read nothing, which no worker holds that can take work.

import { invariant } from "../../base/assert.ts";
import { Heap } from "../../base/heap.ts";
import type { TaskNumber, WorkerId } from "../../base/ids.ts";
import { IndexSet } from "../../base/index-set.ts";
import type { Millis, StageIndex } from "../types.ts";
import type { ReadyQueue } from "./ready.ts";
import type { StageLedger } from "./stages.ts";
import type { WorkerLedger } from "./workers.ts";

/** Copies that are remembered, of all tasks and workers: what is told beyond that is forgotten. */
export const holdingsMax = 4_000_000;

interface Shelf {
  /** Of each task that it holds input of: how many bytes. */
  readonly bytes: Map<TaskNumber, number>;
  /** Of these, those that may be pending, lowest first; some may have moved on since. */
  readonly local: Heap<TaskNumber>;
}

const byNumber = (a: TaskNumber, b: TaskNumber): number => a - b;

export class PlaceLedger {
  private readonly stages: StageLedger;
  private readonly ready: ReadyQueue;
  private readonly workers: WorkerLedger;
  private readonly shelves = new Map<WorkerId, Shelf>();
  private readonly holders = new Map<TaskNumber, Set<WorkerId>>();
  /** Pending tasks without a place; null until the first copy is told of. */
  private loose: IndexSet | null = null;
  private holdings = 0;
  private readonly idle = new Map<WorkerId, Millis>();

  constructor(stages: StageLedger, ready: ReadyQueue, workers: WorkerLedger) {
    this.stages = stages;
    this.ready = ready;
    this.workers = workers;
  }

  /** Whether tasks of that stage may have copies of their own. */
  hasCopies(stage: StageIndex): boolean {
    return this.loose !== null && this.stages.spec(stage).reads.length === 0;
  }

  get isFull(): boolean {
    return this.holdings >= holdingsMax;
  }

  hold(worker: WorkerId, task: TaskNumber, bytes: number): void {
    this.loose ??= this.allPending();
    const shelf = this.shelves.get(worker) ?? { bytes: new Map(), local: new Heap<TaskNumber>(byNumber) };
    this.shelves.set(worker, shelf);
    if (!shelf.bytes.has(task)) this.holdings++;
    shelf.bytes.set(task, bytes);
    const holders = this.holders.get(task) ?? new Set();
    this.holders.set(task, holders.add(worker));
    if (this.ready.has(task)) this.becamePending(task);
  }

  /** It goes anywhere from now on. */
  forget(task: TaskNumber): void {
    const holders = this.holders.get(task);
    if (holders === undefined) return;
    for (const worker of holders) if (this.shelves.get(worker)!.bytes.delete(task)) this.holdings--;
    this.holders.delete(task);
    if (this.ready.has(task)) this.becamePending(task);
  }

  becamePending(task: TaskNumber): void {
    if (this.loose === null || this.stages.spec(this.stages.stageOf(task)).reads.length > 0) return;
    for (const worker of this.holders.get(task) ?? []) this.shelves.get(worker)!.local.push(task);
    if (this.usableHolders(task).length > 0) this.loose.delete(task);
    else this.loose.add(task);
  }

  noLongerPending(task: TaskNumber): void {
    this.loose?.delete(task);
  }

  /** It was paused, or is no more paused, or lost: so its tasks may have lost their place, or have one again. */
  workerChanged(worker: WorkerId): void {
    const shelf = this.shelves.get(worker);
    if (!this.workers.isHere(worker)) this.idle.delete(worker);
    if (shelf === undefined) return;
    for (const task of shelf.bytes.keys()) if (this.ready.has(task)) this.becamePending(task);
    if (this.workers.isHere(worker)) return;
    for (const task of shelf.bytes.keys()) this.holders.get(task)!.delete(worker);
    this.holdings -= shelf.bytes.size;
    this.shelves.delete(worker);
  }

  /** The first pending task that the worker holds a copy for, or -1. */
  firstLocal(worker: WorkerId): TaskNumber {
    const shelf = this.shelves.get(worker);
    if (shelf === undefined) return -1;
    for (let task = shelf.local.first; task !== null; task = shelf.local.first) {
      if (this.ready.has(task) && shelf.bytes.has(task)) return task;
      shelf.local.pop();
    }
    return -1;
  }

  /** The first pending task of the stage that has no place, or -1. */
  firstLoose(stage: StageIndex): TaskNumber {
    const task = this.loose!.nextFrom(this.stages.first(stage));
    return task !== -1 && this.stages.stageOf(task) === stage ? task : -1;
  }

  /** Workers that hold a copy and can take work, in the order in which they told of it. */
  usableHolders(task: TaskNumber): WorkerId[] {
    return [...(this.holders.get(task) ?? [])].filter((id) => this.workers.get(id)?.isPaused === false);
  }

  /** The most that one of them holds. */
  bytesOf(task: TaskNumber): number {
    const bytes = this.usableHolders(task).map((worker) => this.shelves.get(worker)!.bytes.get(task)!);
    return Math.max(0, ...bytes);
  }

  /** Since when it has a free slot and finds nothing of its own; null: it does not wait. */
  idleSince(worker: WorkerId): Millis | null {
    return this.idle.get(worker) ?? null;
  }

  /** True if it did not wait before. */
  becomeIdle(worker: WorkerId, now: Millis): boolean {
    if (this.idle.has(worker)) return false;
    this.idle.set(worker, now);
    return true;
  }

  /** It has found something of its own. */
  endIdle(worker: WorkerId): void {
    this.idle.delete(worker);
  }

  /** Nothing is held back any more. */
  endAllIdle(): void {
    this.idle.clear();
  }

  /** For the checker of invariants. */
  isLoose(task: TaskNumber): boolean {
    return this.loose?.has(task) ?? false;
  }

  private allPending(): IndexSet {
    const loose = new IndexSet(this.stages.totalTasks);
    for (let stage = 0; stage < this.stages.count; stage++) {
      const { reads, tasks } = this.stages.spec(stage);
      if (reads.length > 0) continue;
      const first = this.stages.first(stage);
      for (let task = first; task < first + tasks; task++) if (this.ready.has(task)) loose.add(task);
    }
    invariant(loose.size <= this.stages.totalTasks, "I16", () => "more tasks are loose than there are");
    return loose;
  }
}
