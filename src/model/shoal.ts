// Shoal: the client's side of a connection. Runs jobs: bundle → describe → prepare → driver → result.
//
// Not here: who decides (core/), who obeys (driver/), what runs in slots (executor/). No user code runs here.

import { stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../bundle/bundle.ts";
import { ShoalError } from "../errors.ts";
import type { Driver } from "../driver/driver.ts";
import { isJob, type Job, type Parameters, type ParameterValue } from "../plan/job.ts";
import { fillParameters } from "../plan/parameters.ts";
import { currentRegistry } from "../plan/registry.ts";
import type { MountTable } from "../protocol/place.ts";
import type { JobDescription } from "../protocol/run.ts";
import type { Progress } from "../report/observer.ts";
import type { Report } from "../report/report.ts";
import type { CallFigures, CallPlane, DrainResult } from "../driver/call-plane.ts";
import { Functions } from "./calls/functions.ts";
import { checkCallOptions, type CallOptions } from "./calls/options.ts";
import type { Inputs } from "./calls/item-source.ts";
import type { MapOptions, MapOutcome, MapResults } from "./calls/map.ts";
import type { Remote, RemoteFunction } from "./calls/remote.ts";
import type { ModuleBundle } from "./calls/remote-module.ts";
import { runProgram } from "./run-program.ts";
import type { Submission } from "./submitted/client.ts";
import type { SegmentFile } from "../store/journal/journal.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** A job: the value itself, or the file that exports it. */
export type JobRef<P extends Parameters = Parameters, R = unknown> = Job<P, R> | URL | string;

export interface RunOptions {
  /** Aborting it cancels the job; `run` then rejects with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Overrides every partition count of the plan. 1 to 100,000. */
  readonly partitions?: number;
  /** Aimed size of a map task's input in bytes. Default: a function of the input's size, 8 to 64 MiB. */
  readonly splitBytes?: number;
  /** Replace an output directory that is not empty and not this job's own. Default false. */
  readonly overwrite?: boolean;
  /** Start anew, whatever an earlier process of the same job has done. Default false: its finished tasks are kept. */
  readonly fresh?: boolean;
  /** Wall time of one attempt. Default: no limit. */
  readonly taskTimeoutMs?: number;
  /** When the run began for its report, on `performance.now()`'s clock. Default: now. */
  readonly startedAt?: number;
  /** Called at most ten times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** A decision worth telling: what is kept of an earlier process, a retry, a backup, a lost slot. One line. */
  readonly onNote?: (line: string) => void;
}

export interface SubmitOptions extends Pick<
  RunOptions,
  "partitions" | "splitBytes" | "overwrite" | "taskTimeoutMs"
> {
  /**
   * The same program with the same parameters, submitted before: one that is not over is this one, and one that failed or
   * was cancelled goes on, with what it has finished. Default false: each is a job of its own.
   */
  readonly joins?: boolean;
}

export interface JobResult<R> {
  /** The run's id. */
  readonly job: string;
  /** What the sink gives: the records of `collect()`, the number of `count()`; undefined for files. */
  readonly value: R;
  /** For sinks that write files: the directory and its files, by partition. */
  readonly output: { readonly directory: string; readonly files: readonly string[] } | null;
  readonly report: Report;
}

export interface ShoalSettings {
  readonly driver: Driver;
  /** Files of the journal that are more than files of this machine. Absent: they are not. */
  readonly journalFile?: (file: string, isNew: boolean) => SegmentFile;
  /** Makes the call plane, when a function is first used; and the bundle of a module, by its name as it was given. */
  readonly calls: () => CallPlane;
  readonly bundle: (module: string) => Promise<ModuleBundle>;
  readonly slots: number;
  /** Bytes of records that all slots together may hold in memory. */
  readonly memoryBytes: number;
  readonly stateDir: string;
  /** Relative paths of jobs are relative to this directory; these prefixes stand for other places. */
  readonly directory: string;
  readonly mounts: MountTable;
  /** Leaves a job to the cluster, and returns its id. Absent: this is one machine. */
  readonly submit?: (submission: Submission, joins: boolean) => Promise<string>;
  /** Takes what user code prints in slots of other machines. */
  readonly onPrint: (text: string) => void;
  /** The job is one of a cluster, of that id; `waits` is told why no worker takes part in it, and when one does: null. */
  readonly submitted?: { readonly id: string; readonly waits: (why: string | null) => void };
  /** URL of the executor's module. */
  readonly executor: string;
  /** URL of the module whose exports a bundle's `import … from "shoal"` gets, and their names. */
  readonly runtime: { readonly url: string; readonly exports: readonly string[] };
}

/** A remote function of one argument. */
// oxlint-disable-next-line no-explicit-any -- whatever follows the item is not given
export type MappedFunction<I, O> = RemoteFunction<(item: I, ...none: any[]) => O>;

/** A connection. Get one by `connect()`; end it by `close()` or `await using`. */
export class Shoal {
  private readonly settings: ShoalSettings;
  /** By program: a bundle that has not changed describes the same job. */
  private readonly descriptions = new Map<string, JobDescription>();
  private readonly functions: Functions;
  private isClosed = false;

  constructor(settings: ShoalSettings) {
    this.settings = settings;
    this.functions = new Functions(settings);
  }

  /**
   * Every function that a module exports, as its remote self: called here, it runs on some core. Arguments and results
   * are as in the module, results promised; generators and async iterables stream, no faster than they are read.
   *
   * The module is named as `new URL("./images.ts", import.meta.url)`, and bundled with what it imports: TypeScript and
   * JavaScript alike. In a program that was compiled or bundled itself, its compiled sibling is found (`./images.js`).
   *
   * Errors, which reject the calls: JOB_NOT_FOUND, BUNDLE_FAILED, NO_SUCH_FUNCTION; VALUE_INVALID for arguments that
   * cannot travel, with the path to the culprit; QUEUE_FULL, DEADLINE_EXCEEDED, CANCELLED, SLOT_LOST; and whatever the
   * function throws.
   *
   * @example
   * const { resize } = shoal.use<typeof import("./images.ts")>(new URL("./images.ts", import.meta.url));
   * const small = await resize(photo, 200);
   */
  use<M>(module: URL | string): Remote<M> {
    return this.functions.use(module).exports as Remote<M>;
  }

  /**
   * A remote function over many inputs: iterables, async iterables, web streams, endless ones too. Inputs are taken as
   * results are read, and go to the slots in batches of about 50 ms. Read the results by `for await`, `toArray()` or
   * `forEach()`.
   *
   * Errors, which end the map: those of `use()`; BAD_OPTION; with `resume`, STATE_LOCKED and JOURNAL_DAMAGED.
   *
   * @example
   * for await (const thumb of shoal.map(resize, photos, { ordered: false })) await save(thumb);
   */
  map<I, O>(
    fn: MappedFunction<I, O>,
    inputs: Inputs<I>,
    options: MapOptions & { readonly onError: "collect" },
  ): MapResults<MapOutcome<Awaited<O>>>;
  map<I, O>(
    fn: MappedFunction<I, O>,
    inputs: Inputs<I>,
    options?: MapOptions & { readonly onError?: "throw" | "skip" },
  ): MapResults<Awaited<O>>;
  map<I, O>(
    fn: MappedFunction<I, O>,
    inputs: Inputs<I>,
    options: MapOptions,
  ): MapResults<Awaited<O> | MapOutcome<Awaited<O>>>;
  map(
    fn: MappedFunction<never, unknown>,
    inputs: Inputs<never>,
    options: MapOptions = {},
  ): MapResults<unknown> {
    return this.functions.map(fn, inputs, options);
  }

  /** How many calls ended how, wait and run; null before a function is used. */
  callFigures(): CallFigures | null {
    return this.functions.figures();
  }

  /** Drops all calls that wait for a slot: they certainly do not happen, and reject with `reason`. Returns how many. */
  cancelCalls(reason: unknown = new ShoalError("CANCELLED", "the call was cancelled")): number {
    return this.functions.end("waiting", reason);
  }

  /**
   * Aborts all calls that run: they reject with `reason` at once, their functions get their signal (callContext), and a
   * slot whose function does not stop within the grace time is replaced. Returns how many.
   */
  abortCalls(reason: unknown = new ShoalError("CANCELLED", "the call was aborted")): number {
    return this.functions.end("running", reason);
  }

  /**
   * Takes no new calls, and waits until all have ended; after `deadlineMs` those that have not are cancelled. Says how
   * many ended and how many were cancelled. `close()` afterwards ends the slots.
   */
  async drain({ deadlineMs }: Pick<CallOptions, "deadlineMs"> = {}): Promise<DrainResult> {
    checkCallOptions(deadlineMs === undefined ? {} : { deadlineMs });
    return await this.functions.drain(deadlineMs ?? null);
  }

  /** What a job's file defines: name and parameters. Errors: JOB_NOT_FOUND, BUNDLE_FAILED, NOT_A_JOB, USER_ERROR. */
  async describe(job: JobRef): Promise<JobDescription> {
    return (await this.open(job)).description;
  }

  /**
   * Runs a job to its end. Parameters that are not given have their defaults.
   *
   * Rejects with a ShoalError: what failed, whether it certainly did not happen, what to do. A failed or cancelled job
   * leaves the output as it was. Jobs of one connection run one after the other.
   *
   * Whatever ended an earlier process that ran the same job (an error, a cancellation, kill -9): the tasks that it had
   * finished are not done again, unless the program, the parameters or their input have changed, or `fresh` is said.
   *
   * @example
   * await using shoal = await connect();
   * const { output, report } = await shoal.run(wordcount, { input: "books/*.txt", output: "counts" });
   */
  async run<P extends Parameters, R>(
    job: Job<P, R>,
    parameters?: Partial<NoInfer<P>>,
    options?: RunOptions,
  ): Promise<JobResult<R>>;
  async run(
    job: URL | string,
    parameters?: Readonly<Record<string, unknown>>,
    options?: RunOptions,
  ): Promise<JobResult<unknown>>;
  async run(
    job: JobRef,
    parameters: Readonly<Record<string, unknown>> = {},
    options: RunOptions = {},
  ): Promise<JobResult<unknown>> {
    const startedAt = options.startedAt ?? performance.now();
    checkOptions(options);
    options.signal?.throwIfAborted();
    const { program, bundle: hash, description } = await unlessAborted(options.signal, this.open(job));
    return await runProgram({
      settings: this.settings,
      program,
      bundle: hash,
      description,
      parameters: fillParameters(defaultsOf(description), parameters),
      options,
      startedAt,
    });
  }

  /**
   * Leaves a job to the cluster that this is connected to, and returns its id: the cluster does it, whatever becomes of
   * this process. `clusterJobs()` follows it, cancels it, and answers questions about it.
   *
   * Rejects as `run` does before the job begins; BAD_OPTION if this is no cluster.
   *
   * @example
   * await using shoal = await connect("nats://127.0.0.1:4222");
   * const id = await shoal.submit(new URL("./wordcount.ts", import.meta.url), { input: "/data/*.txt" });
   */
  async submit(
    job: JobRef,
    parameters: Readonly<Record<string, unknown>> = {},
    options: SubmitOptions = {},
  ): Promise<string> {
    const { submit, directory, mounts } = this.settings;
    if (submit === undefined) {
      throw new ShoalError("BAD_OPTION", "jobs are submitted to a cluster, and this is one machine", {
        hint: 'Connect to one: connect("nats://host:4222").',
      });
    }
    checkOptions(options);
    const { program, description } = await this.open(job);
    const { partitions, splitBytes, overwrite, taskTimeoutMs, joins } = options;
    const submission = {
      description,
      program,
      directory,
      mounts,
      parameters: fillParameters(defaultsOf(description), parameters),
      options: {
        ...(partitions === undefined ? {} : { partitions }),
        ...(splitBytes === undefined ? {} : { splitBytes }),
        ...(overwrite === undefined ? {} : { overwrite }),
        ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
      },
    };
    return await submit(submission, joins === true);
  }

  /** Ends all slots. Jobs that run are cut off. Idempotent. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await Promise.all([this.settings.driver.close(), this.functions.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async open(
    job: JobRef,
  ): Promise<{ program: Submission["program"]; bundle: string; description: JobDescription }> {
    if (this.isClosed) throw new ShoalError("CLOSED", "the connection was closed");
    const { stateDir, directory, driver, executor, runtime } = this.settings;
    driver.warm?.();
    const entry = await entryOf(job, directory);
    const bundled = await bundle(entry, { stateDir, runtimeExports: runtime.exports });
    const program = {
      module: executor,
      data: {
        bundle: bundled.file,
        entry,
        origin: isJob(job) ? job.origin : null,
        runtime: runtime.url,
        directory,
      },
      bundle: { file: bundled.file, hash: bundled.hash },
    };
    driver.preload?.(program);
    const key = JSON.stringify(program.data);
    const description =
      this.descriptions.get(key) ?? ((await driver.call(program, "describe", null)) as JobDescription);
    this.descriptions.set(key, description);
    return { program, bundle: bundled.hash, description };
  }
}

const defaultsOf = ({ parameters }: JobDescription): Record<string, ParameterValue> =>
  Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.default]));

async function entryOf(job: JobRef, directory: string): Promise<string> {
  if (typeof job === "string") {
    return job.startsWith("file:") ? fileURLToPath(job) : path.resolve(directory, job);
  }
  if (job instanceof URL) return fileURLToPath(job);
  if (!isJob(job))
    throw new ShoalError(
      "NOT_A_JOB",
      `run() expects a job, a URL or a path, received ${job === null ? "null" : typeof job}`,
    );
  const { file } = job.origin;
  if (file !== null && (await stat(file).catch(() => null)) !== null) return file;
  throw new ShoalError("JOB_NOT_FOUND", "the file that defines this job cannot be found from its stack", {
    hint: 'Pass the file instead of the value: shoal.run(new URL("./job.ts", import.meta.url), …).',
  });
}

function checkOptions(options: RunOptions): void {
  const whole = (name: "partitions" | "splitBytes" | "taskTimeoutMs", min: number, max: number): void => {
    const value = options[name];
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
    throw new ShoalError(
      "BAD_OPTION",
      `${name} must be an integer from ${min} to ${max}, received ${String(value)}`,
    );
  };
  whole("partitions", 1, 100_000);
  whole("splitBytes", 1, Number.MAX_SAFE_INTEGER);
  whole("taskTimeoutMs", 1, 2 ** 31 - 1);
}

/**
 * The Shoal that `connect()` gives while a program is loaded in a slot: its methods never return, so that a file that
 * defines a job and runs it does not run it again in every slot. Loading ends where the program first uses it.
 */
export function inertShoal(): Shoal {
  const never = (): Promise<never> => {
    currentRegistry()?.useReached();
    return new Promise(() => {});
  };
  return { describe: never, run: never, close: never, [Symbol.asyncDispose]: never } as unknown as Shoal;
}
