// The coordinator's events and effects, one line each: for golden dialogues, `shoal why`, `shoal events` and failed
// assertions alike. The kind comes first, then what it is about.

import type { JobSpec } from "../types.ts";
import {
  describeError,
  describeFailure,
  describeFigures,
  describeInputs,
  describeList,
  describeOutcome,
  quote,
} from "../describe-parts.ts";
import type { CoordinatorEffect, CoordinatorEvent, Note } from "./events.ts";

export function describe(what: CoordinatorEvent | CoordinatorEffect): string {
  const rest = details(what);
  return rest === "" ? what.kind : `${what.kind} ${rest}`;
}

function details(what: CoordinatorEvent | CoordinatorEffect): string {
  switch (what.kind) {
    case "JobSubmitted":
      return describeJob(what.job);
    case "OutputsAdopted": {
      const outputs = describeList(what.outputs.map(({ attempt, worker }) => `${attempt}@${worker}`));
      const used = (what.attemptsUsed ?? []).map(
        ({ first, last, attempts }) => `t${first}${last === first ? "" : `-t${last}`}:${attempts}`,
      );
      return `outputs=(${outputs})${used.length === 0 ? "" : ` used=(${describeList(used)})`}`;
    }
    case "WorkerJoined":
      return `${what.worker} slots=${what.slots}`;
    case "WorkerLost":
      return `${what.worker} ${quote(what.reason)}`;
    case "WorkerPaused":
      return `${what.worker} ${what.why}`;
    case "WorkerResumed":
      return what.worker;
    case "InputsHeld":
      return `${what.worker} copies=(${describeList(what.copies.map(([task, bytes]) => `t${task}:${bytes}`))})`;
    case "AttemptStarted":
      return `${what.attempt} at ${what.worker}/s${what.slot}`;
    case "AttemptProgressed":
      return `${what.attempt} records=${what.recordsIn} bytes=${what.bytesIn}`;
    case "AttemptFinished":
      return `${what.attempt} at ${what.worker} ${describeFigures(what.figures)}`;
    case "AttemptFailed":
      return `${what.attempt} at ${what.worker} ${describeFailure(what.failure)}`;
    case "AttemptExamined":
      return `${what.attempt} ${what.stack === null ? "no stack" : quote(what.stack)}`;
    case "CancelRequested":
      return quote(what.reason);
    case "OutputCommitted":
    case "TimePassed":
      return "";
    case "CommitFailed":
      return describeError(what.error);
    case "AssignAttempt": {
      const inputs = what.inputs.length === 0 ? "" : ` reads ${describeInputs(what.inputs)}`;
      return (
        `${what.attempt} to ${what.worker} stage=${what.stage} index=${what.index}` +
        `${what.isBackup ? " backup" : ""}${inputs}`
      );
    }
    case "CancelAttempt":
      return `${what.attempt} at ${what.worker} ${quote(what.reason)}`;
    case "ExamineAttempt":
      return `${what.attempt} at ${what.worker}`;
    case "DiscardOutput":
      return `${what.attempt} at ${what.worker}`;
    case "CommitOutput":
      return `winners=(${describeList(what.winners)})`;
    case "FinishJob":
      return describeOutcome(what.outcome);
    case "EventIgnored":
      return `${what.event}: ${what.why}`;
    case "NoteDecision":
      return describeNote(what.note);
  }
}

function describeNote(note: Note): string {
  switch (note.kind) {
    case "retried":
      return `retried t${note.task} after ${note.failed}: ${describeFailure(note.failure)}`;
    case "backup-started":
      return `backup-started ${note.attempt} age=${note.ageMs}ms median=${note.medianMs}ms`;
    case "output-remade":
      return `output-remade t${note.task} lost=${note.lost}: ${note.why}`;
    case "slots-wait":
      return `slots-wait ${note.worker} until=${note.untilMs}ms`;
    case "stage-started":
    case "stage-finished":
      return `${note.kind} ${note.stage}`;
  }
}

function describeJob({ id, stages }: JobSpec): string {
  const parts = stages.map(
    ({ name, tasks, reads, output }) =>
      `${quote(name)} tasks=${tasks}${reads.length === 0 ? "" : ` reads=(${reads.join(" ")})`} output=${output}`,
  );
  return [id, ...parts].join(" | ");
}
