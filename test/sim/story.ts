// What happened to a task in a simulated run: the entries that are about it, what caused them, what befell the workers
// that it was on, and the faults around; in the order of Lamport times, which never shows an effect before its cause.

import { parseAttemptId, type TaskNumber } from "../../src/base/ids.ts";
import { describe } from "../../src/core/describe.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { FaultNote, SeedRun } from "./run-seed.ts";

/** The task's story, or everything if `task` is null. */
export function* story(run: SeedRun, task: TaskNumber | null): Generator<string> {
  const chosen = task === null ? run.log : about(run.log, task);
  const ordered = [...chosen].sort((a, b) => run.lamports[a.id]! - run.lamports[b.id]! || a.id - b.id);
  yield "      ms   lamport  entry  cause   what";
  let notes: readonly FaultNote[] = run.notes;
  for (const entry of ordered) {
    const due = notes.filter(({ after }) => after < entry.id);
    notes = notes.filter(({ after }) => after >= entry.id);
    for (const { worldAt, text } of due)
      yield `${String(worldAt).padStart(8)}${"".padStart(24)}   *** ${text}`;
    yield line(run, entry);
  }
  for (const { worldAt, text } of notes)
    yield `${String(worldAt).padStart(8)}${"".padStart(24)}   *** ${text}`;
}

function line({ worldTimes, lamports }: SeedRun, entry: LogEntry): string {
  const { id, cause, type, machine } = entry;
  const columns = [
    String(worldTimes[id]).padStart(8),
    String(lamports[id]).padStart(9),
    String(id).padStart(6),
    String(cause ?? "-").padStart(6),
  ];
  return `${columns.join(" ")}   ${type === "event" ? "> " : "    "}${machine}: ${describe(entry)}`;
}

function about(log: readonly LogEntry[], task: TaskNumber): LogEntry[] {
  const chosen = new Set<number>();
  const workers = new Set<string>();
  for (const entry of log) {
    const { body } = entry;
    const isAbout = tasksOf(body).includes(task);
    if (isAbout && "worker" in body) workers.add(body.worker);
    const isOfItsWorker =
      (body.kind === "WorkerLost" || body.kind === "WorkerJoined") && workers.has(body.worker);
    const isOfAll =
      body.kind === "JobSubmitted" ||
      body.kind === "OutputsAdopted" ||
      body.kind === "CommitOutput" ||
      body.kind === "FinishJob";
    if (isOfItsWorker || isOfAll) chosen.add(entry.id);
    if (!isAbout) continue;
    for (let id: number | null = entry.id; id !== null && !chosen.has(id); id = log[id - 1]!.cause)
      chosen.add(id);
  }
  return log.filter(({ id }) => chosen.has(id));
}

function tasksOf(body: LogEntry["body"]): TaskNumber[] {
  if ("attempt" in body) {
    const attempt = body.attempt === null ? null : parseAttemptId(body.attempt);
    return attempt === null ? [] : [attempt.task];
  }
  if (body.kind !== "NoteDecision") return [];
  const { note } = body;
  if ("task" in note) return [note.task];
  return "attempt" in note ? [parseAttemptId(note.attempt)!.task] : [];
}
