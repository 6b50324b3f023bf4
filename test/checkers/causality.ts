// Causality: an entry's cause comes before it, and is of the kind that can cause it; ids grow by one; on no machine does
// time go back; and a log that is ordered by Lamport times shows no effect before its cause.

import type { LogEntry } from "../../src/core/log.ts";
import { must, type Checker } from "./checker.ts";

/** By event: the effect that it answers, if it answers one. */
const answers: Readonly<Record<string, string>> = {
  AttemptAssigned: "AssignAttempt",
  AttemptStarted: "ReportStarted",
  AttemptFinished: "ReportFinished",
  AttemptFailed: "ReportFailed",
  AttemptExamined: "ExamineAttempt",
  OutputCommitted: "CommitOutput",
  CommitFailed: "CommitOutput",
  SlotReady: "StartSlot",
  SlotFinished: "RunAttempt",
};

/** `lamportOf`: the Lamport time of an entry, where the log has them. */
export function causality(lamportOf: ((id: number) => number) | null = null): Checker {
  const seen: LogEntry[] = [];
  const shown = new Map<string, number>();
  const lastEvent = new Map<string, number>();
  return {
    name: "causality",
    entry(entry) {
      const { id, at, cause, machine, type, body } = entry;
      must(id === seen.length + 1, () => `entry ${id} follows entry ${seen.length}`);
      seen.push(entry);
      must(
        at >= (shown.get(machine) ?? 0),
        () => `at ${machine} time goes back from ${shown.get(machine)} to ${at}`,
      );
      shown.set(machine, at);
      must(cause === null || cause < id, () => `${body.kind} is caused by ${cause}, which comes later`);
      if (cause !== null && lamportOf !== null)
        must(
          lamportOf(cause) < lamportOf(id),
          () => `${body.kind} is not after its cause ${cause} by Lamport times`,
        );
      if (type === "event") lastEvent.set(machine, id);
      else
        must(
          cause === lastEvent.get(machine),
          () => `${body.kind} at ${machine} is caused by ${cause}, not by the event at hand`,
        );
      const answered = type === "event" ? answers[body.kind] : undefined;
      if (answered === undefined) return;
      must(cause !== null, () => `${body.kind} has no cause`);
      const source = seen[cause - 1]!.body;
      must(source.kind === answered, () => `${body.kind} is caused by ${source.kind}`);
      if ("attempt" in body && "attempt" in source)
        must(
          body.attempt === source.attempt,
          () => `${body.kind} ${body.attempt} answers for ${String(source.attempt)}`,
        );
    },
  };
}
