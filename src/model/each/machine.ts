// Decides for one run of `each` what happens next: which job starts in which slot, what is tried again, when a time is
// up, in which order results come out, when the run halts. Pure: an event and the time in, orders out; `runner.ts` obeys.
//
// Not here: arguments and commands (runner.ts), processes (job-process.ts), what a result looks like.
// Owner of: every job's state. No other file knows whether a job may start.
//
//   waiting ──▶ running ──▶ held ──▶ taken      held: ended, and its result not yet dealt with by who asked for it
//      ▲           │
//      └───────────┴──▶ interrupted             killed by a halt or a cancellation: as if it had never begun
//
// Invariants
//   E1  At most `jobs` attempts run, each in a slot of its own.
//   E2  While `heldMax` results are held nothing starts but the job that all others wait for.
//   E3  Each job that arrived comes out once, or is interrupted, or has not begun when the run finishes.
//   E4  When ordered, results come out in the order in which their jobs arrived.
//   E5  After a halt or a cancellation nothing starts.

import { invariant, unreachable } from "../../base/assert.ts";
import { RunningMedian } from "../../base/running-median.ts";
import { Ending } from "./ending.ts";
import type { EachEffect, EachEvent } from "./events.ts";
import { isHaltReached, type HaltRule } from "./halt.ts";
import { JobQueue } from "./job-queue.ts";

export interface EachRules {
  /** Attempts that run at a time. */
  readonly jobs: number;
  /** Attempts of one job, the first included; may be Infinity. */
  readonly attemptsMax: number;
  /** Of one attempt: milliseconds, or per cent of the median time of the jobs that succeeded. */
  readonly timeout: { readonly ms: number } | { readonly percent: number } | null;
  readonly halt: HaltRule | null;
  readonly isOrdered: boolean;
  /** Between two starts. */
  readonly delayMs: number;
  /** Jobs that wait for a slot. */
  readonly queueMax: number;
  readonly heldMax: number;
  /** Between the signal of a cancellation and the termination of what still runs. */
  readonly graceMs: number;
}

export interface EachCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly running: number;
  /** Null until the input has ended. */
  readonly total: number | null;
  /** Whether the halt rule has ended the run. */
  readonly isHalted: boolean;
}

interface Job {
  readonly seq: number;
  /** Place in the order of arrival. */
  readonly order: number;
  attempt: number;
  slot: number;
  startedAt: number;
  isTimedOut: boolean;
  /** Null: the attempt is not told to end. */
  ending: Ending | null;
}

/** The median of fewer says too little for a time limit. */
const medianMin = 3;

/**
 * "open": jobs start. "draining": none start, those that run may end. "stopping": those that run are told to end.
 * "finished": the last order was given.
 */
type Mode = "open" | "draining" | "stopping" | "finished";

export class EachMachine {
  private readonly rules: EachRules;
  private readonly queue = new JobQueue<Job>();
  private readonly running = new Map<number, Job>();
  private readonly usedSlots = new Set<number>();
  private readonly median = new RunningMedian();
  /** When ordered: what waits for an earlier result, by order; null for a job that gives none. */
  private readonly early = new Map<number, Job | null>();
  private mode: Mode = "open";
  /** Attempts that the system has room for, as far as is known. */
  private jobsNow: number;
  private isPulling = false;
  private hasInputEnded = false;
  private isHalted = false;
  private arrived = 0;
  private succeeded = 0;
  private failed = 0;
  private held = 0;
  private nextOrder = 0;
  private startAllowedAt = 0;

  constructor(rules: EachRules) {
    this.rules = rules;
    this.jobsNow = rules.jobs;
  }

  get counts(): EachCounts {
    const { succeeded, failed, arrived, isHalted, running } = this;
    return { succeeded, failed, isHalted, running: running.size, total: this.hasInputEnded ? arrived : null };
  }

