// One run of one job, from its prepared form to its result: started (resume/start.ts), driven, journaled, ended.
//
// Owner of: the run's staging directory and folders. After success they are gone and the journal is left; after a
// failure, a cancellation or the death of this process they stay, if any task is finished, for the same command to go on.

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { jobId, taskName, type AttemptId, type JobId } from "../base/ids.ts";
import type { LogEntry } from "../core/log.ts";
import { defaultLimits, type JobOutcome, type JobSpec } from "../core/types.ts";
import { mayHaveObjects, objectPieces, type ReadPiece } from "../data/input/object-pieces.ts";
import { sinkNamed } from "../data/sinks.ts";
import type { DriverJob } from "../driver/driver.ts";
import { fromErrorData, ShoalError } from "../errors.ts";
import type { ProgramRef } from "../executor/program.ts";
import type { StagePlan } from "../plan/compile.ts";
import type { ParameterValue } from "../plan/job.ts";
import type { CpuUse } from "../protocol/journal.ts";
import type { AssignmentPayload, JobDescription, PreparedJob, RunData } from "../protocol/run.ts";
import { RunObserver, type Report } from "../report/observer.ts";
import { reportJson } from "../report/report-json.ts";
import { sweepNowAndThen } from "../store/jobs-sweep.ts";
import { writeSummary } from "../store/jobs.ts";
import { lockState } from "../store/lock.ts";
import { thisProcess } from "../store/process.ts";
import { blockFile, resultFile } from "../store/scratch.ts";
import { openState } from "../store/version.ts";
import { LiveJob } from "./live.ts";
import { noteLine } from "./note-line.ts";
import { startRun, type StartedRun } from "./resume/start.ts";
import { splitHashes } from "./resume/split-keys.ts";
import type { JobResult, RunOptions, ShoalSettings } from "./shoal.ts";

export interface JobRunRequest {
  readonly settings: ShoalSettings;
  readonly program: ProgramRef;
  /** Hash of the bundle. */
  readonly bundle: string;
  readonly description: JobDescription;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly prepared: PreparedJob;
  /** Prepares the job again, with its input cut to splits of this size. */
  readonly prepare: (splitBytes: number) => Promise<PreparedJob>;
  readonly options: RunOptions;
  readonly startedAt: number;
}

const progressEveryMs = 100;
/** A job that has run for so long has its input's contents hashed beside it. */
const hashAfterMs = 250;

/** Runs the job: see Shoal.run. */
export async function runJob(request: JobRunRequest): Promise<JobResult<unknown>> {
  const { stateDir } = request.settings;
  const lock = await lockState(stateDir);
  try {
    await openState(stateDir);
    const broken = new AbortController();
    const started = await startRun(request, newJobId, () => broken.abort());
    const run = new JobRun(request, started, broken.signal);
    const sweeping = sweepNowAndThen(stateDir, started.key, Date.now());
    try {
      return await run.run();
    } finally {
      await sweeping;
    }
  } finally {
    await lock.release();
  }
}

class JobRun {
  private readonly request: JobRunRequest;
  private readonly started: StartedRun;
  /** Aborted when the journal breaks. */
  private readonly journalBroken: AbortSignal;
  private readonly sinkStage: StagePlan;
  private readonly observer: RunObserver;
  private live: LiveJob | null = null;
  private waits: string | null = null;
  private isOver = false;
  private cpu: CpuUse = { ms: 0, cores: 1 };
  private value: unknown = undefined;

  constructor(request: JobRunRequest, started: StartedRun, journalBroken: AbortSignal) {
    this.request = request;
    this.started = started;
    this.journalBroken = journalBroken;
    const { prepared, opened } = started;
    this.sinkStage = prepared.stages.at(-1)!;
    this.observer = new RunObserver({
      job: opened.job,
      slots: opened.slots,
      stages: opened.stages,
      inputFiles: opened.inputFiles,
      inputBytes: opened.inputBytes,
      startedAt: Math.floor(request.startedAt),
    });
  }

  async run(): Promise<JobResult<unknown>> {
    const { settings, options } = this.request;
    const { opened, output, id, notes } = this.started;
    let outcome: JobOutcome = { kind: "cancelled", reason: "it could not be driven" };
    try {
      await this.summarize(null);
      for (const note of notes) options.onNote?.(note);
      this.live = await LiveJob.start({
        stateDir: settings.stateDir,
        opened,
        driver: settings.driver,
        waits: () => this.waits,
        now: () => Math.floor(performance.now()),
        progress: () => this.observer.progress(Math.floor(performance.now())),
      });
      outcome = await this.drive();
      if (outcome.kind !== "succeeded") throw this.failure(outcome);
      return {
        job: id,
        value: this.value,
        output: output === null ? null : { directory: output.directory, files: output.files },
        report: this.report(),
      };
    } finally {
      this.isOver = true;
      await this.live?.close();
      await this.end(outcome);
    }
  }

