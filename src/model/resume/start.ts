// The start of a run: what did earlier processes do, has anything changed since, what of it still counts?
//
//   journal ──► past ──► changes ──► run: the same (nothing changed), or a new one
//                                    output directory and folders taken over or made
//                                    files looked at, the rest deleted ──► adopted outputs
//
// A process that dies anywhere in here leaves at least what the journal tells; what it had moved by then is made again.

import { existsSync } from "node:fs";
import path from "node:path";
import type { AttemptId, JobId } from "../../base/ids.ts";
import { defaultSplitBytes } from "../../data/input/cut.ts";
import { sinkNamed } from "../../data/sinks.ts";
import type { OutputsAdopted } from "../../driver/driver.ts";
import type { RunOpened } from "../../protocol/journal.ts";
import type { Place } from "../../protocol/place.ts";
import { PastFold, type Past } from "../../protocol/past.ts";
import type { PreparedJob } from "../../protocol/run.ts";
import { JobDirectory } from "../../store/job-directory.ts";
import { jobsDirectory, namesIn, readEntry } from "../../store/jobs.ts";
import { Journal, type JournalOptions } from "../../store/journal/journal.ts";
import { recordOf } from "../../store/journal/segments.ts";
import { placeOf, placeText } from "../../store/mounts.ts";
import { beginOutput, type Output } from "../../store/outputs.ts";
import { jobKey } from "../job-key.ts";
import type { JobRunRequest } from "../job-run.ts";
import { RunJournal } from "../run-journal.ts";
import { adoptAll, adoptSplits, type Adopted, type AdoptRequest } from "./adopt.ts";
import { agoText, changedParameters, changesSince, type Changes } from "./changes.ts";
import { openedOf } from "./opened.ts";
import { splitHash } from "./split-keys.ts";

export interface StartedRun {
  readonly id: JobId;
  readonly key: string;
  readonly opened: RunOpened;
  readonly prepared: PreparedJob;
  readonly directory: JobDirectory;
  readonly journal: RunJournal;
  readonly output: Output | null;
  readonly adopt: readonly OutputsAdopted[];
  /** Tasks that are finished already. */
  readonly kept: number;
  /** When the run's first process began, in Unix milliseconds. */
  readonly beganAt: number;
  /** Content hashes of splits that are known. */
  readonly hashes: ReadonlyMap<number, string>;
  /** What people should know of it, one line each. */
  readonly notes: readonly string[];
}

interface Recalled {
  readonly past: Past | null;
  readonly journal: Journal | null;
}

interface Decision {
  readonly changes: Changes | null;
  readonly opened: RunOpened;
  readonly prepared: PreparedJob;
}

/** `onBroken` is told if the journal breaks later. To be called by the holder of the state directory's lock. */
export async function startRun(
  request: JobRunRequest,
  newId: () => JobId,
  onBroken: () => void,
): Promise<StartedRun> {
  const { settings, description, parameters } = request;
  const output = outputPlace(request);
  const key = jobKey({
    description,
    parameters,
    output: output === null ? null : placeText(output),
    directory: settings.directory,
  });
  const directory = new JobDirectory(settings.stateDir, key);
  const { past, journal } = await recall(directory, request, onBroken);
  try {
    const decision = await decide(past, request, newId);
    return await begin({ request, directory, key, output, past, decision, journal, onBroken });
  } catch (error) {
    await journal?.close(false);
    throw error;
  }
}

function outputPlace({ settings, prepared }: JobRunRequest): Place | null {
  const { output } = prepared.stages.at(-1)!;
  if (output.kind !== "sink" || sinkNamed(output.sink)?.target !== "directory") return null;
  return placeOf(String(output.options["output"]), settings.directory, settings.mounts);
}

/** What the job's journal tells. A job that has succeeded has no past: it runs anew. */
async function recall(
  directory: JobDirectory,
  { options, settings }: JobRunRequest,
  onBroken: () => void,
): Promise<Recalled> {
  if (options.fresh === true) await directory.forget();
  if (!existsSync(directory.journal)) return { past: null, journal: null };
  if ((await readEntry(directory.path))?.outcome === "succeeded") return { past: null, journal: null };
  const fold = new PastFold();
  const journal = await Journal.open(
    directory.journal,
    (payload) => {
      const id = skippableEntry(payload);
      if (id === null) fold.take(recordOf(payload));
      else fold.skip(id);
    },
    journalOptions(settings, onBroken),
  );
  const past = fold.past();
  return { past: past?.closed?.kind === "succeeded" ? null : past, journal };
}

const journalOptions = ({ journalFile }: JobRunRequest["settings"], onBroken: () => void): JournalOptions =>
  journalFile === undefined ? { onBroken } : { onBroken, openFile: journalFile };