  handle(event: EachEvent, now: number): EachEffect[] {
    const effects: EachEffect[] = [];
    switch (event.kind) {
      case "InputArrived":
        this.arrive(event.seq);
        break;
      case "InputEnded":
        this.isPulling = false;
        this.hasInputEnded = true;
        this.judge(now, effects);
        break;
      case "AttemptEnded":
        this.end(this.leave(event.seq), event.isSuccess, event.ranMs, effects);
        this.judge(now, effects);
        break;
      case "StartRefused":
        this.takeBack(this.leave(event.seq), effects);
        this.judge(now, effects);
        break;
      case "ResultTaken":
        this.held--;
        invariant(this.held >= 0, "E3", () => `result ${event.seq} was taken, and none was held`);
        break;
      case "CancelAsked":
        this.stop(event.signal, now, effects);
        break;
      case "DrainAsked":
        this.drain(effects);
        break;
      case "TimePassed":
        break;
      default:
        unreachable(event, "EachMachine.handle");
    }
    this.advance(now, effects);
    return effects;
  }

  /** When to say that time has passed; null: only events matter. */
  nextDeadline(): number | null {
    let earliest = this.mayStart() ? this.startAllowedAt : Infinity;
    for (const job of this.running.values()) earliest = Math.min(earliest, this.dueAt(job));
    return earliest === Infinity ? null : earliest;
  }

  private arrive(seq: number): void {
    this.isPulling = false;
    const order = this.arrived++;
    // What was asked for before the run was stopped comes too late.
    if (this.mode !== "open") return;
    this.queue.add({ seq, order, attempt: 0, slot: 0, startedAt: 0, isTimedOut: false, ending: null });
  }

  private leave(seq: number): Job {
    const job = this.running.get(seq);
    invariant(job !== undefined, "E1", () => `job ${seq} ended and was not running`);
    this.running.delete(seq);
    this.usedSlots.delete(job.slot);
    return job;
  }

  private end(job: Job, isSuccess: boolean, ranMs: number, effects: EachEffect[]): void {
    const { seq, isTimedOut } = job;
    this.jobsNow = Math.min(this.rules.jobs, this.jobsNow + 1);
    if (isSuccess && !isTimedOut) {
      this.succeeded++;
      this.median.add(ranMs);
      this.putOut(job, effects);
    } else if (job.ending?.isInterrupt === true) {
      effects.push({ kind: "DropAttempt", seq, isInterrupted: true });
      this.passOver(job, effects);
    } else if (this.mode === "open" && job.attempt < this.rules.attemptsMax) {
      effects.push({ kind: "DropAttempt", seq, isInterrupted: false });
      this.queue.addAgain(job);
    } else {
      this.failed++;
      this.putOut(job, effects);
    }
  }

  /** No room: the job waits until another has ended. With no other running the room will not come, and it fails. */
  private takeBack(job: Job, effects: EachEffect[]): void {
    if (this.running.size === 0) {
      this.failed++;
      this.putOut(job, effects);
      return;
    }
    this.jobsNow = this.running.size;
    job.attempt--;
    if (this.mode === "open") this.queue.addAgain(job);
    else this.passOver(job, effects);
  }

  private putOut(job: Job, effects: EachEffect[]): void {
    this.held++;
    if (!this.rules.isOrdered) {
      effects.push({ kind: "EmitResult", seq: job.seq, isTimedOut: job.isTimedOut });
      return;
    }
    this.early.set(job.order, job);
    this.putOutInOrder(effects);
  }

  /** Nobody waits for the job any more. */
  private passOver(job: Job, effects: EachEffect[]): void {
    if (!this.rules.isOrdered) return;
    this.early.set(job.order, null);
    this.putOutInOrder(effects);
  }

  private putOutInOrder(effects: EachEffect[]): void {
    for (;;) {
      const job = this.early.get(this.nextOrder);
      if (job === undefined) return;
      this.early.delete(this.nextOrder++);
      if (job !== null) effects.push({ kind: "EmitResult", seq: job.seq, isTimedOut: job.isTimedOut });
    }
  }

