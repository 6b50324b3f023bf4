// What a batch of seeds has shown: outcomes, and marks of branches that were really taken. A simulation in which nothing
// went wrong proves nothing, so a batch must show each mark often enough (etcd asserts a least rate in the same way).

import type { SeedRun } from "./run-seed.ts";

/** By mark: the least share of seeds that must show it. */
export const leastShares: Readonly<Record<string, number>> = {
  "ended: succeeded": 0.5,
  "ended: failed": 0.05,
  "ended: cancelled": 0.01,
  retried: 0.3,
  "backup-started": 0.1,
  "output-remade": 0.1,
  "worker lost": 0.1,
  "slot lost": 0.15,
  "blocks lost": 0.05,
  "told too late: has finished before": 0.05,
  "told too late: is over": 0.02,
  "told too late: was told to stop": 0.05,
  "timed out": 0.02,
  "disk full": 0.03,
  "commit failed": 0.003,
  adopted: 0.05,
  "ran until healed": 0.2,
  calm: 0.03,
  "skewed clocks": 0.2,
  "session redelivered": 0.03,
  poison: 0.01,
  "slot ended by force": 0.02,
};

export interface Tally {
  seeds: number;
  entries: number;
  faults: number;
  /** By mark: seeds that showed it. */
  marks: Record<string, number>;
}

export const newTally = (): Tally => ({ seeds: 0, entries: 0, faults: 0, marks: {} });

export function addTally(into: Tally, from: Tally): void {
  into.seeds += from.seeds;
  into.entries += from.entries;
  into.faults += from.faults;
  for (const [mark, count] of Object.entries(from.marks)) into.marks[mark] = (into.marks[mark] ?? 0) + count;
}

/** Marks that were seen too rarely, for batches that are large enough to tell. */
export function rareMarks({ seeds, marks }: Tally): string[] {
  if (seeds < 300) return [];
  return Object.entries(leastShares)
    .filter(([mark, share]) => (marks[mark] ?? 0) < share * seeds)
    .map(
      ([mark, share]) =>
        `"${mark}" in ${marks[mark] ?? 0} of ${seeds} seeds, at least ${Math.ceil(share * seeds)} were expected`,
    );
}

export function count(tally: Tally, run: SeedRun): void {
  tally.seeds++;
  tally.entries += run.log.length;
  tally.faults += run.faults;
  for (const mark of marksOf(run)) tally.marks[mark] = (tally.marks[mark] ?? 0) + 1;
}

function marksOf({ swarm, log, outcome, virtualMs }: SeedRun): Set<string> {
  const marks = new Set<string>([`ended: ${outcome?.kind ?? "never"}`]);
  if (swarm.safetyMs === 0) marks.add("calm");
  if (swarm.safetyMs > 0 && virtualMs > swarm.safetyMs) marks.add("ran until healed");
  if (swarm.coordinatorClock.offsetMs !== 0) marks.add("skewed clocks");
  for (const { body, machine } of log) {
    switch (body.kind) {
      case "NoteDecision":
        marks.add(body.note.kind);
        break;
      case "WorkerLost":
        marks.add("worker lost");
        break;
      case "OutputsAdopted":
        if (body.outputs.length > 0) marks.add("adopted");
        break;
      case "CommitFailed":
        marks.add("commit failed");
        break;
      case "ExamineAttempt":
        marks.add("timed out");
        break;
      case "TerminateSlot":
        if (body.why.includes("did not stop")) marks.add("slot ended by force");
        break;
      case "FinishJob":
        if (body.outcome.kind === "failed" && body.outcome.error.code === "POISON_TASK") marks.add("poison");
        break;
      case "AttemptFailed":
        if (body.failure.kind === "loss") marks.add("slot lost");
        if (body.failure.kind === "blocks") marks.add("blocks lost");
        if (body.failure.kind === "error" && body.failure.error.code === "SCRATCH_FAILED")
          marks.add("disk full");
        break;
      case "EventIgnored":
        for (const why of ["has finished before", "is over", "was told to stop"])
          if (body.why.includes(why)) marks.add(`told too late: ${why}`);
        if (machine !== "coordinator" && body.event === "AttemptAssigned") marks.add("session redelivered");
    }
  }
  return marks;
}
