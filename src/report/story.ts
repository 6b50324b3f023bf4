// The causal story of a job, or of one of its tasks: the journal's entries in Lamport order, effects under the events
// that caused them, rendered by the machines' own `describe`. Pure.
//
// An entry's id is its Lamport timestamp (Lamport 1978): it grows with every entry of every machine and incarnation, and
// is greater than its cause's. A journal is written in that order, so that a story can be told while it is read.
//
// A task's story has the entries that speak of it, and the causes of those, so that it says "since t2.1 ended" where
// its attempt was assigned.

import { parseAttemptId } from "../base/ids.ts";
import { describe } from "../core/describe.ts";
import type { LogEntry } from "../core/log.ts";
import type { JournalRecord } from "../protocol/journal.ts";

export interface StoryLine {
  /** The entry's id; null for the lines between, where a process began or ended its work. */
  readonly id: number | null;
  /** Milliseconds since the process that wrote it began the job. */
  readonly ms: number;
  /** The same as Unix milliseconds. */
  readonly at: number;
  readonly cause: number | null;
  readonly machine: string;
  readonly type: "event" | "effect" | "mark";
  /** Under how many entries of its own step it stands: 1 for effects, 0 for all else. */
  readonly depth: number;
  readonly text: string;
  /** It is here as a cause, and is about another task or the whole job. */
  readonly isContext: boolean;
}

/** First pass over the journal: the ids of a task's story, context included. */
export class StorySelection {
  private readonly task: number;
  private readonly wanted = new Set<number>();
  private readonly context = new Set<number>();

  constructor(task: number) {
    this.task = task;
  }

  add(record: JournalRecord): void {
    if (record.kind !== "entry" || !speaksOf(record.entry, this.task)) return;
    this.wanted.add(record.entry.id);
    if (record.entry.cause !== null) this.context.add(record.entry.cause);
  }

  /** "own", "context", or null for what is not part of the story. */
  has(id: number): "own" | "context" | null {
    return this.wanted.has(id) ? "own" : this.context.has(id) ? "context" : null;
  }

  get size(): number {
    return this.wanted.size;
  }
}

/** Second pass: records as lines, one by one. */
export class Storyteller {
  private readonly selection: StorySelection | null;
  private began = { at: 0, clock: 0 };

  constructor(selection: StorySelection | null = null) {
    this.selection = selection;
  }

  /** The line of a record, or null if it is not part of the story. */
  tell(record: JournalRecord): StoryLine | null {
    switch (record.kind) {
      case "opened": {
        this.began = { at: record.at, clock: record.clock };
        const how =
          record.incarnation === 1 ? "began" : `continued, for the ${ordinal(record.incarnation)} time`;
        return mark(
          0,
          record.at,
          `process ${record.pid} ${how}: ${record.job} on ${record.slots} slots (${record.run})`,
        );
      }
      case "closed":
        return mark(
          record.at - this.began.at,
          record.at,
          `the process ended the job: ${record.outcome.kind}`,
        );
      case "entry":
        return this.line(record.entry);
      default:
        return null;
    }
  }

  private line(entry: LogEntry): StoryLine | null {
    const place = this.selection === null ? "own" : this.selection.has(entry.id);
    if (place === null) return null;
    const ms = entry.at - this.began.clock;
    return {
      id: entry.id,
      ms,
      at: this.began.at + ms,
      cause: entry.cause,
      machine: entry.machine,
      type: entry.type,
      depth: entry.type === "effect" ? 1 : 0,
      text: describe(entry),
      isContext: place === "context",
    };
  }
}

const mark = (ms: number, at: number, text: string): StoryLine => ({
  id: null,
  ms,
  at,
  cause: null,
  machine: "process",
  type: "mark",
  depth: 0,
  text,
  isContext: false,
});

const ordinal = (n: number): string =>
  `${n}${n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th")}`;

/** Whether the entry is about an attempt of the task, or about the task. */
function speaksOf({ body }: LogEntry, task: number): boolean {
  const { attempt, note, outcome } = body as {
    attempt?: unknown;
    note?: { task?: unknown; attempt?: unknown };
    outcome?: { task?: unknown };
  };
  const isOf = (id: unknown): boolean => typeof id === "string" && parseAttemptId(id)?.task === task;
  return isOf(attempt) || isOf(note?.attempt) || note?.task === task || outcome?.task === task;
}
