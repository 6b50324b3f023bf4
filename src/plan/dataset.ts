// Dataset and Sink: the values that a user's plan is made of. The methods are not here: each operator adds its own
// (plan/operators/*.ts), each sink its own (data/sinks/*.ts), by declaration merging and one line in their list.

import type { DatasetNode, SinkNode } from "./nodes.ts";

declare const recordType: unique symbol;

/** A distributed collection of records of type `T`, described and not yet computed. Immutable. */
export class Dataset<T> {
  readonly node: DatasetNode;
  declare readonly [recordType]: T;

  constructor(node: DatasetNode) {
    this.node = node;
  }

  /** Ends the plan with files in a directory: `.write.tsv(output)`, `.write.text(output)`. */
  get write(): Writers<T> {
    return new Writers<T>(this.node);
  }
}

/** The file formats of `dataset.write`; each is added by its own file in data/sinks/. */
export class Writers<T> {
  readonly node: DatasetNode;
  declare readonly [recordType]: T;

  constructor(node: DatasetNode) {
    this.node = node;
  }
}

/** The end of a plan: what is done with the records. `R` is what `shoal.run` gives for it. */
export class Sink<R> {
  readonly node: SinkNode;
  declare readonly [recordType]: R;

  constructor(node: SinkNode) {
    this.node = node;
  }
}

/** A literal type as the type that it is one of: `[word, 1] as const` makes sums of numbers, not of ones. */
export type Widened<V> = V extends number
  ? number
  : V extends string
    ? string
    : V extends boolean
      ? boolean
      : V extends bigint
        ? bigint
        : V;
