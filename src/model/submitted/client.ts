// Submitted jobs from the outside: leave one to a cluster, follow it, cancel it, ask about it.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { readKept } from "../../data/calls/kept-value.ts";
import { shipBundle } from "../../driver/nats/bundles.ts";
import type { ClusterConnection } from "../../driver/nats/connection.ts";
import { isObject } from "../../driver/nats/frame-bodies.ts";
import { askWorkers, type WorkerInfo } from "../../driver/nats/held.ts";
import { objectInBytes } from "../../driver/nats/json.ts";
import { openJournals } from "../../driver/nats/journal-messages.ts";
import { JournalStream } from "../../driver/nats/journal-stream.ts";
import { fromErrorData, ShoalError } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { ParameterValue } from "../../plan/job.ts";
import type { MountTable } from "../../protocol/place.ts";
import type { JobDescription } from "../../protocol/run.ts";
import type { Progress } from "../../report/observer.ts";
import { writeSummary } from "../../store/jobs.ts";
import { readJournal } from "../../store/journal/read.ts";
import {
  commandKey,
  isOver,
  isRunning,
  jobKey,
  jobsFolder,
  parseRecord,
  readRecord,
  valueName,
  type SubmittedJob,
} from "./record.ts";

export interface Submission {
  readonly description: JobDescription;
  readonly program: ProgramRef & { readonly bundle: NonNullable<ProgramRef["bundle"]> };
  readonly directory: string;
  readonly mounts: MountTable;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly options: SubmittedJob["options"];
}

/**
 * Returns the job's id. From here on the cluster does it, whatever becomes of this process. With `joins`, the same command
 * finds the job that it began before: one that is not over, or, to be gone on with, one that failed or was cancelled.
 */
export async function submitJob(
  connection: ClusterConnection,
  submission: Submission,
  joins: boolean,
): Promise<string> {
  const command = commandOf(submission);
  await Promise.all([shipBundle(connection, submission.program.bundle), openJournals(connection)]);
  for (;;) {
    const known = await connection.getKey(commandKey(command));
    if (joins && known !== null && (await goesOn(connection, known.text, submission))) return known.text;
    const id = `s${await connection.nextNumber("job")}`;
    // First the command's: of two at the same time, one finds the other's.
    if ((await connection.setKey(commandKey(command), id, known?.revision ?? null)) === null) continue;
    await connection.setKey(jobKey(id), JSON.stringify(newRecord(id, command, submission)), null);
    return id;
  }
}

/** What a run of the same program would be the same job by. */
function commandOf({ description, program, directory, parameters }: Submission): string {
  const { name, file } = description;
  const text = JSON.stringify([name, file, program.bundle.hash, directory, parameters]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function newRecord(id: string, command: string, submission: Submission): SubmittedJob {
  const { description, program, directory, mounts, parameters, options } = submission;
  const { bundle: _bundle, runtime: _runtime, ...data } = program.data as Record<string, unknown>;
  return {
    format: 1,
    id,
    description,
    command,
    bundle: program.bundle.hash,
    data,
    directory,
    mounts,
    parameters,
    options,
    state: "queued",
    submittedAt: Date.now(),
    endedAt: null,
    leader: null,
    epoch: 0,
    countedFrom: 0,
    run: null,
    error: null,
    output: null,
    hasValue: false,
  };
}

/**
 * Whether that job is not over; one that failed or was cancelled is not any more, afterwards, and goes on as it is asked
 * for now: what it failed of may be what is set otherwise.
 */
async function goesOn(
  connection: ClusterConnection,
  id: string,
  { mounts, options }: Submission,
): Promise<boolean> {
  for (;;) {
    const found = await connection.getKey(jobKey(id));
    if (found === null) return false; // not kept any more, or whoever was about to write it died
    const record = parseRecord(found.text);
    if (record.state === "succeeded") return false;
    if (!isOver(record)) return true;
    const again: SubmittedJob = {
      ...record,
      mounts,
      options,
      state: "queued",
      endedAt: null,
      error: null,
      leader: null,
      countedFrom: record.epoch,
    };
    if ((await connection.setKey(jobKey(id), JSON.stringify(again), found.revision)) !== null) return true;
  }
}

export interface FollowOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly onNote?: (line: string) => void;
  readonly onOutput?: (text: string) => void;
  readonly signal?: AbortSignal;
}

const lookEveryMs = 1000;
/** Looks at a job of which nothing was heard, after which it is told if nobody leads it. */
const silentLooks = 5;

/** Whether all workers say that they do not lead the job. Those of older versions say nothing. */
const isUnled = (workers: readonly Pick<WorkerInfo, "leads">[], id: string): boolean =>
  workers.every(({ leads }) => leads?.includes(id) === false);

/** Whether it should be led, and is not. */
export const isAbandoned = (record: SubmittedJob, workers: readonly Pick<WorkerInfo, "leads">[]): boolean =>
  isRunning(record) && isUnled(workers, record.id);

/** Settles when the job is over: its record, which says how. Aborting the signal ends the following, not the job. */
export async function followJob(
  connection: ClusterConnection,
  id: string,
  { onProgress, onNote, onOutput, signal }: FollowOptions,
): Promise<SubmittedJob> {
  let look = (): void => {};
  let silent = 0;
  let isAlone = false;
  let lastNote = "";
  const note = (line: string): void => {
    if (line !== lastNote) onNote?.((lastNote = line));
  };
  const heard = (): void => {
    silent = 0;
    if (!isAlone) return;
    isAlone = false;
    note(`${id} is led again`);
  };
  const unsubscribe = connection.subscribe(connection.subjects.said(id), (bytes) => {
    const said = objectInBytes(bytes) ?? {};
    // Notes are those of whoever cannot lead it, too.
    if (said["note"] === undefined) heard();
    if (isObject(said["progress"])) onProgress?.(said["progress"] as unknown as Progress);
    else if (typeof said["note"] === "string") note(said["note"]);
    else if (typeof said["printed"] === "string") onOutput?.(said["printed"]);
    else if (said["over"] === true) look();
  });
  connection.onAway = (isAway) => note(isAway ? "NATS is away" : "NATS is back");
  try {
    for (; ; silent++) {
      const { record } = await readRecord(connection, id);
      if (isOver(record)) return record;
      if (!isAlone && silent > 0 && silent % silentLooks === 0) {
        isAlone = isUnled(await askWorkers(connection), id);
        if (isAlone) note(`${nobodyLeads(record)}: shoal workers tells which there are`);
      }
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => look(), lookEveryMs);
        const settle = (act: () => void): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", stop);
          act();
        };
        const stop = (): void => settle(() => reject(signal!.reason as Error));
        look = () => settle(resolve);
        signal?.addEventListener("abort", stop);
        if (signal?.aborted === true) stop();
      });
    }
  } finally {
    unsubscribe();
    connection.onAway = () => {};
  }
}