  private async drive(): Promise<JobOutcome> {
    const { settings, options } = this.request;
    const controller = new AbortController();
    const cancel = (): void => controller.abort(options.signal?.reason);
    const giveUp = (): void => controller.abort(this.started.journal.failure);
    options.signal?.addEventListener("abort", cancel);
    this.journalBroken.addEventListener("abort", giveUp);
    if (options.signal?.aborted === true) cancel();
    if (this.journalBroken.aborted) giveUp();
    const hashing = setTimeout(() => void this.hashInput(), hashAfterMs).unref();
    const timer =
      options.onProgress === undefined
        ? null
        : setInterval(
            () => options.onProgress!(this.observer.progress(Math.floor(performance.now()))),
            progressEveryMs,
          );
    const before = process.cpuUsage();
    try {
      return await settings.driver.run(this.driverJob(controller.signal));
    } finally {
      const { user, system } = process.cpuUsage(before);
      this.cpu = { ms: Math.round((user + system) / 1000), cores: availableParallelism() };
      clearTimeout(hashing);
      if (timer !== null) clearInterval(timer);
      options.signal?.removeEventListener("abort", cancel);
      this.journalBroken.removeEventListener("abort", giveUp);
    }
  }

  private driverJob(signal: AbortSignal): DriverJob {
    const { program } = this.request;
    const { prepared, adopt } = this.started;
    const run = this.runData();
    const splitOf = (stage: number, index: number): PreparedJob["splits"][number] | null =>
      prepared.stages[stage]!.input.kind === "source" ? prepared.splits[index]! : null;
    const pieces = (stage: number, index: number): ReadPiece[] => {
      const split = splitOf(stage, index);
      return split === null ? [] : objectPieces(split);
    };
    return {
      spec: this.spec(),
      program,
      adopt,
      payload: (stage, index): AssignmentPayload => ({ run, split: splitOf(stage, index) }),
      ...(prepared.splits.some(mayHaveObjects) ? { pieces } : {}),
      commit: (winners) => this.commit(winners),
      resultFile: (attempt) => (this.started.output === null ? resultFile(this.scratch, attempt) : null),
      discard: (attempt) => this.discard(attempt),
      print: (text) => this.request.settings.onPrint(text),
      note: (line) => this.request.options.onNote?.(line),
      title: this.request.settings.submitted?.id ?? this.started.id,
      waits: (why) => {
        this.waits = why;
        this.request.settings.submitted?.waits(why);
      },
      signal,
      observe: (entry) => this.observe(entry),
    };
  }

  private spec(): JobSpec {
    const { id, opened } = this.started;
    const stages = opened.stages.map(({ name, tasks, reads, output }) => ({ name, tasks, reads, output }));
    return {
      id,
      stages,
      limits: { ...defaultLimits, taskTimeoutMs: this.request.options.taskTimeoutMs ?? null },
    };
  }

  private runData(): RunData {
    const { settings, parameters } = this.request;
    const { id, prepared, output } = this.started;
    return {
      job: id,
      parameters,
      fingerprint: prepared.fingerprint,
      stages: prepared.stages,
      scratch: this.scratch,
      staging: output?.stagingPlace ?? null,
      memoryBytes: Math.floor(settings.memoryBytes / settings.slots),
    };
  }

  private get scratch(): string {
    return this.started.directory.scratch(this.started.id);
  }

  private async commit(winners: readonly AttemptId[]): Promise<void> {
    const { output, journal } = this.started;
    // Where others may take the job, who publishes must still be the one who may: whose journal is not, finds out here.
    if (this.request.settings.journalFile !== undefined) await journal.durable();
    if (output !== null) {
      await output.commit(winners.map((attempt, part) => ({ attempt, part })));
    } else if (this.sinkStage.output.kind === "sink") {
      const files = winners.map((attempt) => resultFile(this.scratch, attempt));
      this.value = await sinkNamed(this.sinkStage.output.sink)!.result!(files, this.sinkStage.output.options);
    }
  }

