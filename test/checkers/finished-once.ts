// Checker: no task of a job is done twice, however often its process dies. Reads the journal of all its incarnations.
//
// A finished task may be finished again only after its output was lost, as the journal says: "output-remade", or its
// output was discarded. An AttemptFinished that the coordinator ignored is none. On a cluster, a process that begins may
// find nobody who holds an output, since its worker has died meanwhile: what it does not adopt is lost, and counted.

import { parseAttemptId } from "../../src/base/ids.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { JournalRecord } from "../../src/protocol/journal.ts";
import { readJournal } from "../../src/store/journal/read.ts";

export interface FinishedOnce {
  /** What is wrong, one line each. */
  readonly violations: readonly string[];
  /** Tasks that were finished, each once: that the check saw something. */
  readonly finished: number;
  readonly incarnations: number;
  readonly isClosed: boolean;
  /** Of outputs elsewhere: those that a process which began did not find any more. */
  readonly notFound: number;
}

export class FinishedOnceChecker {
  private readonly violations: string[] = [];
  private finished = new Map<number, string>();
  private readonly assigned = new Set<string>();
  private unsettled: { readonly entry: number; readonly attempt: string } | null = null;
  private run = "";
  private incarnations = 0;
  private lastEntry = 0;
  private isClosed = false;
  private readonly isElsewhere: boolean;
  private notFound = 0;
  /** What the incarnation has adopted, until it does anything else. */
  private adopting: Set<number> | null = null;

  /** `isElsewhere`: outputs are at workers, which may die while nobody looks. */
  constructor(isElsewhere = false) {
    this.isElsewhere = isElsewhere;
  }

  take(record: JournalRecord): void {
    if (record.kind === "entry") return this.enter(record.entry);
    this.settle(false);
    this.endAdopting();
    if (record.kind === "opened") {
      if (record.run !== this.run) {
        this.finished.clear();
        this.assigned.clear();
        this.incarnations = 0;
        this.lastEntry = 0;
      }
      this.run = record.run;
      if (record.incarnation !== ++this.incarnations) {
        this.violations.push(`incarnation ${record.incarnation} follows ${this.incarnations - 1}`);
      }
      if (this.isElsewhere && this.incarnations > 1) this.adopting = new Set();
    }
    this.isClosed = record.kind === "closed";
  }

  result(): FinishedOnce {
    this.settle(false);
    const { violations, incarnations, isClosed, notFound } = this;
    return { violations, finished: this.finished.size, incarnations, isClosed, notFound };
  }

  private enter(entry: LogEntry): void {
    if (entry.id <= this.lastEntry) this.violations.push(`entry ${entry.id} follows ${this.lastEntry}`);
    this.lastEntry = entry.id;
    if (entry.machine !== "coordinator") return;
    const isIgnored = entry.type === "effect" && entry.body.kind === "EventIgnored";
    this.settle(isIgnored && entry.cause === this.unsettled?.entry);
    const { body } = entry;
    if (body.kind === "OutputsAdopted") for (const { task } of body.outputs) this.adopting?.add(task);
    else if (body.kind === "WorkerJoined" || body.kind === "AssignAttempt") this.endAdopting();
    if (body.kind === "AttemptFinished") this.unsettled = { entry: entry.id, attempt: body.attempt };
    if (body.kind === "DiscardOutput") this.lose(body.attempt);
    if (body.kind === "NoteDecision" && body.note.kind === "output-remade") this.lose(body.note.lost);
    if (body.kind === "AssignAttempt") {
      if (this.assigned.has(body.attempt)) this.violations.push(`${body.attempt} was assigned twice`);
      this.assigned.add(body.attempt);
    }
  }

  private settle(isRefused: boolean): void {
    const { unsettled } = this;
    this.unsettled = null;
    if (unsettled === null || isRefused) return;
    const { task } = parseAttemptId(unsettled.attempt)!;
    const before = this.finished.get(task);
    if (before !== undefined)
      this.violations.push(`t${task} was finished by ${before}, and again by ${unsettled.attempt}`);
    this.finished.set(task, unsettled.attempt);
  }

  private endAdopting(): void {
    const adopted = this.adopting;
    this.adopting = null;
    if (adopted === null) return;
    for (const task of this.finished.keys()) {
      if (adopted.has(task)) continue;
      this.finished.delete(task);
      this.notFound++;
    }
  }

  private lose(attempt: string): void {
    const { task } = parseAttemptId(attempt)!;
    if (this.finished.get(task) === attempt) this.finished.delete(task);
  }
}

export async function checkFinishedOnce(journal: string, isElsewhere = false): Promise<FinishedOnce> {
  const checker = new FinishedOnceChecker(isElsewhere);
  for await (const record of readJournal(journal)) checker.take(record);
  return checker.result();
}
