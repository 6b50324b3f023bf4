// The borrower: decides for one client how many call slots it leases, and of which workers. A pure machine
// (core/DESIGN.md).
//
//   asked ──▶ (waits) ──▶ granted ──SlotAskedBack──▶ returning ──▶ ended
//
// Rules
//   How many: as many as the workers have that are here and do not leave. So they grow with the cluster, and what a worker
//   takes with it is replaced only as far as the others have slots.
//   When: once a function is used, all; the first alone, so that its result is there sooner. Since one was asked back, or had
//   to wait, others want them too: from then on only while there are more calls than slots.
//   Of whom: of two workers by chance, of which this client has fewer than they have slots, the one with less load: call slots
//   of everybody, and tasks, by its slots (the power of two choices; Mitzenmacher, 2001).
//   A worker whose slots fail to start three times in a row is left out until it tells of itself again.
//   What is asked back is given back. What was not granted is withdrawn when no call has waited for `calmMs`.
//   Calls that wait while there is no slot at all: noted after `noteMs`, given up after `patienceMs`; at once if there never
//   was a worker, or if all fail.
//
// Not here: who gets a worker's slots (core/lender), what runs in them (core/dispatcher).
// Owner of: the workers that are known, the slots.

import { below, rng, type Rng } from "../../base/rng.ts";
import type { Machine, Millis } from "../types.ts";
import {
  defaultBorrowerLimits,
  type BorrowedSlot,
  type BorrowerEffect,
  type BorrowerEvent,
  type BorrowerLimits,
  type LendingWorker,
} from "./events.ts";

const failuresMax = 3;

interface Known extends LendingWorker {
  /** What this client has asked for since. */
  asked: number;
}

interface Slot {
  readonly slot: BorrowedSlot;
  readonly worker: string;
  state: "asked" | "waits" | "granted" | "returning" | "withdrawn";
}

export interface Borrower extends Machine<BorrowerEvent, BorrowerEffect> {
  /** How many slots it is to have. */
  readonly aim: number;
  /** Of each worker that it has asked: slots that it has and keeps. */
  holdings(): ReadonlyMap<string, number>;
}

export const createBorrower = (seed: number, limits: Partial<BorrowerLimits> = {}): Borrower =>
  new BorrowerMachine(seed, { ...defaultBorrowerLimits, ...limits });

class BorrowerMachine implements Borrower {
  private readonly limits: BorrowerLimits;
  private readonly chances: Rng;
  private readonly known = new Map<string, Known>();
  private readonly slots = new Map<BorrowedSlot, Slot>();
  /** Of slots that never took calls, in a row, by worker. */
  private readonly failures = new Map<string, number>();
  private lastSlot = 0;
  private mode: "unused" | "all" | "as needed" = "unused";
  private isWaiting = false;
  /** Since when no call has waited. */
  private calmSince: Millis = 0;
  /** Since when calls wait and there is no slot. */
  private stuckSince: Millis | null = null;
  private isNoted = false;
  private lookedAt: Millis | null = null;
  private isLooking = false;
  private hasSeenWorkers = false;
  private now: Millis = 0;
  private effects: BorrowerEffect[] = [];

  constructor(seed: number, limits: BorrowerLimits) {
    this.limits = limits;
    this.chances = rng(seed);
  }

  get aim(): number {
    let aim = 0;
    for (const { slots, isDraining } of this.known.values()) if (!isDraining) aim += slots;
    return aim;
  }

