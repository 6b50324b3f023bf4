// The questions about one job: why, events, report. From its journal, and from its process if it runs now.
//
// Not here: the answers (report/). Nothing here changes anything: any number of processes may ask while a job runs.

import { ShoalError } from "../errors.ts";
import { RunObserver, type Report } from "../report/observer.ts";
import { Storyteller, StorySelection, type StoryLine } from "../report/story.ts";
import { explainCase, type Explanation, type WhyContext } from "../report/why.ts";
import { RunCase } from "../report/why-case.ts";
import { listJobs, type JobEntry } from "../store/jobs.ts";
import { readJournal } from "../store/journal/read.ts";
import { findJob, stateDirOf, type StateOptions } from "./jobs.ts";
import { askLive } from "./live-client.ts";

export interface TaskOptions extends StateOptions {
  /** Only what has to do with this task: "t7". Default: the whole job. */
  readonly task?: string;
}

/**
 * Why a job is not finished, why slots are idle, why a task failed: findings with stable codes, numbers, and the
 * entries of the journal that show them. A running job is asked itself, which adds stacks and progress.
 *
 * `job`: a run's id or the unique beginning of one, a job's name, or nothing for the job that began last.
 * Errors: RUN_UNKNOWN, BAD_OPTION for a task that the job does not have, JOURNAL_DAMAGED.
 *
 * @example
 * const { summary, findings } = await why();
 * console.log(summary, ...findings.map(({ code, text }) => `${code}: ${text}`));
 */
export async function why(job?: string, options: TaskOptions = {}): Promise<Explanation> {
  const entry = await findJob(job, options);
  const task = taskNumber(options.task);
  if (task !== null) checkTask(task, entry);
  if (entry.state === "running") {
    const answer = await askLive(stateDirOf(options), { ask: "why", task });
    if (answer?.run === entry.run && answer.explanation !== undefined) return answer.explanation;
  }
  const found = new RunCase();
  for await (const record of readJournal(entry.journal)) found.add(record);
  const { opened } = found;
  if (opened === null) return begun(entry);
  const isRunning = entry.state === "running";
  const now = isRunning ? opened.clock + Math.max(0, Date.now() - opened.at) : found.lastAt;
  const holder = isRunning ? null : await otherHolder(entry, stateDirOf(options));
  const { waits = null, isUnled = false } = entry;
  return explainCase(found, { now, isRunning, task, otherHolder: holder, waits, isUnled });
}

const begun = ({ run, job, state }: JobEntry): Explanation => ({
  run,
  job,
  state,
  summary: "has just begun: its journal is empty",
  findings: [],
  isLive: false,
});

/** Another job's process that holds the state directory now. */
async function otherHolder(
  { run }: JobEntry,
  stateDir: string,
): Promise<NonNullable<WhyContext["otherHolder"]> | null> {
  const other = (await listJobs(stateDir)).find((entry) => entry.state === "running" && entry.run !== run);
  return other?.owner ?? null;
}

/**
 * The causal story of a job or of one task, in Lamport order: what happened and what was ordered, each with the entry
 * that caused it. Streams; a running job's story ends at what its journal has now.
 *
 * @example
 * for await (const { id, text } of events("wordcount", { task: "t7" })) console.log(id, text);
 */
export async function* events(job?: string, options: TaskOptions = {}): AsyncGenerator<StoryLine> {
  const entry = await findJob(job, options);
  const task = taskNumber(options.task);
  let selection: StorySelection | null = null;
  if (task !== null) {
    checkTask(task, entry);
    selection = new StorySelection(task);
    for await (const record of readJournal(entry.journal)) selection.add(record);
  }
  const teller = new Storyteller(selection);
  for await (const record of readJournal(entry.journal)) {
    const line = teller.tell(record);
    if (line !== null) yield line;
  }
}

/** Where a job's time went: of a finished job its own report, of others what its journal tells so far. */
export async function reportOf(job?: string, options: StateOptions = {}): Promise<Report> {
  const entry = await findJob(job, options);
  let observer: RunObserver | null = null;
  let report: Report | null = null;
  let lastAt = 0;
  for await (const record of readJournal(entry.journal)) {
    if (record.kind === "opened") {
      const { job: name, slots, stages, inputFiles, inputBytes, clock } = record;
      observer = new RunObserver({ job: name, slots, stages, inputFiles, inputBytes, startedAt: clock });
      report = null;
    } else if (record.kind === "closed") {
      report = record.report as Report | null;
    } else if (record.kind === "entry") {
      lastAt = record.entry.at;
      observer?.observe(record.entry);
    }
  }
  if (report !== null) return report;
  if (observer !== null) return observer.report(lastAt);
  throw new ShoalError(
    "RUN_UNKNOWN",
    `the journal of ${entry.run} (${entry.job}) is empty: the job has not begun`,
  );
}

function taskNumber(text: string | undefined): number | null {
  if (text === undefined) return null;
  const match = /^t?(\d{1,8})(?:\.\d{1,6})?$/.exec(text);
  if (match !== null) return Number(match[1]);
  const received = text.slice(0, 100);
  throw new ShoalError("BAD_OPTION", `a task is named like t7, received ${JSON.stringify(received)}`, {
    details: { received },
  });
}

function checkTask(task: number, { tasks, job, run }: JobEntry): void {
  if (task < tasks) return;
  const range =
    tasks === 0 ? "it has none" : tasks === 1 ? "its only task is t0" : `its tasks are t0 to t${tasks - 1}`;
  throw new ShoalError("BAD_OPTION", `${job} (${run}) has no task t${task}; ${range}`, {
    details: { task: `t${task}`, tasks },
  });
}
