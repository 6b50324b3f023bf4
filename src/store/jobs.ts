// The jobs of a state directory: where each one's files are, and a summary of each for lists.
//
//   .shoal/jobs/<key>/job.json               the summary: written when a process begins and when it ends its work
//                     journal/               journal-000001.log … (journal/)
//                     <run>/blocks, results  files of work that is not over (scratch.ts)
//
// The key stands for the command: the same command finds the same directory, and with it what it did before. A job has
// one run at a time; what the run before it left is kept until then.
//
// Owner of: job.json. It is a convenience: what counts is the journal, and a damaged summary is no summary.

import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ShoalError } from "../errors.ts";
import type { JobOutcome } from "../core/types.ts";
import type { ParameterValue } from "../plan/job.ts";
import { identityIn, livenessOf, type ProcessIdentity } from "./process.ts";

export const jobsDirectory = (state: string): string => join(state, "jobs");
export const jobDirectory = (state: string, key: string): string => join(jobsDirectory(state), key);
export const journalDirectory = (directory: string): string => join(directory, "journal");
const summaryFile = (directory: string): string => join(directory, "job.json");

/** What job.json holds. */
export interface JobSummary {
  readonly format: 1;
  readonly key: string;
  /** The run's id: stays the same when the job is continued. */
  readonly run: string;
  /** The job's name. */
  readonly job: string;
  /** The job's file, relative to `directory` where it is below it. */
  readonly file: string;
  readonly directory: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** The output directory, absolute, or null. */
  readonly output: string | null;
  /** The process that works on it, or did last. */
  readonly owner: ProcessIdentity;
  readonly incarnation: number;
  /** Unix milliseconds: when the first process began, and when the last one ended, or null. */
  readonly openedAt: number;
  readonly closedAt: number | null;
  /** How it ended; null while it runs, and for one that was cut off. */
  readonly outcome: JobOutcome["kind"] | null;
  readonly tasks: number;
  /** Tasks whose finished work is kept; 0 after success. As of the summary's writing: the journal knows better. */
  readonly kept: number;
  /** Of a job of a cluster: why no worker takes part in it. */
  readonly waits?: string;
  /** A job of a cluster that nobody leads at the moment. */
  readonly isUnled?: true;
}

export interface JobEntry extends JobSummary {
  /** "running": its process lives · "cut-off": it died, and the same command continues · else how it ended. */
  readonly state: "running" | "cut-off" | JobOutcome["kind"];
  /** The job's directory in the state directory, absolute if that is. */
  readonly path: string;
  /** To be given to readJournal. */
  readonly journal: string;
}

/** All jobs of a state directory, those that began last first. Empty if there are none. Never changes anything. */
export async function listJobs(stateDir: string): Promise<JobEntry[]> {
  const entries: JobEntry[] = [];
  for (const key of await namesIn(jobsDirectory(stateDir))) {
    const entry = await readEntry(jobDirectory(stateDir, key));
    if (entry !== null) entries.push(entry);
  }
  return entries.sort((a, b) => b.openedAt - a.openedAt || (a.run < b.run ? 1 : -1));
}

/** One job by its directory, or null where there is no readable summary. */
export async function readEntry(path: string): Promise<JobEntry | null> {
  let summary: JobSummary | null;
  try {
    summary = summaryIn(JSON.parse(await readFile(summaryFile(path), "utf8")));
  } catch {
    return null; // absent, or cut short by the death of its writer
  }
  return summary === null
    ? null
    : { ...summary, state: stateOf(summary), path, journal: journalDirectory(path) };
}

/** By rename, so that no reader sees a part. Made durable with the journal's first sync. SCRATCH_FAILED. */
export async function writeSummary(path: string, summary: JobSummary): Promise<void> {
  const draft = `${summaryFile(path)}.${process.pid}.draft`;
  try {
    await writeFile(draft, `${JSON.stringify(summary, null, 1)}\n`);
    await rename(draft, summaryFile(path));
  } catch (cause) {
    throw new ShoalError("SCRATCH_FAILED", `cannot write ${summaryFile(path)}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function stateOf({ outcome, owner }: JobSummary): JobEntry["state"] {
  return outcome ?? (livenessOf(owner) === "dead" ? "cut-off" : "running");
}

function summaryIn(value: unknown): JobSummary | null {
  const found = value as Partial<JobSummary> | null;
  const isOurs =
    found?.format === 1 &&
    typeof found.run === "string" &&
    typeof found.key === "string" &&
    typeof found.openedAt === "number" &&
    identityIn(found.owner) !== null;
  return isOurs ? (found as JobSummary) : null;
}

/** Names in a directory, sorted; none where it is not there. */
export async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).sort();
}