  holdings(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const { worker, state } of this.slots.values())
      held.set(worker, (held.get(worker) ?? 0) + Number(state === "granted"));
    return held;
  }

  handle(event: BorrowerEvent, now: Millis): BorrowerEffect[] {
    this.now = now;
    this.effects = [];
    this.route(event);
    this.borrow();
    this.watchWaiting();
    return this.effects;
  }

  nextDeadline(): Millis | null {
    const { noteMs, patienceMs, lookMs, calmMs } = this.limits;
    const deadlines: Millis[] = [];
    if (this.stuckSince !== null) deadlines.push(this.stuckSince + (this.isNoted ? patienceMs : noteMs));
    if (this.isWaiting && this.lookedAt !== null && !this.isLooking) deadlines.push(this.lookedAt + lookMs);
    if (!this.isNeedy && this.count("waits") > 0) deadlines.push(this.calmSince + calmMs);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  private route(event: BorrowerEvent): void {
    switch (event.kind) {
      case "WorkersSeen":
        this.isLooking = false;
        this.lookedAt = this.now;
        this.known.clear();
        for (const worker of event.workers) this.learn(worker);
        return;
      case "WorkerTold":
        this.failures.delete(event.worker.worker);
        return this.learn(event.worker);
      case "SlotsWanted":
        if (this.mode === "unused") this.mode = "all";
        return;
      case "CallsWait":
        if (this.isWaiting && !event.isWaiting) this.calmSince = this.now;
        this.isWaiting = event.isWaiting;
        return;
      case "TimePassed": {
        const { lookMs, calmMs } = this.limits;
        if (this.isWaiting && this.lookedAt !== null && this.now >= this.lookedAt + lookMs) this.look();
        if (!this.isNeedy && this.now >= this.calmSince + calmMs) this.withdraw();
        return;
      }
      default: {
        const slot = this.slots.get(event.slot);
        if (slot !== undefined) this.slotEvent(event, slot);
      }
    }
  }

  private slotEvent(event: BorrowerEvent & { readonly slot: BorrowedSlot }, slot: Slot): void {
    switch (event.kind) {
      case "SlotWaits":
        if (slot.state === "asked") slot.state = "waits";
        this.mode = "as needed";
        return;
      case "SlotGranted":
        if (slot.state === "withdrawn") return;
        slot.state = "granted";
        this.failures.delete(slot.worker);
        return void this.effects.push({ kind: "TellHoldings" });
      case "SlotAskedBack":
        if (slot.state === "returning" || slot.state === "withdrawn") return;
        this.mode = "as needed";
        slot.state = "returning";
        this.effects.push({ kind: "GiveBackSlot", slot: slot.slot }, { kind: "TellHoldings" });
        return;
      case "SlotEnded":
        this.slots.delete(slot.slot);
        if (slot.state === "granted") this.effects.push({ kind: "TellHoldings" });
        if (slot.state === "withdrawn") return;
        if (event.how === "failed") this.failures.set(slot.worker, this.failuresOf(slot.worker) + 1);
        if (event.how !== "gone") return;
        this.known.delete(slot.worker);
        this.lookedAt = null;
    }
  }

  /** Whether what it has not got is wanted. */
  private get isNeedy(): boolean {
    return this.mode === "all" || (this.mode === "as needed" && this.isWaiting);
  }

  private borrow(): void {
    if (!this.isNeedy) return;
    const { aim } = this;
    let has = this.count("asked") + this.count("waits") + this.count("granted");
    if (has >= aim && this.lookedAt !== null) return;
    const isStale = this.lookedAt === null || this.now - this.lookedAt > this.limits.freshMs;
    // One that is replaced, or of a worker that has just told of itself, need not wait for all answers.
    if (isStale && (this.lookedAt === null || this.slots.size === 0)) return this.look();
    while (has < aim) {
      // The first alone, unless it has to wait.
      if (this.count("granted") === 0 && this.count("asked") > 0) return;
      const worker = this.choose();
      if (worker === null) return;
      const slot = ++this.lastSlot;
      this.slots.set(slot, { slot, worker: worker.worker, state: "asked" });
      worker.asked++;
      this.effects.push({ kind: "AskForSlot", slot, worker: worker.worker });
      has++;
    }
  }

  /** Of two by chance the one with less load. */
  private choose(): Known | null {
    const held = new Map<string, number>();
    for (const { worker, state } of this.slots.values())
      if (state !== "returning" && state !== "withdrawn") held.set(worker, (held.get(worker) ?? 0) + 1);
    const able = [...this.known.values()].filter(
      ({ worker, slots, isDraining }) =>
        !isDraining && (held.get(worker) ?? 0) < slots && this.failuresOf(worker) < failuresMax,
    );
    if (able.length <= 1) return able[0] ?? null;
    const first = below(this.chances, able.length);
    const second = (first + 1 + below(this.chances, able.length - 1)) % able.length;
    const [a, b] = [able[first]!, able[second]!];
    return loadOf(b) < loadOf(a) ? b : a;
  }

  private look(): void {
    if (this.isLooking) return;
    this.isLooking = true;
    this.effects.push({ kind: "LookForWorkers" });
  }

  private withdraw(): void {
    for (const slot of this.slots.values()) {
      if (slot.state !== "waits") continue;
      slot.state = "withdrawn";
      this.effects.push({ kind: "WithdrawSlot", slot: slot.slot });
    }
  }

  private watchWaiting(): void {
    const isStuck = this.isWaiting && this.count("granted") === 0;
    if (!isStuck) {
      this.stuckSince = null;
      this.isNoted = false;
      return;
    }
    this.stuckSince ??= this.now;
    const why = this.aim === 0 ? "no worker" : "none free";
    if (this.isHopeless()) return this.giveUp(this.aim === 0 ? "no worker" : "failing");
    const waitedMs = this.now - this.stuckSince;
    if (waitedMs >= this.limits.patienceMs) return this.giveUp(why);
    if (this.isNoted || waitedMs < this.limits.noteMs) return;
    this.isNoted = true;
    this.effects.push({ kind: "NoteWaiting", why });
  }

  private isHopeless(): boolean {
    if (this.lookedAt === null || this.isLooking || this.slots.size > 0) return false;
    if (this.aim === 0) return !this.hasSeenWorkers;
    return [...this.known.values()].every(
      ({ worker, isDraining }) => isDraining || this.failuresOf(worker) >= failuresMax,
    );
  }

  private giveUp(why: (BorrowerEffect & { kind: "GiveUpWaiting" })["why"]): void {
    this.mode = "as needed";
    this.stuckSince = null;
    this.isNoted = false;
    // One more try of each with what is called next, and another look.
    for (const [worker, failures] of this.failures)
      if (failures >= failuresMax) this.failures.set(worker, failuresMax - 1);
    this.lookedAt = null;
    // CallsWait says otherwise as long as there are more.
    this.isWaiting = false;
    this.calmSince = this.now;
    this.effects.push({ kind: "GiveUpWaiting", why });
  }

  private learn(worker: LendingWorker): void {
    this.known.set(worker.worker, { ...worker, asked: 0 });
    this.hasSeenWorkers = true;
  }

  private failuresOf(worker: string): number {
    return this.failures.get(worker) ?? 0;
  }

  private count(state: Slot["state"]): number {
    let count = 0;
    for (const slot of this.slots.values()) if (slot.state === state) count++;
    return count;
  }
}

const loadOf = ({ leased, waiting, busy, asked, slots }: Known): number =>
  (leased + waiting + busy + asked) / slots;
