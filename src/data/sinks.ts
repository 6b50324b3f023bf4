// Installs the sinks of the list (sinks/list.ts) as methods of Dataset and Writers, and finds them by name.

import { Dataset, Writers, type Sink as SinkOf } from "../plan/dataset.ts";
import type { DatasetNode } from "../plan/nodes.ts";
import type { Sink } from "./contract.ts";
import * as list from "./sinks/list.ts";

/** What a file in sinks/ exports. */
export interface SinkFile {
  readonly sink: Sink;
  /** "write": the method is dataset.write.<name>(…); "dataset": dataset.<name>(…). */
  readonly on: "write" | "dataset";
  /** The method's body: the end of the plan from the node it was called on and the arguments. */
  readonly method: (node: DatasetNode, ...args: readonly unknown[]) => SinkOf<unknown>;
}

const files = Object.values<SinkFile>(list);

export const sinks: readonly Sink[] = files.map(({ sink }) => sink);

const byName = new Map(sinks.map((sink) => [sink.name, sink]));

export const sinkNamed = (name: string): Sink | undefined => byName.get(name);

for (const { sink, on, method } of files) {
  Object.defineProperty(on === "write" ? Writers.prototype : Dataset.prototype, sink.name, {
    value(this: { readonly node: DatasetNode }, ...args: readonly unknown[]) {
      return method(this.node, ...args);
    },
    configurable: true,
    writable: true,
  });
}
