// The jobs of a state directory: the list, and the one that somebody means.

import path from "node:path";
import { isSubmittedId } from "../base/ids.ts";
import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";
import type { ParameterValue } from "../plan/job.ts";
import { listJobs, type JobEntry } from "../store/jobs.ts";
import { askLive } from "./live-client.ts";

export interface StateOptions {
  /** Relative paths are relative to this directory. Default: the current one. */
  readonly directory?: string;
  /** Where jobs keep their state. Default: `.shoal` in `directory`. */
  readonly stateDir?: string;
}

/** A job that ran or runs, as `jobs()` lists it. */
export interface JobInfo {
  /** The run's id: stays the same when the job is continued. */
  readonly run: string;
  /** The job's name. */
  readonly job: string;
  readonly file: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** The output directory, or null for jobs that give a value. */
  readonly output: string | null;
  /** "cut-off": its process died; the same command continues. */
  readonly state: JobEntry["state"];
  /** Unix milliseconds; `endedAt` is null for jobs that run or were cut off. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly tasks: number;
  /** Finished tasks, where that is known without reading the journal: of running and succeeded jobs. */
  readonly finishedTasks: number | null;
  /** How many processes have worked on it. */
  readonly incarnation: number;
  readonly pid: number;
}

export const stateDirOf = ({ directory, stateDir }: StateOptions): string =>
  path.resolve(path.resolve(directory ?? "."), stateDir ?? ".shoal");

/**
 * All jobs that the state directory knows, those that began last first. Changes nothing, and works beside a running
 * job. Empty if there is no state directory.
 *
 * @example
 * for (const { run, job, state } of await jobs()) console.log(run, job, state);
 */
export async function jobs(options: StateOptions = {}): Promise<JobInfo[]> {
  const stateDir = stateDirOf(options);
  const entries = await listJobs(stateDir);
  const answer = entries.some(({ state }) => state === "running")
    ? await askLive(stateDir, { ask: "progress" })
    : null;
  return entries.map((entry) => {
    const { run, job, file, parameters, output, state, openedAt, closedAt, tasks, incarnation, owner } =
      entry;
    const progress = answer?.run === run ? answer.progress : undefined;
    return {
      run,
      job,
      file,
      parameters,
      output,
      state,
      startedAt: openedAt,
      endedAt: state === "running" ? null : closedAt,
      tasks,
      finishedTasks: state === "succeeded" ? tasks : (progress?.tasks.finished ?? null),
      incarnation,
      pid: owner.pid,
    };
  });
}

/** The job that is meant: a run's id or the unique beginning of one, a job's name (its last run), or the last of all. */
export async function findJob(named: string | undefined, options: StateOptions): Promise<JobEntry> {
  const stateDir = stateDirOf(options);
  const entries = await listJobs(stateDir);
  if (entries.length === 0) {
    throw new ShoalError("RUN_UNKNOWN", `no job is known in ${stateDir}`, {
      hint: isSubmittedId(named)
        ? clusterHint
        : "shoal run <job.ts> runs one; --state names another state directory.",
      details: { stateDir },
    });
  }
  if (named === undefined) return entries[0]!;
  const exact = entries.find(({ run }) => run === named) ?? entries.find(({ job }) => job === named);
  if (exact !== undefined) return exact;
  const begin = named === "" ? [] : entries.filter(({ run }) => run.startsWith(named));
  if (begin.length === 1) return begin[0]!;
  throw unknown(named, begin.length > 0 ? begin : entries, begin.length);
}

const clusterHint =
  "It is the id of a job that was left to a cluster: add --cluster nats://…, or set SHOAL_CLUSTER.";

function unknown(named: string, entries: readonly JobEntry[], matches: number): ShoalError {
  const shown = named.length > 100 ? `${named.slice(0, 99)}…` : named;
  if (matches > 1) {
    const runs = entries
      .slice(0, 5)
      .map(({ run, job }) => `${run} (${job})`)
      .join(", ");
    return new ShoalError(
      "RUN_UNKNOWN",
      `${JSON.stringify(shown)} is the beginning of ${matches} runs: ${runs}`,
      { hint: "Write more of the run's id.", details: { received: shown } },
    );
  }
  const names = [...new Set(entries.flatMap(({ run, job }) => [job, run]))];
  const near = nearest(named, names) ?? names.find((name) => letters(name) === letters(named)) ?? null;
  const suggestion = near === null ? "" : `; did you mean ${JSON.stringify(near)}?`;
  return new ShoalError("RUN_UNKNOWN", `no job ${JSON.stringify(shown)} is known${suggestion}`, {
    ...(isSubmittedId(named) ? { hint: clusterHint } : {}),
    details: { received: shown, near },
  });
}

/** Equal for words whose letters are only swapped: "jbo" and "job". */
const letters = (word: string): string => [...word].sort().join("");
