// The driver of one machine: one worker, "w1", in this process, whose slots are threads.
//
// Each run has its own coordinator, worker machine and loop; the threads are kept warm between runs. This file obeys
// (driver.ts): it performs effects and turns what comes of them into events. It decides nothing.

import { workerId, type AttemptId } from "../../base/ids.ts";
import { createCoordinator } from "../../core/coordinator/coordinator.ts";
import type { CoordinatorEffect } from "../../core/coordinator/events.ts";
import { createWorker } from "../../core/worker/worker.ts";
import type { WorkerEffect } from "../../core/worker/events.ts";
import type { JobOutcome } from "../../core/types.ts";
import { ShoalError, toErrorData } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import { reasonOf, type Driver, type DriverJob } from "../driver.ts";
import { Loop, type LoopClock } from "../loop.ts";
import { SlotThread, type SlotThreadOptions } from "./slot-thread.ts";

export interface ThreadsOptions extends SlotThreadOptions {
  readonly slots: number;
  /** How long an aborted attempt may take to end by itself before its thread is ended. */
  readonly abortGraceMs: number;
  /** Takes what user code prints. */
  readonly onPrint: (text: string) => void;
}

/** The one worker: its id in the coordinator's words, and its machine's name in the loop's. */
const theWorker = workerId(1);
const machine = "w1";

export class ThreadsDriver implements Driver {
  readonly name = "threads";
  private readonly options: ThreadsOptions;
  /** By slot number. A thread that has ended is replaced when its slot is started again. */
  private readonly threads: SlotThread[] = [];
  private readonly keys = new Map<string, string>();
  private isClosed = false;
  private lastRun: Promise<unknown> = Promise.resolve();

  constructor(options: ThreadsOptions) {
    this.options = options;
    for (let slot = 0; slot < options.slots; slot++) this.thread(slot);
  }

  async call(program: ProgramRef, method: string, argument: unknown): Promise<unknown> {
    this.assertOpen();
    const thread = this.thread(0);
    thread.setReferenced(true);
    thread.listener = (message) => this.print(message);
    try {
      return await thread.call(program, this.keyOf(program), method, argument);
    } finally {
      if (thread.isAlive) thread.setReferenced(false);
    }
  }

  /** Lets every slot load the program now, rather than when its first attempt comes. */
  preload(program: ProgramRef): void {
    for (let slot = 0; slot < this.options.slots; slot++) this.thread(slot).load(program, this.keyOf(program));
  }

  /** Jobs of one driver run one after the other, in the order of the calls. */
  run(job: DriverJob): Promise<JobOutcome> {
    this.assertOpen();
    const outcome = this.lastRun.then(() => new ThreadsRun(job, this.options, (slot) => this.thread(slot), this.keyOf(job.program)).start());
    this.lastRun = outcome.catch(() => {});
    return outcome;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.threads.map((thread) => thread.terminate("the driver was closed")));
  }

  private thread(slot: number): SlotThread {
    const existing = this.threads[slot];
    if (existing?.isAlive === true) return existing;
    const thread = new SlotThread(this.options);
    thread.setReferenced(false);
    this.threads[slot] = thread;
    return thread;
  }

  /** Programs are named by what they are, so that a warm slot loads each one once. */
  private keyOf(program: ProgramRef): string {
    const text = JSON.stringify([program.module, program.data]);
    const key = this.keys.get(text) ?? `p${this.keys.size + 1}`;
    this.keys.set(text, key);
    return key;
  }

  private print(message: FromSlot): void {
    if (message.kind === "printed") this.options.onPrint(message.text);
  }

  private assertOpen(): void {
    if (this.isClosed) throw new ShoalError("CLOSED", "the connection was closed");
  }
}

/** One job on the threads of a driver. */
class ThreadsRun {
  private readonly job: DriverJob;
  private readonly options: ThreadsOptions;
  private readonly thread: (slot: number) => SlotThread;
  private readonly key: string;
  private readonly loop: Loop;
  private readonly clock = new SystemClock();
  private readonly inUse = new Map<number, SlotThread>();
  /** Threads with an attempt that has not ended. */
  private readonly busy = new Set<SlotThread>();
  /** Assigned and not yet reported. */
  private readonly assignments = new Map<AttemptId, Assignment>();
  private resolve: (outcome: JobOutcome) => void = () => {};

  constructor(job: DriverJob, options: ThreadsOptions, thread: (slot: number) => SlotThread, key: string) {
    this.job = job;
    this.options = options;
    this.thread = thread;
    this.key = key;
    this.loop = new Loop(this.clock, (name, effect, entry) =>
      (name === "coordinator" ? this.performCoordinator(effect, entry) : this.performWorker(effect, entry)), job.observe.bind(job));
    this.loop.add("coordinator", createCoordinator());
    this.loop.add(machine, createWorker());
  }

