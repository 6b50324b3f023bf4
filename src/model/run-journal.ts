// The journal of one run, as the run writes it.
//
// Every entry of the log goes in but progress, numbered on from the last incarnation's. An assignment and the order to
// commit are handed to the operating system before they are performed: an attempt's id, once used, is known to be for as
// long as anything of it can still run, and a commit that was begun is known to have been. Nothing waits for the disk:
// when the machine dies, what the last moments had finished is done again.

import type { LogEntry } from "../core/log.ts";
import type { JobOutcome } from "../core/types.ts";
import type { ShoalError } from "../errors.ts";
import type { CpuUse, RunOpened } from "../protocol/journal.ts";
import type { Journal } from "../store/journal/journal.ts";

export class RunJournal {
  private readonly journal: Journal;
  private readonly firstId: number;

  private readonly isElsewhere: boolean;

  /** `lastEntry`: the highest id so far. `isElsewhere`: what is durable is not only on this machine. */
  constructor(journal: Journal, lastEntry: number, opened: RunOpened, isElsewhere: boolean) {
    this.isElsewhere = isElsewhere;
    this.journal = journal;
    this.firstId = lastEntry;
    journal.append(opened);
    journal.write();
  }

  /** Why it is broken, or null. */
  get failure(): ShoalError | null {
    return this.journal.failure;
  }

  /** Takes the next entry of the log and returns it with its number in the journal. */
  observe(entry: LogEntry): LogEntry {
    const numbered =
      this.firstId === 0
        ? entry
        : {
            ...entry,
            id: entry.id + this.firstId,
            cause: entry.cause === null ? null : entry.cause + this.firstId,
          };
    if (entry.body.kind === "AttemptProgressed") return numbered;
    if (entry.body.kind === "AssignAttempt") {
      // of a large shuffle the inputs would be the most of the journal, and the outputs before tell them
      this.journal.append({
        kind: "entry",
        entry: { ...numbered, body: { ...entry.body, inputs: [] } } as LogEntry,
      });
      this.journal.write();
      return numbered;
    }
    this.journal.append({ kind: "entry", entry: numbered });
    if (entry.body.kind === "CommitOutput") this.journal.write();
    return numbered;
  }

  /** Resolves when everything so far is safe from the death of this machine. Rejects if the journal is broken. */
  async durable(): Promise<void> {
    await this.journal.durable();
  }

  hashed(splits: readonly (readonly [number, string])[]): void {
    this.journal.append({ kind: "hashed", splits });
  }

  /** The incarnation is over. A success need not be durable, its output is; but others are to know of it. */
  async close(at: number, outcome: JobOutcome, report: unknown, cpu: CpuUse): Promise<void> {
    this.journal.append({ kind: "closed", at, outcome, report, cpu });
    await this.journal.close(outcome.kind !== "succeeded" || this.isElsewhere);
  }

  /** The process could not begin. */
  async abandon(): Promise<void> {
    await this.journal.close(false);
  }
}
