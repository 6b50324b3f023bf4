// The log of a run: what happened to its machines and what they ordered, in order, each with its cause. Plain data.

import type { CoordinatorEffect, CoordinatorEvent } from "./coordinator/events.ts";
import type { Millis } from "./types.ts";
import type { WorkerEffect, WorkerEvent } from "./worker/events.ts";

/** One line of the log that report/, `why`, `events` and failed assertions are made from. */
export type LogEntry = {
  /** 1, 2, 3 … in the order of happening. */
  readonly id: number;
  readonly at: Millis;
  /** The entry that caused this one: an effect's is its event, an event's the effect that it answers, or null. */
  readonly cause: number | null;
} & LogBody;

export type LogBody =
  | { readonly machine: "coordinator"; readonly type: "event"; readonly body: CoordinatorEvent }
  | { readonly machine: "coordinator"; readonly type: "effect"; readonly body: CoordinatorEffect }
  | { readonly machine: `w${number}`; readonly type: "event"; readonly body: WorkerEvent }
  | { readonly machine: `w${number}`; readonly type: "effect"; readonly body: WorkerEffect };
