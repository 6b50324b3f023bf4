// The contracts of this room: sources, sinks, and the two ends of a shuffle. Bytes come in through a source, become
// records, pass the user's functions (executor), leave as blocks or through a sink: one direction, no turning back.

import type { Push } from "../plan/operator.ts";
import type { MountTable } from "../protocol/place.ts";
import type { Json, Options, ShuffleHow, UserFunction } from "../plan/nodes.ts";

/** What an attempt has read, written and waited for, so far. Each part of this room adds to its own fields. */
export interface Meter {
  recordsIn: number;
  recordsOut: number;
  bytesIn: number;
  bytesOut: number;
  spills: number;
  spilledBytes: number;
  skipped: number;
  /** Milliseconds spent waiting for input bytes. */
  waitMs: number;
}

export const newMeter = (): Meter => ({
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
});

/** Where a record came from, for error messages: file, and line or ordinal, counted from 1 within the file. */
export interface RecordPosition {
  readonly file: string | null;
  /** "line", "record", "key" … */
  readonly unit: string;
  /** The record's number within the file, or its key as text. */
  readonly at: number | string;
}

/** What every part of an attempt is given. */
export interface TaskHost {
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Bytes of records that the attempt may hold in memory. */
  readonly memoryBytes: number;
  /** Called now and then on the way (cheap), so that progress is seen. Throws when the attempt was cancelled. */
  tick(): void;
}

// ── Sources ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The piece of input that one map task reads. Plain data; its form is its source's business. */
export interface Split {
  /** For people: "books/a.txt 0-4 MiB" or "12 files from a.txt". */
  readonly label: string;
  readonly bytes: number;
  readonly data: Json;
}

export interface SplitSettings {
  /** Aimed size of a split in bytes, or null for the source's default: a function of the input's size alone. */
  readonly splitBytes: number | null;
  /** Relative paths and patterns are relative to this directory. */
  readonly directory: string;
  /** Default: none. */
  readonly mounts?: MountTable;
}

export interface SplitPlan {
  readonly splits: readonly Split[];
  readonly files: number;
  readonly bytes: number;
  /** Absolute paths, directories or URLs of stores that are read, for the check that no output lies within them. */
  readonly roots: readonly string[];
}

/** One source: `read.<name>(…)`. To add one: a small file in sources/, one line in sources.ts. */
export interface Source {
  readonly name: string;
  /** Looks at the input and cuts it; the same for the same input, whatever the number of slots. */
  split(options: Options, settings: SplitSettings): Promise<SplitPlan>;
  open(split: Split, options: Options, host: TaskHost): RecordReader;
}

export interface RecordReader {
  /** Pushes every record of the split, in order, waiting for what `push` returns. Closes what it opened, always. */
  read(push: Push): Promise<void>;
  /** Where the record pushed last came from. May be slow: asked only when something failed. */
  position(): Promise<RecordPosition>;
}

// ── Sinks ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One sink: `.write.<name>(output)` or `.<name>()`. To add one: a small file in sinks/, one line in sinks.ts. */
export interface Sink {
  readonly name: string;
  /** "directory": task i writes `part-NNNNN` of the output directory (options.output). "value": the result goes to the client. */
  readonly target: "directory" | "value";
  /** Opens the file that one attempt writes; the file does not exist, its directory does. */
  open(file: string, options: Options, host: TaskHost): SinkWriter | Promise<SinkWriter>;
  /** What the client gets: from the committed files, by task order. "directory" sinks return nothing here. */
  result?(files: readonly string[], options: Options): Promise<unknown>;
}

export interface SinkWriter {
  push: Push;
  /** Flushes, makes the file durable, closes it. */
  finish(): Promise<void>;
  /** Closes without finishing. The caller deletes the file. Never throws. */
  abort(): Promise<void>;
}

// ── Shuffle ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ShuffleSpec {
  readonly how: ShuffleHow;
  readonly partitions: number;
  readonly descending: boolean;
  /** reduce: [fold]; group: [] or [combine]. */
  readonly fns: readonly UserFunction[];
}

/** The map side: takes records, writes one file of checksummed blocks with an index at its end. */
export interface ShuffleWriter {
  push: Push;
  finish(): Promise<void>;
  abort(): Promise<void>;
}

/** A finished map output. */
export interface MapOutput {
  readonly file: string;
  /** The attempt that made it, named when it proves lost or damaged. */
  readonly attempt: string;
}

/** Thrown when map outputs are missing or damaged: which ones, for them to be re-made. Becomes a BLOCK_LOST failure. */
export class BlocksLostError extends Error {
  override readonly name = "BlocksLostError";
  readonly lost: readonly string[];

  constructor(message: string, lost: readonly string[], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.lost = lost;
  }
}

/** The reduce side: pushes the records of one partition (nodes.ts, ShuffleHow), in order of their keys. */
export interface ShuffleReader {
  read(push: Push): Promise<void>;
  /** The key pushed last. */
  position(): Promise<RecordPosition>;
}

/** By shape, not by class: the error may come from another copy of this module. */
export const isBlocksLost = (error: unknown): error is BlocksLostError =>
  error instanceof Error &&
  error.name === "BlocksLostError" &&
  Array.isArray((error as Partial<BlocksLostError>).lost);
