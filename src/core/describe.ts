// One renderer for what any machine was told or ordered, wherever it is shown (DESIGN.md §4.6).

import { describe as describeCoordinator } from "./coordinator/describe.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "./coordinator/events.ts";
import { describe as describeDispatcher } from "./dispatcher/describe.ts";
import type { DispatcherEffect, DispatcherEvent } from "./dispatcher/events.ts";
import { describe as describeWorker } from "./worker/describe.ts";
import type { WorkerEffect, WorkerEvent } from "./worker/events.ts";

export type MachineLine =
  | { readonly machine: "coordinator"; readonly body: CoordinatorEvent | CoordinatorEffect }
  | { readonly machine: "dispatcher"; readonly body: DispatcherEvent | DispatcherEffect }
  | { readonly machine: `w${number}`; readonly body: WorkerEvent | WorkerEffect };

/** One line for one entry of the log: its kind, then what it is about. */
export function describe(line: MachineLine): string {
  if (line.machine === "coordinator") return describeCoordinator(line.body);
  return line.machine === "dispatcher" ? describeDispatcher(line.body) : describeWorker(line.body);
}
