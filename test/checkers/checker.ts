// What a checker is. Checkers read the log of a run (entries of all machines, in order, in as many incarnations as there
// were: each begins with JobSubmitted) and what was committed, and object to what must never be. They know the rules of
// core/DESIGN.md and nothing of the machines' inside, so they read logs of simulated and of real runs alike.

import type { AttemptId } from "../../src/base/ids.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../../src/core/coordinator/events.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { JobOutcome, JobSpec } from "../../src/core/types.ts";
import { View } from "./view.ts";

/** What was published. */
export interface Commit {
  readonly winners: readonly AttemptId[];
}

export interface RunRecord {
  readonly spec: JobSpec;
  readonly log: readonly LogEntry[];
  readonly commits: readonly Commit[];
  /** Null: cut off. */
  readonly outcome: JobOutcome | null;
}

/** One event of the coordinator, and all that it ordered then. */
export interface Turn {
  readonly id: number;
  readonly at: number;
  readonly event: CoordinatorEvent;
  readonly effects: readonly CoordinatorEffect[];
  /** The coordinator said that the event is stale, doubled or nonsense. */
  readonly isIgnored: boolean;
}

export interface Checker {
  readonly name: string;
  /** Every entry of every machine. */
  entry?(entry: LogEntry): void;
  /** Before the turn's consequences are in the view. */
  before?(turn: Turn, view: View): void;
  /** When they are. */
  after?(turn: Turn, view: View): void;
  /** Once, at the end. */
  end?(record: RunRecord, view: View): void;
}

/** What a checker objects to. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly checker: string;

  constructor(checker: string, message: string) {
    super(message);
    this.checker = checker;
  }
}

/** Runs the checkers over a record. Throws the first Violation. */
export function check(record: RunRecord, checkers: readonly Checker[], view = new View(record.spec)): void {
  const { log } = record;
  const entryCheckers = checkers.filter(({ entry }) => entry !== undefined);
  for (let at = 0; at < log.length; at++) {
    const entry = log[at]!;
    for (const checker of entryCheckers) guard(checker, () => checker.entry!(entry), entry.id);
    if (entry.machine !== "coordinator" || entry.type !== "event") continue;
    const turn = turnAt(log, at, entry.body);
    for (const checker of checkers)
      if (checker.before !== undefined) guard(checker, () => checker.before!(turn, view), entry.id);
    view.take(turn);
    for (const checker of checkers)
      if (checker.after !== undefined) guard(checker, () => checker.after!(turn, view), entry.id);
  }
  for (const checker of checkers) guard(checker, () => checker.end?.(record, view), log.length);
}

/** For checkers: what must be, else a violation. */
export function must(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Error(what());
}

function guard(checker: Checker, body: () => void, entry: number): void {
  try {
    body();
  } catch (error) {
    if (error instanceof Violation) throw error;
    throw new Violation(
      checker.name,
      `${error instanceof Error ? error.message : String(error)} (entry ${entry})`,
    );
  }
}

/** The effects of an event follow it directly, but for what other machines log in between. */
function turnAt(log: readonly LogEntry[], at: number, event: CoordinatorEvent): Turn {
  const { id } = log[at]!;
  const effects: CoordinatorEffect[] = [];
  for (let next = at + 1; next < log.length; next++) {
    const entry = log[next]!;
    if (entry.machine !== "coordinator") continue;
    if (entry.type !== "effect") break;
    effects.push(entry.body);
  }
  return {
    id,
    at: log[at]!.at,
    event,
    effects,
    isIgnored: effects.some(({ kind }) => kind === "EventIgnored"),
  };
}
