// From a plan's nodes to stages: a stage is what runs without an exchange between tasks. Pure.
//
//   read.lines ─ flatMap ─ countByValue ─ write.tsv          sort: three stages
//   └──────── stage 0 ───┘└── stage 1 ──────────┘            runs │ bounds │ ranges
//
// A sort's map tasks write sorted runs; one task reads the runs' samples and chooses the bounds of the ranges; each
// range is then a task that merges its part of all runs.

import { ShoalError } from "../errors.ts";
import { Sink } from "./dataset.ts";
import type {
  DatasetNode,
  Json,
  OperatorNode,
  Options,
  ShuffleHow,
  ShuffleNode,
  SourceNode,
  UserFunction,
} from "./nodes.ts";

export interface OperatorPlan {
  readonly operator: string;
  /** Places of the user's functions in the plan's table. */
  readonly fns: readonly number[];
  readonly options: Options;
}

export interface ShufflePlan {
  readonly how: ShuffleHow;
  readonly fns: readonly number[];
  readonly descending: boolean;
  /** Null: to be chosen from the input's size. */
  readonly partitions: number | null;
}

export type StageInput =
  | { readonly kind: "source"; readonly source: string; readonly options: Options }
  /** Partition i of the shuffle that stage `from` wrote; for a sort, within the bounds that stage `bounds` chose. */
  | {
      readonly kind: "shuffle";
      readonly from: number;
      readonly bounds: number | null;
      readonly shuffle: ShufflePlan;
    }
  /** The samples of the sorted runs that stage `from` wrote; one task, no records. */
  | { readonly kind: "samples"; readonly from: number; readonly shuffle: ShufflePlan };

export type StageOutput =
  | { readonly kind: "shuffle"; readonly shuffle: ShufflePlan }
  | { readonly kind: "bounds" }
  | { readonly kind: "sink"; readonly sink: string; readonly options: Options };

/** A stage, as data: what travels and what the fingerprint covers. */
export interface StagePlan {
  readonly index: number;
  readonly name: string;
  readonly input: StageInput;
  readonly operators: readonly OperatorPlan[];
  readonly output: StageOutput;
}

export interface Plan {
  readonly stages: readonly StagePlan[];
  /** The user's functions, by place. Never leaves the thread. */
  readonly fns: readonly UserFunction[];
}

/** Stages of the plan that ends in `sink`. Throws PLAN_INVALID when `sink` is no sink. */
export function compile(sink: unknown): Plan {
  if (!isSink(sink)) {
    throw new ShoalError("PLAN_INVALID", `the plan must return a sink, received ${describePlan(sink)}`, {
      hint: "End the plan with .write.tsv(output), .write.text(output), .collect() or .count().",
    });
  }
  const builder = new StageBuilder();
  const chain = chainOf(sink.node.parent);
  const source = chain[0] as SourceNode;
  builder.begin({ kind: "source", source: source.source, options: source.options }, `read.${source.source}`);
  for (const node of chain.slice(1)) {
    if (node.kind === "operator") builder.operator(node);
    else builder.shuffle(node as ShuffleNode);
  }
  builder.end({ kind: "sink", sink: sink.node.sink, options: sink.node.options }, sink.node.sink);
  return { stages: builder.stages, fns: builder.fns };
}

/** Branded by shape, not by class: the bundle may hold another copy of the class. */
const isSink = (value: unknown): value is Sink<unknown> =>
  typeof value === "object" &&
  value !== null &&
  (value as { node?: { kind?: unknown } }).node?.kind === "sink";

function describePlan(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  if (typeof (value as { then?: unknown }).then === "function") return "a promise (a plan must not be async)";
  const kind = (value as { node?: { kind?: unknown } }).node?.kind;
  return kind === undefined ? "an object that is no sink" : "a dataset without a sink at its end";
}

function chainOf(node: DatasetNode): readonly DatasetNode[] {
  const chain: DatasetNode[] = [];
  for (let at: DatasetNode | null = node; at !== null; at = at.kind === "source" ? null : at.parent)
    chain.push(at);
  return chain.reverse();
}

class StageBuilder {
  readonly stages: StagePlan[] = [];
  readonly fns: UserFunction[] = [];
  private input!: StageInput;
  private operators: OperatorPlan[] = [];
  private names: string[] = [];

  begin(input: StageInput, name: string): void {
    this.input = input;
    this.operators = [];
    this.names = [name];
  }

  operator(node: OperatorNode): void {
    this.operators.push({ operator: node.operator, fns: this.places(node.fns), options: node.options });
    if (this.names.at(-1) !== node.operator) this.names.push(node.operator);
  }

  shuffle(node: ShuffleNode): void {
    const shuffle: ShufflePlan = {
      how: node.how,
      fns: this.places(node.fns),
      descending: node.descending,
      partitions: node.partitions,
    };
    const from = this.end({ kind: "shuffle", shuffle }, node.operator);
    if (node.how !== "sort") {
      this.begin({ kind: "shuffle", from, bounds: null, shuffle }, node.operator);
      return;
    }
    this.begin({ kind: "samples", from, shuffle }, `${node.operator}: bounds`);
    const bounds = this.end({ kind: "bounds" }, null);
    this.begin({ kind: "shuffle", from, bounds, shuffle }, node.operator);
  }

  end(output: StageOutput, name: string | null): number {
    if (name !== null && this.names.at(-1) !== name) this.names.push(name);
    const index = this.stages.length;
    this.stages.push({
      index,
      name: this.names.join(" → "),
      input: this.input,
      operators: this.operators,
      output,
    });
    return index;
  }

  private places(fns: readonly UserFunction[]): number[] {
    return fns.map((fn) => this.fns.push(fn) - 1);
  }
}

/** Reduce tasks for `inputBytes` of input: one for each 32 MiB, 1 to 256. A function of the input alone (DESIGN §7.1). */
export const defaultPartitions = (inputBytes: number): number =>
  Math.min(256, Math.max(1, Math.ceil(inputBytes / (32 * 2 ** 20))));

/** The stages with every open partition count filled in; `override` (the command line's --partitions) wins over all. */
export function resolvePartitions(
  stages: readonly StagePlan[],
  inputBytes: number,
  override: number | null,
): StagePlan[] {
  const fill = (shuffle: ShufflePlan): ShufflePlan => ({
    ...shuffle,
    partitions: override ?? shuffle.partitions ?? defaultPartitions(inputBytes),
  });
  return stages.map((stage) => ({
    ...stage,
    input:
      stage.input.kind === "source" ? stage.input : { ...stage.input, shuffle: fill(stage.input.shuffle) },
    output:
      stage.output.kind === "shuffle"
        ? { kind: "shuffle", shuffle: fill(stage.output.shuffle) }
        : stage.output,
  }));
}

/** The plan as canonical text: equal on two sides if and only if they built the same plan. */
export const fingerprintText = (stages: readonly StagePlan[]): string =>
  canonicalJson(stages as unknown as Json);

function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const object = value as { readonly [key: string]: Json };
  return `{${Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key]!)}`)
    .join(",")}}`;
}