  async start(): Promise<JobOutcome> {
    const { slots, abortGraceMs } = this.options;
    const outcome = new Promise<JobOutcome>((resolve) => (this.resolve = resolve));
    const cancel = (): void => this.loop.post("coordinator", { kind: "CancelRequested", reason: reasonOf(this.job.signal) }, null);
    this.loop.post("coordinator", { kind: "JobSubmitted", job: this.job.spec }, null);
    this.loop.post(machine, { kind: "WorkerStarted", slots, abortGraceMs }, null);
    this.loop.post("coordinator", { kind: "WorkerJoined", worker: theWorker, slots }, null);
    this.job.signal.addEventListener("abort", cancel);
    if (this.job.signal.aborted) cancel();
    try {
      return await outcome;
    } finally {
      this.job.signal.removeEventListener("abort", cancel);
      this.loop.stop();
      // A backup that lost may run on after the job's success; the next job must not meet it.
      await Promise.all([...this.busy].map((thread) => thread.terminate("its job is over")));
      for (const thread of this.inUse.values()) {
        thread.listener = () => {};
        if (thread.isAlive) thread.setReferenced(false);
      }
    }
  }

  private performCoordinator(effect: CoordinatorEffect, entry: number): void {
    switch (effect.kind) {
      case "AssignAttempt": {
        const { attempt, stage, index, inputs, isBackup } = effect;
        this.assignments.set(attempt, {
          attempt, stage, index, inputs, isBackup, worker: theWorker, slot: -1, payload: this.job.payload(stage, index),
        });
        this.loop.post(machine, { kind: "AttemptAssigned", attempt }, entry);
        return;
      }
      case "CancelAttempt":
        this.loop.post(machine, { kind: "CancelRequested", attempt: effect.attempt }, entry);
        return;
      case "DiscardOutput":
        this.job.discard(effect.attempt);
        return;
      case "CommitOutput":
        this.job.commit(effect.winners).then(
          () => this.loop.post("coordinator", { kind: "OutputCommitted" }, entry),
          (error: unknown) => this.loop.post("coordinator", { kind: "CommitFailed", error: toErrorData(error) }, entry));
        return;
      case "FinishJob":
        this.resolve(effect.outcome);
        return;
      case "EventIgnored":
      case "NoteDecision":
        return;
    }
  }

  private performWorker(effect: WorkerEffect, entry: number): void {
    switch (effect.kind) {
      case "StartSlot":
        this.startSlot(effect.slot, effect.generation, entry);
        return;
      case "RunAttempt": {
        const thread = this.inUse.get(effect.slot)!;
        this.busy.add(thread);
        thread.run(this.job.program, this.key, { ...this.assignments.get(effect.attempt)!, slot: effect.slot });
        return;
      }
      case "AbortAttempt":
        this.inUse.get(effect.slot)!.abort(effect.attempt, "it is no longer needed");
        return;
      case "TerminateSlot":
        void this.inUse.get(effect.slot)?.terminate(effect.why);
        return;
      case "ReportStarted":
        this.loop.post("coordinator", { kind: "AttemptStarted", worker: theWorker, attempt: effect.attempt, slot: effect.slot }, entry);
        return;
      case "ReportFinished":
        this.assignments.delete(effect.attempt);
        this.loop.post("coordinator", { kind: "AttemptFinished", worker: theWorker, attempt: effect.attempt, figures: effect.figures }, entry);
        return;
      case "ReportFailed":
        this.assignments.delete(effect.attempt);
        this.loop.post("coordinator", { kind: "AttemptFailed", worker: theWorker, attempt: effect.attempt, failure: effect.failure }, entry);
        return;
      case "EventIgnored":
        return;
    }
  }

  private startSlot(slot: number, generation: number, entry: number): void {
    const thread = this.thread(slot);
    thread.setReferenced(true);
    this.inUse.set(slot, thread);
    thread.load(this.job.program, this.key);
    thread.listener = (message) => {
      if (message.kind === "finished" || message.kind === "failed") this.busy.delete(thread);
      this.receive(slot, generation, message, entry);
    };
    void thread.ready.then(() => this.loop.post(machine, { kind: "SlotReady", slot, generation }, entry));
    void thread.exited.then((error) => {
      this.busy.delete(thread);
      this.loop.post(machine, { kind: "SlotExited", slot, generation, error }, entry);
    });
  }

  private receive(slot: number, generation: number, message: FromSlot, entry: number): void {
    switch (message.kind) {
      case "progress":
        this.loop.post("coordinator", { ...message, kind: "AttemptProgressed" }, entry);
        return;
      case "finished":
        this.loop.post(machine, { kind: "SlotFinished", slot, generation, attempt: message.attempt, figures: message.figures }, entry);
        return;
      case "failed":
        this.loop.post(machine, { kind: "SlotFailed", slot, generation, attempt: message.attempt, failure: message.failure }, entry);
        return;
      case "printed":
        this.options.onPrint(message.text);
        return;
      case "ready":
      case "answered":
      case "refused":
        return;
    }
  }
}

/** Milliseconds since the process began, and one timer that does not keep it alive by itself. */
class SystemClock implements LoopClock {
  private timer: NodeJS.Timeout | null = null;

  now(): number {
    return Math.floor(performance.now());
  }

  setTimer(at: number | null, fire: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = at === null ? null : setTimeout(fire, Math.max(0, at - this.now()));
  }
}
