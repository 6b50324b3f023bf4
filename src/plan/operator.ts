// What an operator is, and how one is added: write one small file beside map.ts that exports an Operator and merges
// its method's type into Dataset, and add one line to operators/list.ts.

import { ShoalError } from "../errors.ts";
import { Dataset } from "./dataset.ts";
import type { Json, Options, ShuffleHow, UserFunction } from "./nodes.ts";

/**
 * Takes one record. Returns undefined when it is done with it, or a promise to wait for. Callers pass the promise on,
 * so that one slow record holds back the source: that is the backpressure within a task.
 */
export type Push = (record: unknown) => void | Promise<void>;

/** One step of a task: takes records, and is told when there are no more. */
export interface Step {
  readonly push: Push;
  /** All records were pushed: pass on what was held back. The next step's `end` is called by the caller, after this one. */
  readonly end?: () => void | Promise<void>;
}

export interface Operator {
  readonly name: string;
  /** The method's body: the new Dataset from the one it was called on and the arguments. */
  // oxlint-disable-next-line no-explicit-any -- each operator's file gives its method a precise type
  readonly method: (on: Dataset<any>, ...args: any[]) => Dataset<any>;
  /** Narrow operators only: the step that performs it. Pure; built once for each attempt. */
  readonly step?: (fns: readonly UserFunction[], options: Options, next: Push) => Step;
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";

/** Checks a function argument of an operator when the plan is built, where the stack still shows the user's line. */
export function requireFunction(operator: string, value: unknown): UserFunction {
  if (typeof value === "function") return value as UserFunction;
  throw new ShoalError("PLAN_INVALID", `${operator}() expects a function, received ${describeKind(value)}`);
}

export function requirePartitions(operator: string, value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= partitionsMax)
    return value;
  throw new ShoalError(
    "PLAN_INVALID",
    `${operator}() expects partitions to be an integer from 1 to ${partitionsMax}, received ${describeKind(value)}`,
  );
}

export const partitionsMax = 100_000;

const describeKind = (value: unknown): string =>
  value === null
    ? "null"
    : typeof value === "number" || typeof value === "string"
      ? (JSON.stringify(value) ?? String(value))
      : typeof value;

/** The Dataset after a narrow operator. */
export const narrow = (
  on: Dataset<unknown>,
  operator: string,
  fns: readonly UserFunction[],
  options: { [key: string]: Json } = {},
): Dataset<unknown> => new Dataset({ kind: "operator", parent: on.node, operator, fns, options });

export interface ShuffleOptions {
  /** Number of reduce tasks and of output files. Default: a function of the input's size. 1 to 100,000. */
  readonly partitions?: number;
}

/** The Dataset after an exchange of records between tasks. */
export const shuffle = (
  on: Dataset<unknown>,
  operator: string,
  how: ShuffleHow,
  fns: readonly UserFunction[],
  options: ShuffleOptions & { readonly descending?: boolean } = {},
): Dataset<unknown> =>
  new Dataset({
    kind: "shuffle",
    parent: on.node,
    operator,
    how,
    fns,
    partitions: requirePartitions(operator, options?.partitions),
    descending: options?.descending === true,
  });
