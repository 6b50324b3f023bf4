// One run of `each`: obeys the machine. Pulls arguments, starts processes, hands out results, writes the joblog.
//
// Not here: any decision about what runs next (machine.ts).
// Owner of: the arguments, processes and outputs of the jobs that are under way.
//
// A result is in the joblog once it was dealt with: when the next one is asked for. So what a process that dies has not
// handed on is done again by the next, and nothing is lost; its output may come twice.

import { performance } from "node:perf_hooks";
import { ShoalError } from "../../errors.ts";
import type { EachEffect, EachEvent } from "./events.ts";
import { exitStatusOf, type JobExit } from "./exit-status.ts";
import { JobProcess, type JobEnd } from "./job-process.ts";
import type { JoblogFile } from "./joblog-file.ts";
import { EachMachine } from "./machine.ts";
import type { EachOptions, EachPlan, EachProgress } from "./options.ts";
import { noOutput, type EachOutput } from "./output-file.ts";
import { signalNumber, type EachResult, type EachSummary } from "./result.ts";

/** A job before it runs. */
export interface JobSpec {
  readonly seq: number;
  readonly args: readonly string[];
  readonly command: (slot: number) => string;
}

/** Where the jobs of a run come from. */
export interface JobSource {
  /** Null where it must be read to know. */
  readonly count: number | null;
  /** Jobs that were left out so far, since the joblog has them. */
  readonly skipped: number;
  next(): Promise<JobSpec | null>;
  /** Ends a `next()` that waits. */
  close(): void;
}

interface Job {
  readonly spec: JobSpec;
  command: string;
  process: JobProcess | null;
  attempt: number;
  slot: number;
  /** Of performance.now(). */
  startedAt: number;
  runtimeMs: number;
  end: JobEnd | null;
}

/** Errors of the system that pass when another process has ended. */
const passing: ReadonlySet<string | undefined> = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"]);

export class EachRunner {
  private readonly plan: EachPlan;
  private readonly options: EachOptions;
  private readonly source: JobSource;
  private readonly joblog: JoblogFile | null;
  private readonly machine: EachMachine;
  private readonly events: EachEvent[] = [];
  private readonly jobs = new Map<number, Job>();
  private readonly results: EachResult[] = [];
  private readonly env: Readonly<Record<string, string | undefined>>;
  private readonly startedAt = performance.now();
  private isHandling = false;
  private isFinished = false;
  private isCancelled = false;
  private interrupted = 0;
  private haltedBy: JobExit | null = null;
  private failure: unknown = null;
  private timer: NodeJS.Timeout | null = null;
  private wake: () => void = () => {};
  /** Given out, and the next one not asked for yet. */
  private inHand: EachResult | null = null;

  constructor(plan: EachPlan, options: EachOptions, source: JobSource, joblog: JoblogFile | null) {
    this.plan = plan;
    this.options = options;
    this.source = source;
    this.joblog = joblog;
    this.machine = new EachMachine(plan.rules);
    this.env = { ...(options.env ?? process.env), PARALLEL_PID: String(process.pid) };
  }

