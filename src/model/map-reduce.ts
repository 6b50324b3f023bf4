// The classic form (Dean & Ghemawat, OSDI 2004, §2): a map over whole files or lines, an optional combiner, a reduce
// over each key's values, and one sorted file of `key⇥value` lines per partition.

import { ShoalError } from "../errors.ts";
import type { Job } from "../plan/job.ts";
import { spreadMap, spreadReduce } from "../plan/operators/classic.ts";
import { shuffle } from "../plan/operator.ts";
import type { Dataset, Widened } from "../plan/dataset.ts";
import { read } from "../data/sources.ts";
import { job } from "./job.ts";

/** Pairs that a map function emits: an iterable, an async one, or a promise of one. */
export type Emitted<K, V> =
  Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]> | Promise<Iterable<readonly [K, V]>>;

export interface MapReduceDefinition<K, V, R> {
  /** Called for each file with its name and contents, or, with `records: "lines"`, for each line with its file's name. */
  readonly map: (name: string, contents: string) => Emitted<K, V>;
  /** Combines some of a key's values into one where they are made, to move less. Must not change what `reduce` gives. */
  readonly combine?: (key: K, values: Widened<V>[]) => Widened<V> | Promise<Widened<V>>;
  /** Called for each key, in order, with all its values in input order. */
  readonly reduce: (key: K, values: Widened<V>[]) => R | Promise<R>;
  /** Number of reduce tasks, and of output files. Default: a function of the input's size. */
  readonly partitions?: number;
  /** What a map call gets: a whole "file" (default), or one of its "lines". */
  readonly records?: "file" | "lines";
}

/** The parameters of every classic job. */
export interface MapReduceParameters {
  /** Files, directories, patterns: one or several. */
  readonly input: string | readonly string[];
  /** The output directory. */
  readonly output: string;
}

/**
 * Defines a classic MapReduce job with the parameters `input` and `output`. The output directory has one file
 * `part-NNNNN` for each partition, even when it is empty: lines `key⇥value`, sorted by key (UTF-8 bytes).
 *
 * @example
 * export default mapReduce({
 *   map: (file, contents) => (contents.match(/[a-z]+/gi) ?? []).map((word) => [word, file] as const),
 *   reduce: (word, files) => [...new Set(files)].sort().join(","),
 *   partitions: 10,
 * });
 */
export function mapReduce<K, V, R>(definition: MapReduceDefinition<K, V, R>): Job<MapReduceParameters, void> {
  for (const name of ["map", "reduce"] as const) {
    if (typeof definition?.[name] !== "function") {
      throw new ShoalError(
        "PLAN_INVALID",
        `mapReduce() expects a function "${name}", received ${typeof definition?.[name]}`,
      );
    }
  }
  const { map, combine, reduce, partitions, records = "file" } = definition;
  if (combine !== undefined && typeof combine !== "function") {
    throw new ShoalError(
      "PLAN_INVALID",
      `mapReduce() expects "combine" to be a function, received ${typeof combine}`,
    );
  }
  if (records !== "file" && records !== "lines") {
    throw new ShoalError(
      "PLAN_INVALID",
      `mapReduce() expects "records" to be "file" or "lines", received ${JSON.stringify(records)}`,
    );
  }
  const defaults: MapReduceParameters = { input: [], output: "" };
  return job(defaults, ({ input, output }) => {
    for (const [name, value] of Object.entries({ input, output })) {
      if (value.length === 0)
        throw new ShoalError("BAD_PARAMETER", `the job needs a value for "${name}"`, {
          hint: `Pass --${name}.`,
        });
    }
    const source = records === "file" ? read.files(input) : read.lines(input, { withFile: true });
    const mapped = spreadMap.method(source as Dataset<unknown>, map);
    const grouped = shuffle(
      mapped,
      "mapReduce",
      "group",
      combine === undefined ? [] : [combine],
      partitions === undefined ? {} : { partitions },
    );
    return (spreadReduce.method(grouped, reduce) as Dataset<[K, R]>).write.tsv(output);
  });
}
