// read.values: records that are given in the plan itself.

import { Dataset } from "../../plan/dataset.ts";
import type { Json } from "../../plan/nodes.ts";
import type { Push } from "../../plan/operator.ts";
import { ShoalError } from "../../errors.ts";
import type { RecordReader, Source, Split, TaskHost } from "../contract.ts";
import { checkedOptions, integerFrom } from "../input/options.ts";
import { requireJson } from "../portable.ts";

export interface ValuesOptions {
  /** How many values one task gets. Default: such that there are at most 64 tasks. */
  readonly perTask?: number;
}

const tasksMax = 64;

const source: Source = {
  name: "values",
  split(options) {
    const values = options["values"] as readonly Json[];
    const perTask = (options["perTask"] as number | null) ?? Math.max(1, Math.ceil(values.length / tasksMax));
    const splits: Split[] = [];
    for (let from = 0; from < values.length || splits.length === 0; from += perTask) {
      const to = Math.min(values.length, from + perTask);
      const bytes = Buffer.byteLength(JSON.stringify(values.slice(from, to)));
      const label = to - from === 1 ? `value ${from + 1}` : `values ${from + 1} to ${to}`;
      splits.push({ label, bytes, data: [from, to] });
    }
    return Promise.resolve({
      splits,
      files: 0,
      bytes: splits.reduce((sum, split) => sum + split.bytes, 0),
      roots: [],
    });
  },
  open: (split, options, host) => new ValuesReader(split, options["values"] as readonly Json[], host),
};

/** The values are in the plan: a split only says which of them. */
class ValuesReader implements RecordReader {
  private readonly split: Split;
  private readonly values: readonly Json[];
  private readonly host: TaskHost;
  private at = 0;

  constructor(split: Split, values: readonly Json[], host: TaskHost) {
    this.split = split;
    this.values = values;
    this.host = host;
  }

  async read(push: Push): Promise<void> {
    const [from, to] = this.split.data as readonly [number, number];
    for (let i = from; i < to; i++) {
      if ((i - from) % 256 === 0) this.host.tick();
      const value = this.values[i]!;
      this.at = i + 1;
      this.host.meter.recordsIn++;
      // user code may change what it gets; another attempt must find it as it was
      const waiting = push(typeof value === "object" ? structuredClone(value) : value);
      if (waiting !== undefined) await waiting;
    }
    this.host.meter.bytesIn += this.split.bytes;
  }

  position(): ReturnType<RecordReader["position"]> {
    return Promise.resolve({ file: null, unit: "value", at: this.at });
  }
}

/**
 * The given values, which become part of the plan: for parameters, lists of URLs and the like, not for data that a file
 * could hold. They must be JSON data; VALUE_INVALID names the culprit.
 *
 * @example
 * read.values([1, 2, 3]).map((n) => n * n).collect();
 */
function read<T>(items: readonly T[], options?: ValuesOptions): Dataset<T> {
  if (!Array.isArray(items)) {
    throw new ShoalError("PLAN_INVALID", `read.values() expects an array, received ${typeof items}`);
  }
  requireJson(items, "values");
  const checks = { perTask: integerFrom(1, Number.MAX_SAFE_INTEGER) };
  const checked = checkedOptions("read.values", options, checks, { perTask: null });
  return new Dataset({
    kind: "source",
    source: "values",
    options: { ...checked, values: structuredClone(items) },
  });
}

export const values = { source, read };