  /** The results, one after the other. The run begins with the first `next()`, and ends when nobody wants more. */
  async *run(): AsyncGenerator<EachResult, void, undefined> {
    const { signal } = this.options;
    const onAbort = (): void => this.fail(abortError(signal!));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal?.aborted === true) onAbort();
      this.post({ kind: "TimePassed" });
      for (let result = await this.nextResult(); result !== null; result = await this.nextResult()) {
        this.inHand = result;
        yield result;
        this.inHand = null;
        this.settle(result);
      }
    } finally {
      await this.finish();
      signal?.removeEventListener("abort", onAbort);
    }
    if (this.failure !== null) throw this.failure;
  }

  /** Starts nothing more, and lets end what runs. */
  drain(): void {
    this.post({ kind: "DrainAsked" });
  }

  /** Starts nothing more, passes the signal on to what runs, and kills what does not end then. */
  cancel(signal: NodeJS.Signals): void {
    this.isCancelled = true;
    this.post({ kind: "CancelAsked", signal });
  }

  get summary(): EachSummary {
    const { succeeded, failed, isHalted, total } = this.machine.counts;
    return {
      succeeded,
      failed,
      skipped: this.source.skipped,
      interrupted: this.interrupted,
      isHalted,
      isCancelled: this.isCancelled,
      exitStatus: exitStatusOf(this.plan.rules.halt, { succeeded, failed, total }, this.haltedBy),
      wallMs: performance.now() - this.startedAt,
    };
  }

  private async nextResult(): Promise<EachResult | null> {
    while (this.results.length === 0 && !this.isFinished) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return this.results.shift() ?? null;
  }

  /** The result was dealt with. */
  private settle({
    seq,
    startedAt,
    runtimeMs,
    exitCode,
    signal,
    isTimedOut,
    command,
    stdout,
  }: EachResult): void {
    try {
      this.joblog?.append({
        seq,
        startedAt,
        runtimeMs,
        receivedBytes: stdout.bytes,
        exitCode: isTimedOut ? -1 : (exitCode ?? 0),
        signal: signalNumber(signal),
        command,
      });
    } catch (error) {
      this.fail(error);
    }
    this.drop(seq);
  }

  private drop(seq: number): void {
    this.jobs.get(seq)?.process?.release();
    this.jobs.delete(seq);
    this.post({ kind: "ResultTaken", seq });
  }

  /** Whatever ended the iteration: nothing of it goes on. */
  private async finish(): Promise<void> {
    this.source.close();
    if (!this.isFinished) this.cancel("SIGTERM");
    if (this.inHand !== null) this.drop(this.inHand.seq);
    while (!this.isFinished || this.results.length > 0) {
      const result = await this.nextResult();
      if (result !== null) this.drop(result.seq);
    }
    if (this.timer !== null) clearTimeout(this.timer);
    this.joblog?.close();
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.cancel("SIGTERM");
  }

  /** The drain rule: all effects of an event are performed, in order, before the next event is handled. */
  private post(event: EachEvent): void {
    this.events.push(event);
    if (this.isHandling) return;
    this.isHandling = true;
    for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) this.handle(next);
    this.isHandling = false;
    this.setTimer();
    this.wake();
  }

  private handle(event: EachEvent): void {
    const before = this.machine.counts;
    const effects = this.machine.handle(event, this.now());
    const after = this.machine.counts;
    if (after.isHalted && !before.isHalted) this.noteHalt(event);
    for (const effect of effects) this.perform(effect);
    const names = ["succeeded", "failed", "running", "total"] as const;
    if (names.some((name) => before[name] !== after[name])) this.tellProgress();
  }

  private tellProgress(): void {
    const { onProgress } = this.options;
    if (onProgress !== undefined) this.tell(() => onProgress(this.progress()));
  }

  /** Calls the user's function; what it throws ends the run, and not this loop. */
  private tell(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.fail(error);
    }
  }

  private now(): number {
    return Math.floor(performance.now());
  }

  private setTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const deadline = this.isFinished ? null : this.machine.nextDeadline();
    if (deadline === null) return;
    const waitMs = Math.min(Math.max(0, deadline - performance.now()) + 1, 2 ** 31 - 1);
    this.timer = setTimeout(() => this.post({ kind: "TimePassed" }), waitMs);
  }

  private perform(effect: EachEffect): void {
    switch (effect.kind) {
      case "PullInput":
        void this.pull();
        break;
      case "StartAttempt":
        this.start(this.jobs.get(effect.seq)!, effect.attempt, effect.slot);
        break;
      case "SignalAttempt":
        this.jobs.get(effect.seq)?.process?.signal(effect.signal);
        break;
      case "DropAttempt":
        this.jobs.get(effect.seq)?.process?.release();
        if (!effect.isInterrupted) break;
        this.interrupted++;
        this.jobs.delete(effect.seq);
        break;
      case "EmitResult":
        this.results.push(this.resultOf(this.jobs.get(effect.seq)!, effect.isTimedOut));
        break;
      case "Finish":
        this.isFinished = true;
        this.source.close();
        break;
    }
  }

  private async pull(): Promise<void> {
    try {
      const spec = await this.source.next();
      if (spec !== null) {
        const job = {
          spec,
          command: "",
          process: null,
          attempt: 0,
          slot: 0,
          startedAt: 0,
          runtimeMs: 0,
          end: null,
        };
        this.jobs.set(spec.seq, job);
        this.post({ kind: "InputArrived", seq: spec.seq });
        return;
      }
    } catch (error) {
      // What was read before is done, and then the error is thrown.
      this.failure ??= error;
    }
    this.post({ kind: "InputEnded" });
  }

  private start(job: Job, attempt: number, slot: number): void {
    const { seq } = job.spec;
    if (attempt === 1) job.command = job.spec.command(slot);
    job.process?.release();
    job.process = null;
    Object.assign(job, { attempt, slot, startedAt: performance.now(), end: null });
    if (this.plan.dryRun) {
      this.post({ kind: "AttemptEnded", seq, isSuccess: true, ranMs: 0 });
      return;
    }
    try {
      job.process = new JobProcess((end) => this.ended(job, end));
    } catch (error) {
      this.ended(job, { exitCode: null, signal: null, refusal: error as NodeJS.ErrnoException });
      return;
    }
    const { directory, shell } = this.plan;
    const env = { ...this.env, PARALLEL_SEQ: String(seq), PARALLEL_JOBSLOT: String(slot) };
    job.process.start({ shell, command: job.command, directory, env });
  }

  private ended(job: Job, end: JobEnd): void {
    const { seq } = job.spec;
    job.runtimeMs = performance.now() - job.startedAt;
    job.end = end;
    if (passing.has(end.refusal?.code)) {
      this.post({ kind: "StartRefused", seq });
      return;
    }
    const isSuccess = end.exitCode === 0;
    this.post({ kind: "AttemptEnded", seq, isSuccess, ranMs: job.runtimeMs });
  }

  private resultOf(job: Job, isTimedOut: boolean): EachResult {
    const { spec, command, attempt, slot, startedAt, runtimeMs, end } = job;
    const { exitCode, signal, refusal } = end ?? { exitCode: 0, signal: null, refusal: null };
    return {
      seq: spec.seq,
      args: spec.args,
      command,
      ok: exitCode === 0 && !isTimedOut,
      exitCode: refusal === null ? exitCode : 126,
      signal,
      isTimedOut,
      refusal: refusal === null ? null : refusal.message,
      attempts: attempt,
      slot,
      startedAt: performance.timeOrigin + startedAt,
      runtimeMs,
      stdout: outputOf(job, "stdout"),
      stderr: outputOf(job, "stderr"),
    };
  }

  private progress(): EachProgress {
    const { succeeded, failed, running, total } = this.machine.counts;
    const { skipped, count } = this.source;
    const all = total ?? (count === null ? null : Math.max(0, count - skipped));
    const elapsedMs = performance.now() - this.startedAt;
    const done = succeeded + failed;
    const etaMs = all === null || done === 0 ? null : (elapsedMs / done) * Math.max(0, all - done);
    return { succeeded, failed, running, total: all, skipped, elapsedMs, etaMs };
  }

  private noteHalt(event: EachEvent): void {
    const job = "seq" in event ? this.jobs.get(event.seq) : undefined;
    if (job?.end != null)
      this.haltedBy = { exitCode: job.end.exitCode, signal: signalNumber(job.end.signal) };
    else this.haltedBy = { exitCode: 1, signal: 0 };
    const { when } = this.plan.rules.halt!;
    const which =
      job?.end == null ? "" : `job ${job.spec.seq} ${job.end.exitCode === 0 ? "succeeded" : "failed"}; `;
    const running = this.machine.counts.running;
    const rest =
      running === 0
        ? ""
        : when === "now"
          ? `; killing ${running} that run`
          : `; waiting for ${running} that run`;
    this.tell(() => this.options.onNote?.(`halt: ${which}starting no more jobs${rest}`));
  }
}

const outputOf = (job: Job, name: "stdout" | "stderr"): EachOutput => job.process?.[name] ?? noOutput;

function abortError(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  return reason instanceof ShoalError ? reason : new ShoalError("CANCELLED", "cancelled", { cause: reason });
}