  /** Looks whether the halt rule is reached. */
  private judge(now: number, effects: EachEffect[]): void {
    const { halt } = this.rules;
    if (this.mode !== "open" || halt === null || !isHaltReached(halt, this.counts)) return;
    this.isHalted = true;
    this.drain(effects);
    if (halt.when === "soon") return;
    this.mode = "stopping";
    for (const job of this.running.values()) job.ending ??= new Ending(true, now);
  }

  private drain(effects: EachEffect[]): void {
    if (this.mode !== "open") return;
    this.mode = "draining";
    this.dropQueue(effects);
  }

  private stop(signal: NodeJS.Signals, now: number, effects: EachEffect[]): void {
    if (this.mode === "finished") return;
    this.mode = "stopping";
    this.dropQueue(effects);
    const first = { signal, graceMs: this.rules.graceMs };
    for (const job of this.running.values()) job.ending = new Ending(!job.isTimedOut, now, first);
  }

  private dropQueue(effects: EachEffect[]): void {
    for (const job of this.queue.clear()) this.passOver(job, effects);
  }

  private advance(now: number, effects: EachEffect[]): void {
    for (const job of this.running.values()) this.remind(job, now, effects);
    while (this.mayStart() && now >= this.startAllowedAt) this.start(now, effects);
    const { mode, hasInputEnded, queue } = this;
    if (mode === "open" && !hasInputEnded && !this.isPulling && queue.size < this.rules.queueMax) {
      this.isPulling = true;
      effects.push({ kind: "PullInput" });
    }
    const isOver = mode === "open" ? hasInputEnded && queue.size === 0 : mode !== "finished";
    if (!isOver || this.running.size > 0 || this.held > 0) return;
    invariant(this.early.size === 0, "E4", () => `results of order ${[...this.early.keys()].join()} wait`);
    this.mode = "finished";
    effects.push({ kind: "Finish" });
  }

  /** Gives the signal that is due for a job, the first of them when its time is up. */
  private remind(job: Job, now: number, effects: EachEffect[]): void {
    if (now < this.dueAt(job)) return;
    if (job.ending === null) {
      job.isTimedOut = true;
      job.ending = new Ending(false, now);
    }
    const signal = job.ending.take(now);
    if (signal !== null) effects.push({ kind: "SignalAttempt", seq: job.seq, signal });
  }

  private dueAt(job: Job): number {
    if (job.ending !== null) return job.ending.dueAt;
    const { timeout } = this.rules;
    if (timeout === null) return Infinity;
    if ("ms" in timeout) return job.startedAt + timeout.ms;
    if (this.median.size < medianMin) return Infinity;
    return job.startedAt + Math.ceil((this.median.median * timeout.percent) / 100);
  }

  private mayStart(): boolean {
    const { first } = this.queue;
    if (this.mode !== "open" || first === undefined || this.running.size >= this.jobsNow) return false;
    // The job that all others wait for may start in any case: nothing else can bring the number down.
    return this.held < this.rules.heldMax || (this.rules.isOrdered && first.order === this.nextOrder);
  }

  private start(now: number, effects: EachEffect[]): void {
    const job = this.queue.take()!;
    const { seq } = job;
    const slot = this.freeSlot();
    invariant(this.mode === "open", "E5", () => `job ${seq} starts while the run is ${this.mode}`);
    invariant(this.running.size < this.rules.jobs, "E1", () => `job ${seq} has no slot`);
    Object.assign(job, { slot, startedAt: now, attempt: job.attempt + 1, isTimedOut: false, ending: null });
    this.usedSlots.add(slot);
    this.running.set(seq, job);
    this.startAllowedAt = now + this.rules.delayMs;
    effects.push({ kind: "StartAttempt", seq, attempt: job.attempt, slot });
  }

  /** The lowest, from 1. */
  private freeSlot(): number {
    let slot = 1;
    while (this.usedSlots.has(slot)) slot++;
    return slot;
  }
}
