// The jobs that were left to a cluster, for programs.

import { ClusterConnection } from "../../driver/nats/connection.ts";
import { askWorkers, type WorkerInfo } from "../../driver/nats/held.ts";
import {
  cancelJob,
  followJob,
  isAbandoned,
  nobodyLeads,
  resultOf,
  withJournal,
  type FollowOptions,
} from "./client.ts";
import { isRunning, listRecords, readRecord, type SubmittedJob, type SubmittedState } from "./record.ts";

/** A job that was left to a cluster. */
export interface SubmittedInfo {
  /** For instance `s12`. */
  readonly id: string;
  /** The job's name. */
  readonly job: string;
  readonly state: SubmittedState;
  readonly parameters: SubmittedJob["parameters"];
  /** Unix milliseconds; `endedAt` is null until it is over. */
  readonly submittedAt: number;
  readonly endedAt: number | null;
  /** The worker's process that leads it, or led it last: see `workers()`. */
  readonly leader: { readonly host: string; readonly pid: number } | null;
  /** Workers that have led it. */
  readonly leaders: number;
  /** Why no worker leads it, or takes part in it, in a sentence, while that is so. */
  readonly waits: string | null;
  /** Of files that it has written. */
  readonly output: { readonly directory: string; readonly files: readonly string[] } | null;
  /** What it failed with. */
  readonly error: { readonly code: string | null; readonly message: string } | null;
}

/** How a job that was followed ended well. */
export interface SubmittedResult {
  readonly id: string;
  readonly value: unknown;
  readonly output: SubmittedInfo["output"];
}

/** Get one by `clusterJobs()`; end it by `close()`. */
export class ClusterJobs {
  private readonly connection: ClusterConnection;

  /** Errors: BAD_OPTION, CLUSTER_UNREACHABLE, CLUSTER_REFUSED. */
  static async connect(url: string): Promise<ClusterJobs> {
    return new ClusterJobs(await ClusterConnection.open(url, "shoal jobs"));
  }

  private constructor(connection: ClusterConnection) {
    this.connection = connection;
  }

  /** The last submitted first. */
  async list(): Promise<SubmittedInfo[]> {
    const records = await listRecords(this.connection);
    // Workers are asked only if there is something that one of them should be leading.
    const workers = records.some(isRunning) ? await askWorkers(this.connection) : [];
    return records.map((record) => infoOf(record, workers));
  }

  /** One of them. RUN_UNKNOWN. */
  async info(id: string): Promise<SubmittedInfo> {
    const { record } = await readRecord(this.connection, id);
    return infoOf(record, isRunning(record) ? await askWorkers(this.connection) : []);
  }

  /**
   * Follows a job to its end, from anywhere; aborting the signal ends the following, not the job. Rejects with what the
   * job failed with; RUN_UNKNOWN.
   */
  async attach(id: string, options: FollowOptions = {}): Promise<SubmittedResult> {
    const record = await followJob(this.connection, id, options);
    return { id, value: await resultOf(this.connection, record), output: record.output };
  }

  /** Returns what it is afterwards: cancelled, unless it was over before. RUN_UNKNOWN. */
  async cancel(id: string, reason = "it was cancelled"): Promise<SubmittedInfo> {
    return infoOf(await cancelJob(this.connection, id, reason), []);
  }

  /**
   * Runs `ask` with options for `why()`, `events()` and `reportOf()`, and the run to name to them: of this job, as far as
   * its journal has it. RUN_UNKNOWN, RUN_UNFINISHED.
   *
   * @example
   * const { summary } = await jobs.ask("s12", (options, run) => why(run, options));
   */
  async ask<T>(
    id: string,
    ask: (options: { readonly stateDir: string }, run: string) => Promise<T>,
  ): Promise<T> {
    return await withJournal(this.connection, id, (stateDir, run) => ask({ stateDir }, run));
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}

/** `workers`: those that were asked, if it runs. */
function infoOf(record: SubmittedJob, workers: readonly WorkerInfo[]): SubmittedInfo {
  const { id, description, state, parameters, submittedAt, endedAt, leader, epoch, output, error } = record;
  return {
    id,
    job: description.name,
    state,
    parameters,
    submittedAt,
    endedAt,
    leader,
    leaders: epoch,
    waits: isAbandoned(record, workers) ? nobodyLeads(record) : (record.waits ?? null),
    output,
    error: error === null ? null : { code: error.code ?? null, message: error.message },
  };
}
