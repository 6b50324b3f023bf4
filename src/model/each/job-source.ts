// Where the jobs of a run come from: the inputs, without those that the joblog has already; or the joblog itself.

import { ShoalError } from "../../errors.ts";
import { isSuccess, type JoblogEntry } from "./joblog.ts";
import { fill, type Template } from "./replacement.ts";
import type { JobSource, JobSpec } from "./runner.ts";

export type EachInput = string | readonly string[];

/** Arguments in, and what they are read from. */
export interface ArgumentSource {
  readonly arguments: AsyncIterator<EachInput> | Iterator<EachInput>;
  readonly count: number | null;
  close(): void;
}

/** What an earlier run has done. */
export interface JobsPast {
  readonly logged: ReadonlyMap<number, JoblogEntry>;
  /** Whether a job that the joblog has need not run. */
  readonly isDone: (entry: JoblogEntry) => boolean;
  readonly onNote: (line: string) => void;
}

/** The jobs of the inputs, numbered from 1, without those that are done. */
export class InputJobs implements JobSource {
  readonly count: number | null;
  skipped = 0;
  private readonly template: Template;
  private readonly inputs: ArgumentSource;
  private readonly logged: ReadonlyMap<number, JoblogEntry>;
  private readonly isDone: (entry: JoblogEntry) => boolean;
  private readonly onNote: (line: string) => void;
  private seq = 0;
  private isNoted = false;

  constructor(template: Template, inputs: ArgumentSource, past: JobsPast) {
    this.template = template;
    this.inputs = inputs;
    this.count = inputs.count;
    this.logged = past.logged;
    this.isDone = past.isDone;
    this.onNote = past.onNote;
  }

  async next(): Promise<JobSpec | null> {
    for (;;) {
      const { done, value } = await this.inputs.arguments.next();
      if (done === true) return null;
      const seq = ++this.seq;
      const args = checked(value, seq);
      const entry = this.logged.get(seq);
      if (entry !== undefined) this.compare(entry, args);
      if (entry === undefined || !this.isDone(entry)) {
        return { seq, args, command: (slot) => fill(this.template, { args, seq, slot }) };
      }
      this.skipped++;
    }
  }

  close(): void {
    this.inputs.close();
  }

  /** Says once that the joblog may be another command's. GNU parallel lets that pass, so it is no error. */
  private compare({ seq, command: logged }: JoblogEntry, args: readonly string[]): void {
    // (The joblog does not say in which slot a job ran.)
    if (this.isNoted || this.template.usesSlot) return;
    const command = fill(this.template, { args, seq, slot: 0 });
    if (command === logged) return;
    this.isNoted = true;
    const [before, now] = [logged, command].map((text) => JSON.stringify(text.slice(0, 100)));
    this.onNote(
      `the joblog belongs to another command or input: its job ${seq} was ${before}, and is ${now} now`,
    );
  }
}

/** An input as arguments. */
function checked(value: unknown, seq: number): readonly string[] {
  const args: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const arg of args) {
    if (typeof arg !== "string") {
      const message = `input ${seq} must be a string or an array of strings; received ${typeof arg}`;
      throw new ShoalError("BAD_PARAMETER", message, { details: { seq } });
    }
    if (arg.includes("\0")) {
      throw new ShoalError("INPUT_CORRUPT", `input ${seq} holds a NUL character, which no argument can`, {
        hint: "Leave it out.",
        details: { seq },
      });
    }
  }
  return args as readonly string[];
}

/** The jobs that failed, as the joblog has them. */
export class FailedJobs implements JobSource {
  readonly count: number;
  readonly skipped: number;
  private readonly entries: readonly JoblogEntry[];
  private at = 0;

  constructor(logged: ReadonlyMap<number, JoblogEntry>) {
    this.entries = [...logged.values()].filter((entry) => !isSuccess(entry)).sort((a, b) => a.seq - b.seq);
    this.count = this.entries.length;
    this.skipped = logged.size - this.count;
  }

  async next(): Promise<JobSpec | null> {
    const entry = this.entries[this.at++];
    return entry === undefined ? null : { seq: entry.seq, args: [], command: () => entry.command };
  }

  close(): void {
    this.at = this.entries.length;
  }
}
