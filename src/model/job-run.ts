// One run of one job, from its prepared form to its result: output directory, scratch files, driver, report, clean-up.
//
// Owner of: the run's staging and scratch directories. Whatever happens, they are gone when `run` has settled.

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { jobId, taskName, type AttemptId, type JobId } from "../base/ids.ts";
import { defaultLimits, type JobOutcome, type JobSpec, type StageSpec } from "../core/types.ts";
import { sinkNamed } from "../data/sinks.ts";
import type { LogEntry } from "../core/log.ts";
import type { DriverJob } from "../driver/driver.ts";
import { fromErrorData, ShoalError } from "../errors.ts";
import type { ProgramRef } from "../executor/program.ts";
import type { StagePlan } from "../plan/compile.ts";
import type { ParameterValue } from "../plan/job.ts";
import type { AssignmentPayload, JobDescription, PreparedJob, RunData } from "../protocol/run.ts";
import { RunObserver, type Report } from "../report/observer.ts";
import { lockState } from "../store/lock.ts";
import { OutputTransaction, planOutput } from "../store/output.ts";
import { blockFile, createScratch, resultFile, type Scratch } from "../store/scratch.ts";
import { openState } from "../store/version.ts";
import { noteLine } from "./note-line.ts";
import type { JobResult, RunOptions, ShoalSettings } from "./shoal.ts";

export interface JobRunRequest {
  readonly settings: ShoalSettings;
  readonly program: ProgramRef;
  readonly description: JobDescription;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly prepared: PreparedJob;
  readonly options: RunOptions;
  readonly startedAt: number;
}

const progressEveryMs = 100;

export class JobRun {
  private readonly request: JobRunRequest;
  private readonly id: JobId = newJobId();
  private readonly sinkStage: StagePlan;
  private readonly observer: RunObserver;
  private scratch: Scratch | null = null;
  private output: OutputTransaction | null = null;
  private value: unknown = undefined;

  constructor(request: JobRunRequest) {
    this.request = request;
    const { prepared, description, settings } = request;
    this.sinkStage = prepared.stages.at(-1)!;
    this.observer = new RunObserver({
      job: description.name,
      slots: settings.slots,
      stages: prepared.stages.map((stage) => ({
        name: stage.name, tasks: taskCount(stage, prepared), inputBytes: stage.input.kind === "source" ? prepared.inputBytes : null,
      })),
      inputFiles: prepared.inputFiles,
      inputBytes: prepared.inputBytes,
      startedAt: Math.floor(request.startedAt),
    });
  }

  async run(): Promise<JobResult<unknown>> {
    const { settings } = this.request;
    const lock = await lockState(settings.stateDir);
    try {
      await openState(settings.stateDir);
      this.output = await this.openOutput();
      this.scratch = await createScratch(settings.stateDir, this.id);
      const outcome = await this.drive();
      if (outcome.kind !== "succeeded") throw this.failure(outcome);
      return {
        job: this.id,
        value: this.value,
        output: this.output === null ? null : { directory: this.output.directory, files: this.output.files },
        report: this.report(),
      };
    } finally {
      await this.output?.abort();
      await this.scratch?.remove();
      await lock.release();
    }
  }

  private async openOutput(): Promise<OutputTransaction | null> {
    const { settings, description, prepared, options } = this.request;
    const { output } = this.sinkStage;
    if (output.kind !== "sink" || sinkNamed(output.sink)?.target !== "directory") return null;
    const directory = path.resolve(settings.directory, String(output.options["output"]));
    const plan = await planOutput(directory, {
      job: description.name, overwrite: options.overwrite === true, roots: prepared.inputRoots, directory: settings.directory,
    });
    return await OutputTransaction.begin(plan, this.id);
  }

