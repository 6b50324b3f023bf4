// One submitted job, led here: run like any other, told to who follows it, and its end written down.
//
// Not here: the right to lead it (keeper.ts), where its journal is (lead.ts).

import { hostname } from "node:os";
import { writeKept } from "../../data/calls/kept-value.ts";
import type { ClusterConnection } from "../../driver/nats/connection.ts";
import { ShoalError, toErrorData, isShoalError, type ErrorCode } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import { runProgram } from "../run-program.ts";
import type { JobResult, ShoalSettings } from "../shoal.ts";
import { changeRecord, valueName, type SubmittedJob } from "./record.ts";

export interface LeadRequest {
  readonly connection: ClusterConnection;
  readonly record: SubmittedJob;
  readonly epoch: number;
  readonly program: ProgramRef;
  readonly settings: ShoalSettings;
}

/** What is said about a job while it is led. */
export type Said =
  | { readonly progress: unknown }
  | { readonly note: string }
  | { readonly printed: string }
  /** Its record has changed. */
  | { readonly over: true };

const progressEveryMs = 250;
const valueBytesMax = 256 * 2 ** 20;

/** Errors that say nothing of the job: another leader may do better. */
const notTheJobs: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "JOURNAL_FAILED",
  "CLUSTER_FAILED",
  "CLUSTER_UNREACHABLE",
  "STATE_LOCKED",
  "SCRATCH_FAILED",
]);

/** Settles when the job is over and its record says so. Rejects if another is to lead it. */
export async function leadJob(request: LeadRequest): Promise<void> {
  const { connection, record, epoch, settings } = request;
  const { subjects } = connection;
  const say = (said: Said): void => connection.publish(subjects.said(record.id), JSON.stringify(said));
  const cancelling = new AbortController();
  const stopHearing = connection.subscribe(subjects.cancel(record.id), (bytes, _subject, reply) => {
    cancelling.abort(new ShoalError("CANCELLED", Buffer.from(bytes).toString("utf8") || "it was cancelled"));
    reply("{}");
  });
  const begun = await changeRecord(connection, record.id, (now) => ({
    ...now,
    state: "running",
    leader: { host: hostname(), pid: process.ppid },
    epoch,
    waits: null,
  }));
  if (begun.state !== "running") return; // it is over: the leader before this one died after that
  let progressAt = 0;
  const noteProgress = notingProgress(connection, record.id, epoch);
  let ended: Partial<SubmittedJob>;
  try {
    const result = await runProgram({
      settings,
      program: request.program,
      bundle: record.bundle,
      description: record.description,
      parameters: record.parameters,
      startedAt: performance.now(),
      options: {
        ...record.options,
        signal: cancelling.signal,
        onNote: (note) => say({ note }),
        onProgress: (progress) => {
          noteProgress(progress.tasks.finished);
          if (performance.now() - progressAt < progressEveryMs) return;
          progressAt = performance.now();
          say({ progress });
        },
      },
    });
    ended = await succeeded(connection, record.id, result);
  } catch (error) {
    if (isShoalError(error) && notTheJobs.has(error.code)) throw error;
    ended = {
      state: cancelling.signal.aborted ? "cancelled" : "failed",
      error: toErrorData(error),
    };
  } finally {
    stopHearing();
  }
  await changeRecord(connection, record.id, (now) => ({
    ...now,
    ...ended,
    waits: null,
    endedAt: Date.now(),
  }));
  say({ over: true });
  await connection.flush();
}

/** With the number of finished tasks, as it changes: once there are more, leaders that died before count no more. */
export function notingProgress(
  connection: ClusterConnection,
  id: string,
  epoch: number,
): (finished: number) => void {
  let least = Infinity;
  let isNoted = false;
  return (finished) => {
    least = Math.min(least, finished);
    if (isNoted || finished === least) return;
    isNoted = true;
    changeRecord(connection, id, (now) => ({ ...now, countedFrom: epoch })).catch(() => {}); // the next one notes it
  };
}

async function succeeded(
  connection: ClusterConnection,
  id: string,
  { job, output, value }: JobResult<unknown>,
): Promise<Partial<SubmittedJob>> {
  if (output !== null || value === undefined) return { state: "succeeded", run: job, output };
  const bytes = writeKept(value);
  if (bytes === null || bytes.length > valueBytesMax) {
    throw new ShoalError(
      "VALUE_INVALID",
      `the job's value is too large to be kept (${bytes?.length ?? 0} bytes)`,
      {
        hint: "Write it to files: .write.tsv(output).",
      },
    );
  }
  await connection.putObject(connection.subjects.results, valueName(id), bytes);
  return { state: "succeeded", run: job, output: null, hasValue: true };
}
