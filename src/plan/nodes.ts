// The logical plan: what a user wrote, as a chain of nodes from a source to a sink. Pure data plus the user's functions.
//
// A user's function is never serialized: it is known by its place in the plan (compile.ts numbers them), and both
// sides build the same plan from the same bundle and parameters.

/** What options may hold: they are part of the plan's fingerprint. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Options = { readonly [key: string]: Json };

// oxlint-disable-next-line no-explicit-any -- user functions have any signature; operators give them their types
export type UserFunction = (...args: any[]) => unknown;

export interface SourceNode {
  readonly kind: "source";
  /** The name of a source in data/sources.ts. */
  readonly source: string;
  readonly options: Options;
}

/** A narrow operator: one record in, any number out, no exchange between tasks. */
export interface OperatorNode {
  readonly kind: "operator";
  readonly parent: DatasetNode;
  /** The name of an operator in plan/operators/list.ts. */
  readonly operator: string;
  readonly fns: readonly UserFunction[];
  readonly options: Options;
}

/**
 * How records are exchanged between the tasks of two stages.
 *
 * - `count`   records are keys;           out: [key, how often it occurred]
 * - `reduce`  records are [key, value];   out: [key, fold of its values by fns[0](a, b), in input order]
 * - `group`   records are [key, value];   out: [key, all its values in input order]. With fns[0], a combiner
 *             (key, values) => value, the values of a key are combined where they are made, some at a time
 * - `sort`    records are [key, value];   out: the same records in global order of their keys, equal keys in input order
 */
export type ShuffleHow = "count" | "reduce" | "group" | "sort";

export interface ShuffleNode {
  readonly kind: "shuffle";
  readonly parent: DatasetNode;
  /** The operator's name as the user wrote it: "countByValue". */
  readonly operator: string;
  readonly how: ShuffleHow;
  readonly fns: readonly UserFunction[];
  /** Number of reduce tasks, or null for the default (a function of the input's size, never of the slots). */
  readonly partitions: number | null;
  /** For `sort`. */
  readonly descending: boolean;
}

export type DatasetNode = SourceNode | OperatorNode | ShuffleNode;

export interface SinkNode {
  readonly kind: "sink";
  readonly parent: DatasetNode;
  /** The name of a sink in data/sinks.ts. */
  readonly sink: string;
  readonly options: Options;
}