  private async drive(): Promise<JobOutcome> {
    const { settings, options } = this.request;
    const controller = new AbortController();
    const cancel = (): void => controller.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", cancel);
    if (options.signal?.aborted === true) cancel();
    const timer = options.onProgress === undefined ? null
      : setInterval(() => options.onProgress!(this.observer.progress(Math.floor(performance.now()))), progressEveryMs);
    try {
      return await settings.driver.run(this.driverJob(controller.signal));
    } finally {
      if (timer !== null) clearInterval(timer);
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  private driverJob(signal: AbortSignal): DriverJob {
    const { prepared, program } = this.request;
    const run = this.runData();
    return {
      spec: this.spec(),
      program,
      payload: (stage, index): AssignmentPayload =>
        ({ run, split: prepared.stages[stage]!.input.kind === "source" ? prepared.splits[index]! : null }),
      commit: (winners) => this.commit(winners),
      discard: (attempt) => this.discard(attempt),
      signal,
      observe: (entry) => this.observe(entry),
    };
  }

  private spec(): JobSpec {
    const { prepared, options } = this.request;
    const stages = prepared.stages.map((stage): StageSpec => ({
      name: stage.name,
      tasks: taskCount(stage, prepared),
      reads: readsOf(stage),
      output: stage.output.kind === "sink" ? "kept" : "blocks",
    }));
    return { id: this.id, stages, limits: { ...defaultLimits, taskTimeoutMs: options.taskTimeoutMs ?? null } };
  }

  private runData(): RunData {
    const { settings, prepared, parameters } = this.request;
    return {
      job: this.id,
      parameters,
      fingerprint: prepared.fingerprint,
      stages: prepared.stages,
      scratch: this.scratch!.directory,
      staging: this.output?.staging ?? null,
      memoryBytes: Math.floor(settings.memoryBytes / settings.slots),
    };
  }

  private async commit(winners: readonly AttemptId[]): Promise<void> {
    if (this.output !== null) {
      const parts = winners.map((attempt, part) => ({ attempt, part }));
      await this.output.commit(parts);
    } else if (this.sinkStage.output.kind === "sink") {
      const files = winners.map((attempt) => resultFile(this.scratch!.directory, attempt));
      this.value = await sinkNamed(this.sinkStage.output.sink)!.result!(files, this.sinkStage.output.options);
    }
  }

  /** Files of an attempt that lost. Nothing reads them; what cannot be deleted goes with the run's directories. */
  private discard(attempt: AttemptId): void {
    const { directory } = this.scratch!;
    for (const file of [blockFile(directory, attempt), resultFile(directory, attempt)]) void rm(file, { force: true }).catch(() => {});
    void this.output?.discard(attempt);
  }

  private observe(entry: LogEntry): void {
    this.observer.observe(entry);
    const { onNote } = this.request.options;
    if (onNote === undefined || entry.type !== "effect" || entry.body.kind !== "NoteDecision") return;
    const line = noteLine(entry.body.note);
    if (line !== null) onNote(line);
  }

  private report(): Report {
    return this.observer.report(Math.floor(performance.now()));
  }

  /** The error that `run` rejects with: what failed, in which task, and what is kept. */
  private failure(outcome: Exclude<JobOutcome, { kind: "succeeded" }>): ShoalError {
    const report = this.report();
    const kept = this.output === null ? "nothing was written" : this.output.keeps;
    if (outcome.kind === "cancelled") {
      return withReport(new ShoalError("CANCELLED", `the job was cancelled: ${outcome.reason}`, { details: { job: this.id, kept } }), report);
    }
    const error = fromErrorData(outcome.error);
    const details = { job: this.id, kept, ...(outcome.task === null ? {} : { task: taskName(outcome.task) }) };
    const wrapped = error instanceof ShoalError
      ? new ShoalError(error.code, error.message, { hint: error.hint, details: { ...error.details, ...details }, ...(error.cause === undefined ? {} : { cause: error.cause }) })
      : new ShoalError("INTERNAL", error.message, { cause: error, details });
    return withReport(wrapped, report);
  }
}

const withReport = (error: ShoalError, report: Report): ShoalError => Object.defineProperty(error, "report", { value: report, enumerable: false });

function taskCount(stage: StagePlan, prepared: PreparedJob): number {
  switch (stage.input.kind) {
    case "source": return prepared.splits.length;
    case "samples": return 1;
    case "shuffle": return stage.input.shuffle.partitions!;
  }
}

function readsOf({ input }: StagePlan): number[] {
  if (input.kind === "source") return [];
  return input.kind === "shuffle" && input.bounds !== null ? [input.from, input.bounds] : [input.from];
}

/** Sortable by time, unique by chance: `j20261120-104501-k3f9a2`. */
function newJobId(): JobId {
  const time = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return jobId(`j${time}-${randomBytes(3).toString("hex")}`);
}

