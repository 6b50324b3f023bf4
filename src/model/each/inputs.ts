// The arguments of a run: input sources, combined and linked as GNU parallel does, and cut into jobs.
//
// `:::` sources are combined: the last changes first. A linked source (`:::+`) goes along with the one before it, up to
// the end of the shorter. Only the first group is read as it is asked for, so that may be endless; the others are kept.

import type { Readable } from "node:stream";
import { LineReader, openFile, type ByteStream } from "./lines.ts";

/** One source of arguments. `isLinked`: goes along with the source before it. */
export type InputSource =
  | { readonly values: readonly string[]; readonly isLinked?: boolean }
  /** The lines of a file. */
  | { readonly file: string; readonly isLinked?: boolean }
  /** The lines of a stream; `name` is for messages. It is destroyed when the run ends before it does. */
  | { readonly stream: Readable; readonly name?: string; readonly isLinked?: boolean };

export interface InputOptions {
  /** What ends a line of a file or stream: one character, "\n" by default. */
  readonly delimiter?: string;
  /** Arguments, of each source, that one job gets. Default: 1. */
  readonly maxArgs?: number;
}

type Values = readonly string[] | LineReader;

/** The arguments of each job. To be iterated once. */
export class EachInputs implements AsyncIterable<readonly string[]> {
  /** How many jobs there are, or null where a file or stream must be read to know. */
  readonly count: number | null;
  private readonly groups: readonly (readonly Values[])[];
  private readonly maxArgs: number;

  constructor(sources: readonly InputSource[], options: InputOptions = {}) {
    const { delimiter = "\n", maxArgs = 1 } = options;
    const groups: Values[][] = [];
    for (const source of sources) {
      const values = "values" in source ? source.values : readerOf(source, delimiter.charCodeAt(0));
      const last = groups.at(-1);
      if (source.isLinked === true && last !== undefined) last.push(values);
      else groups.push([values]);
    }
    this.groups = groups;
    this.maxArgs = maxArgs;
    this.count = countOf(groups, maxArgs);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly string[]> {
    if (this.maxArgs === 1) {
      yield* this.records();
      return;
    }
    let args: string[] = [];
    let records = 0;
    for await (const record of this.records()) {
      args.push(...record);
      if (++records < this.maxArgs) continue;
      yield args;
      args = [];
      records = 0;
    }
    if (records > 0) yield args;
  }

  /** Ends all reads, also one that waits. */
  close(): void {
    for (const values of this.groups.flat()) if (values instanceof LineReader) values.close();
  }

  private async *records(): AsyncGenerator<readonly string[]> {
    const [first, ...others] = this.groups;
    if (first === undefined) return;
    const rests: (readonly (readonly string[])[])[] = [];
    for (const group of others) {
      const rows: (readonly string[])[] = [];
      for await (const row of rowsOf(group)) rows.push(row);
      rests.push(rows);
    }
    if (rests.some((rows) => rows.length === 0)) return;
    for await (const row of rowsOf(first)) yield* combinations(row, rests, 0);
  }
}

/** Each way to go on from `row` with one row of each of `rests`, from `depth` on. */
function* combinations(
  row: readonly string[],
  rests: readonly (readonly (readonly string[])[])[],
  depth: number,
): Generator<readonly string[]> {
  const rows = rests[depth];
  if (rows === undefined) yield row;
  else for (const next of rows) yield* combinations([...row, ...next], rests, depth + 1);
}

/** The values of linked sources, side by side. */
async function* rowsOf(group: readonly Values[]): AsyncGenerator<readonly string[]> {
  const iterators = group.map((values) =>
    values instanceof LineReader ? values : values[Symbol.iterator](),
  );
  for (;;) {
    const row: string[] = [];
    for (const iterator of iterators) {
      const { done, value } = await iterator.next();
      if (done === true) return;
      row.push(value as string);
    }
    yield row;
  }
}

function readerOf(source: Exclude<InputSource, { values: unknown }>, delimiter: number): LineReader {
  if ("file" in source) return new LineReader(source.file, delimiter, () => openFile(source.file));
  return new LineReader(source.name ?? "the stream", delimiter, source.stream as ByteStream);
}

function countOf(groups: readonly (readonly Values[])[], maxArgs: number): number | null {
  let records = groups.length === 0 ? 0 : 1;
  for (const group of groups) {
    const lengths = group.map((values) => (values instanceof LineReader ? NaN : values.length));
    // The shortest of linked sources ends them all; a file's length is not known.
    records *= Math.min(...lengths);
  }
  return Number.isNaN(records) ? null : Math.ceil(records / maxArgs);
}