/** Attempts of one task in one incarnation of a job whose journal may lack the last of them. */
const attemptsPerIncarnation = 1000;

/**
 * Where a job is taken over by another machine, what the one before it assigned last may run on and not be in the
 * journal: attempts of this incarnation are numbered from beyond all that it can have used.
 */
function attemptsBefore({ settings }: JobRunRequest, { incarnation, stages }: RunOpened): OutputsAdopted[] {
  if (settings.journalFile === undefined || incarnation === 1) return [];
  const last = stages.reduce((sum, { tasks }) => sum + tasks, 0) - 1;
  const attempts = (incarnation - 1) * attemptsPerIncarnation;
  return [{ kind: "OutputsAdopted", outputs: [], attemptsUsed: [{ first: 0, last, attempts }] }];
}

const workerEntry = /^\{"kind":"entry","entry":\{"id":(\d+),"at":\d+,"cause":(?:\d+|null),"machine":"w/;

/** The id of a worker's entry, else null. Most entries are such, and are not even parsed. */
function skippableEntry(payload: Buffer): number | null {
  const match = workerEntry.exec(payload.toString("latin1", 0, 160));
  return match === null ? null : Number(match[1]);
}

async function decide(past: Past | null, request: JobRunRequest, newId: () => JobId): Promise<Decision> {
  const openedAs = (
    prepared: PreparedJob,
    run: JobId,
    incarnation: number,
    splitBytes: number | null,
  ): RunOpened => openedOf(request, prepared, { run, incarnation, splitBytes });
  const { prepared } = request;
  const fresh = openedAs(prepared, newId(), 1, null);
  if (past === null) return { changes: null, prepared, opened: fresh };
  const first = await compare(past, fresh, prepared);
  let best = { changes: first, prepared, splitBytes: null as number | null };
  // A split's size depends on the size of all input: cut as it was then, more splits are as they were.
  const { opened: then } = past;
  if (first.kind === "input" && request.options.splitBytes === undefined && prepared.inputFiles > 0) {
    const splitBytes = then.splitBytes ?? defaultSplitBytes(then.inputBytes);
    const recut = await request.prepare(splitBytes);
    const changes = await compare(past, openedAs(recut, fresh.run as JobId, 1, splitBytes), recut);
    if (keptIn(changes, past) > keptIn(first, past)) best = { changes, prepared: recut, splitBytes };
  }
  const { changes } = best;
  const [run, incarnation] =
    changes.kind === "none" ? [then.run as JobId, then.incarnation + 1] : [fresh.run as JobId, 1];
  return {
    changes,
    prepared: best.prepared,
    opened: openedAs(best.prepared, run, incarnation, best.splitBytes),
  };
}

/** Map tasks that are kept: what one way to cut the input is better than another by. */
function keptIn(changes: Changes, past: Past): number {
  if (changes.kind === "none") return Infinity;
  return changes.kind === "all"
    ? 0
    : [...changes.kept.values()].filter((old) => past.finished.has(old)).length;
}

/** Contents are looked at only where the file system's word is not enough. */
async function compare(past: Past, now: RunOpened, prepared: PreparedJob): Promise<Changes> {
  const changes = changesSince(past, now, new Map());
  if (changes.kind !== "input" || past.hashes.size === 0) return changes;
  const hashes = new Map<number, string>();
  for (const [task, split] of prepared.splits.entries()) {
    if (changes.kept.has(task)) continue;
    const hash = await splitHash(split).catch(() => null); // unreadable: its task says so
    if (hash !== null) hashes.set(task, hash);
  }
  return changesSince(past, now, hashes);
}

interface Beginning extends Recalled {
  readonly request: JobRunRequest;
  readonly directory: JobDirectory;
  readonly key: string;
  readonly output: Place | null;
  readonly decision: Decision;
  readonly onBroken: () => void;
}

/** Finished map outputs: of stages that hand blocks to others. */
function blocksOf({ finished, opened }: Past): ReadonlySet<AttemptId> {
  const attempts = new Set<AttemptId>();
  let first = 0;
  for (const { tasks, output } of opened.stages) {
    for (let task = first; output === "blocks" && task < first + tasks; task++) {
      const work = finished.get(task);
      if (work !== undefined) attempts.add(work.attempt);
    }
    first += tasks;
  }
  return attempts;
}

async function begin({
  request,
  directory,
  key,
  output,
  past,
  decision,
  journal,
  onBroken,
}: Beginning): Promise<StartedRun> {
  const { changes, opened, prepared } = decision;
  const run = opened.run as JobId;
  const transaction = await openOutput(request, output, run, changes, past);
  let written: Journal | null = null;
  try {
    directory.begin(run);
    const adopted = await adopt(changes, past, {
      now: opened,
      stages: prepared.stages,
      directory,
      output: transaction,
      held: past === null ? null : ((await request.settings.driver.held?.(run, blocksOf(past))) ?? null),
    });
    const isSame = changes?.kind === "none";
    const isElsewhere = request.settings.journalFile !== undefined;
    written =
      journal ?? (await Journal.startOver(directory.journal, journalOptions(request.settings, onBroken)));
    if (journal !== null && !isSame) journal.startOver();
    const runJournal = new RunJournal(written, isSame ? past!.lastEntry : 0, opened, isElsewhere);
    written.dropEarlier(past !== null).catch(() => {}); // broken: told by whoever needs it
    // Others may take the job from here on: whoever does must know of this incarnation, whose attempts it is not to name.
    if (isElsewhere) await written.durable();
    return {
      id: run,
      key,
      opened,
      prepared,
      directory,
      output: transaction,
      journal: runJournal,
      adopt: [...attemptsBefore(request, opened), ...adopted.events],
      kept: adopted.count,
      beganAt: isSame ? ((await readEntry(directory.path))?.openedAt ?? past!.opened.at) : opened.at,
      hashes: isSame ? past!.hashes : new Map(),
      notes: past === null ? await otherRuns(request, key, opened) : notesOf(changes, past, adopted, journal),
    };
  } catch (error) {
    if (changes?.kind === "none") await transaction?.suspend();
    else await transaction?.abort();
    if (journal === null) await written?.close(false);
    throw error;
  }
}

async function openOutput(
  { settings, description, prepared, options }: JobRunRequest,
  output: Place | null,
  run: JobId,
  changes: Changes | null,
  past: Past | null,
): Promise<Output | null> {
  if (output === null) return null;
  const continues = changes?.kind === "none" || changes?.kind === "input" ? past!.opened.run : null;
  const request = {
    job: description.name,
    overwrite: options.overwrite === true,
    roots: prepared.inputRoots,
    directory: settings.directory,
    ...(continues === null ? {} : { continues }),
  };
  return await beginOutput(output, request, run);
}

async function adopt(
  changes: Changes | null,
  past: Past | null,
  request: Omit<AdoptRequest, "past">,
): Promise<Adopted> {
  if (changes?.kind === "none") return await adoptAll({ ...request, past: past! });
  if (changes?.kind === "input") return await adoptSplits({ ...request, past: past! }, changes.kept);
  request.directory.keepOnly(request.now.run, new Set());
  return { events: [], count: 0, missing: 0 };
}

/** A job that gives a value is another one with other parameters: one that was not finished is told of. */
async function otherRuns(
  { settings, options }: JobRunRequest,
  key: string,
  opened: RunOpened,
): Promise<string[]> {
  if (opened.output !== null || options.fresh === true) return [];
  const jobs = jobsDirectory(settings.stateDir);
  const family = key.slice(0, key.lastIndexOf("-") + 1);
  for (const name of await namesIn(jobs)) {
    if (name === key || !name.startsWith(family)) continue;
    const other = await readEntry(path.join(jobs, name));
    if (
      other === null ||
      other.outcome === "succeeded" ||
      other.file !== opened.file ||
      other.job !== opened.job
    )
      continue;
    const differing = changedParameters(other.parameters, opened.parameters).join("; ");
    return [
      `there is an unfinished run of ${agoText({ at: other.openedAt }, opened.at)} with other parameters (${differing}): ` +
        "this one starts anew, that one is kept",
    ];
  }
  return [];
}

function notesOf(
  changes: Changes | null,
  past: Past | null,
  { count, missing }: Adopted,
  journal: Journal | null,
): string[] {
  if (changes === null || past === null || past.finished.size === 0) return [];
  const notes: string[] = [];
  const torn = journal?.torn ?? null;
  const total = past.opened.stages.reduce((sum, { tasks }) => sum + tasks, 0);
  const of = (n: number): string => `${n} of ${total} ${total === 1 ? "task" : "tasks"}`;
  const are = count === 1 ? "is" : "are";
  if (torn !== null)
    notes.push(`the end of the journal was cut off in a write: its last ${torn.bytes} bytes are dropped`);
  const ago = agoText(past.opened, Date.now());
  const since = `since the unfinished run of ${ago}`;
  if (changes.kind === "none")
    notes.push(`continues the run of ${ago}: ${of(count)} ${are} finished already`);
  if (changes.kind === "all")
    notes.push(`${changes.note} ${since}: starts anew, without its ${of(past.finished.size)}`);
  if (changes.kind === "input")
    notes.push(`${changes.note} ${since}: ${of(count)} ${are} kept, the rest is done anew`);
  if (missing > 0 && changes.kind === "none") {
    const tasks = missing === 1 ? "task" : "tasks";
    notes.push(`the output of ${missing} finished ${tasks} is not there any more, or not whole: done again`);
  }
  return notes;
}