  /** Files of an attempt that lost. Nothing reads them; what cannot be deleted goes with the run's directories. */
  private discard(attempt: AttemptId): void {
    for (const file of [blockFile(this.scratch, attempt), resultFile(this.scratch, attempt)]) {
      void rm(file, { force: true }).catch(() => {});
    }
    void this.started.output?.discard(attempt);
  }

  private observe(entry: LogEntry): void {
    const numbered = this.started.journal.observe(entry);
    this.observer.observe(numbered);
    this.live?.observe(numbered);
    const { onNote } = this.request.options;
    if (onNote === undefined || entry.type !== "effect" || entry.body.kind !== "NoteDecision") return;
    const line = noteLine(entry.body.note);
    if (line !== null) onNote(line);
  }

  /** In the background, so that a later process knows whether a file was only touched. */
  private async hashInput(): Promise<void> {
    const { prepared, hashes, journal } = this.started;
    for await (const hashed of splitHashes(prepared.splits, hashes, () => !this.isOver)) {
      if (!this.isOver) journal.hashed([hashed]);
    }
  }

  /** Closes the journal, and deletes what nobody needs any more. Never throws: the job is over, one way or the other. */
  private async end(outcome: JobOutcome): Promise<void> {
    const { output, journal, directory, id } = this.started;
    await journal.close(Date.now(), outcome, reportJson(this.report()), this.cpu);
    await this.summarize(outcome).catch(() => {}); // the journal tells the same
    if (outcome.kind === "succeeded" || this.finishedTasks === 0) {
      await output?.abort();
      await directory.end(id);
    } else {
      await output?.suspend();
    }
  }

  private get finishedTasks(): number {
    return this.observer.progress(Math.floor(performance.now())).tasks.finished;
  }

  private async summarize(outcome: JobOutcome | null): Promise<void> {
    const { opened, key, directory, kept, beganAt } = this.started;
    await writeSummary(directory.path, {
      format: 1,
      key,
      run: opened.run,
      job: opened.job,
      file: opened.file,
      directory: opened.directory,
      parameters: opened.parameters,
      output: opened.output,
      owner: thisProcess(),
      incarnation: opened.incarnation,
      openedAt: beganAt,
      closedAt: outcome === null ? null : Date.now(),
      outcome: outcome?.kind ?? null,
      tasks: opened.stages.reduce((sum, { tasks }) => sum + tasks, 0),
      kept: outcome === null ? kept : outcome.kind === "succeeded" ? 0 : this.finishedTasks,
    });
  }

  private report(): Report {
    return this.observer.report(Math.floor(performance.now()));
  }

  /** The error that `run` rejects with: what failed, in which task, and what is kept. */
  private failure(outcome: Exclude<JobOutcome, { kind: "succeeded" }>): ShoalError {
    const report = this.report();
    const kept = this.kept();
    const { failure } = this.started.journal;
    if (outcome.kind === "cancelled") {
      const details = { job: this.started.id, kept };
      const error =
        failure === null
          ? new ShoalError("CANCELLED", `the job was cancelled: ${outcome.reason}`, { details })
          : new ShoalError(failure.code, failure.message, {
              cause: failure.cause,
              hint: failure.hint,
              details: { ...failure.details, ...details },
            });
      return withReport(error, report);
    }
    const error = fromErrorData(outcome.error);
    const details = {
      job: this.started.id,
      kept,
      ...(outcome.task === null ? {} : { task: taskName(outcome.task) }),
    };
    const wrapped =
      error instanceof ShoalError
        ? new ShoalError(error.code, error.message, {
            hint: error.hint,
            details: { ...error.details, ...details },
            ...(error.cause === undefined ? {} : { cause: error.cause }),
          })
        : new ShoalError("INTERNAL", error.message, { cause: error, details });
    return withReport(wrapped, report);
  }

  private kept(): string {
    const { output } = this.started;
    const { finished, total } = this.observer.progress(Math.floor(performance.now())).tasks;
    const what = output === null ? "nothing was written" : output.keeps;
    if (this.started.journal.failure !== null)
      return `${what}; what the journal has is kept: the same command continues`;
    return finished === 0
      ? what
      : `${what}; ${finished} of ${total} ${total === 1 ? "task is" : "tasks are"} kept: the same command continues`;
  }
}

const withReport = (error: ShoalError, report: Report): ShoalError =>
  Object.defineProperty(error, "report", { value: report, enumerable: false });

/** Sortable by time, unique by chance: `j20261120-104501-k3f9a2`. */
function newJobId(): JobId {
  const time = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return jobId(`j${time}-${randomBytes(3).toString("hex")}`);
}