export const nobodyLeads = ({ id, state }: SubmittedJob): string =>
  state === "queued" ? `${id} waits for a worker that leads it` : `nobody leads ${id} at the moment`;

/** What it gave: its value, or undefined for files. Throws what it failed with. */
export async function resultOf(connection: ClusterConnection, record: SubmittedJob): Promise<unknown> {
  if (record.error !== null) throw fromErrorData(record.error);
  if (!record.hasValue) return undefined;
  const bytes = await connection.getObject(connection.subjects.results, valueName(record.id));
  if (bytes === null)
    throw new ShoalError("CLUSTER_FAILED", `the value of ${record.id} is not kept any more`);
  return readKept(bytes);
}

const cancelTriesMs = 20_000;

/** Asks whoever leads it; one that nobody leads yet is cancelled as soon as somebody does. Returns its last state. */
export async function cancelJob(
  connection: ClusterConnection,
  id: string,
  reason: string,
): Promise<SubmittedJob> {
  const until = performance.now() + cancelTriesMs;
  for (;;) {
    const { record } = await readRecord(connection, id);
    if (isOver(record)) return record;
    const asked = await connection
      .request(connection.subjects.cancel(id), reason, lookEveryMs)
      .catch(() => null);
    if (asked !== null) return await followJob(connection, id, {});
    if (performance.now() > until) {
      throw new ShoalError("CLUSTER_FAILED", `nobody leads ${id}: it cannot be cancelled now`, {
        hint: "Is any worker there? shoal workers tells.",
      });
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs / 4));
  }
}

/**
 * Runs `ask` with a state directory that holds the job's journal as the cluster has it, and with the id of its run, so
 * that whatever can be asked about a job of this machine can be asked about it. RUN_UNFINISHED while it has no journal.
 */
export async function withJournal<T>(
  connection: ClusterConnection,
  id: string,
  ask: (stateDir: string, run: string) => Promise<T>,
): Promise<T> {
  const { record } = await readRecord(connection, id);
  const stateDir = mkdtempSync(path.join(tmpdir(), "shoal-ask-"));
  try {
    const stream = new JournalStream(connection, id, 0, () => {});
    await stream.restore(path.join(stateDir, jobsFolder));
    const workers = isRunning(record) ? await askWorkers(connection) : [];
    const run = await summarize(stateDir, record, isAbandoned(record, workers));
    if (run === null) {
      throw new ShoalError("RUN_UNFINISHED", `${id} has not begun: it is ${record.state}`, {
        hint: "It begins when a worker is free to lead it.",
      });
    }
    return await ask(stateDir, run);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

/** Writes the summary by which lists find the job. Returns its run; null: its journal is empty. */
async function summarize(stateDir: string, record: SubmittedJob, isUnled: boolean): Promise<string | null> {
  const folder = path.join(stateDir, jobsFolder);
  const [key] = existsSync(folder) ? readdirSync(folder) : [];
  if (key === undefined) return null;
  const directory = path.join(folder, key);
  for await (const opened of readJournal(path.join(directory, "journal"))) {
    if (opened.kind !== "opened") continue;
    await writeSummary(directory, {
      format: 1,
      key,
      run: opened.run,
      job: opened.job,
      file: opened.file,
      directory: opened.directory,
      parameters: opened.parameters,
      output: opened.output,
      // Of no machine: whether it runs is for the record to tell.
      owner: {
        pid: 1,
        started: null,
        boot: null,
        host: "cluster",
        since: new Date(record.submittedAt).toISOString(),
      },
      incarnation: record.epoch,
      openedAt: record.submittedAt,
      closedAt: record.endedAt,
      outcome: isOver(record) ? (record.state as "succeeded") : null,
      tasks: opened.stages.reduce((sum, { tasks }) => sum + tasks, 0),
      kept: 0,
      ...(typeof record.waits === "string" ? { waits: record.waits } : {}),
      ...(isUnled ? { isUnled: true as const } : {}),
    });
    return opened.run;
  }
  return null;
}
