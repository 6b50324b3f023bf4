// What the coordinator and a worker say to each other. The cause travels with it (DESIGN.md §4.6).

import type { AttemptId } from "../../base/ids.ts";
import type { CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { Millis } from "../../core/types.ts";
import type { LogEntry } from "../../core/log.ts";
import type { Assignment } from "../../protocol/assignment.ts";

export interface Caused {
  /** The log entry that caused it. */
  readonly cause: number | null;
}

export type ToWorker = Caused &
  (
    | { readonly kind: "assign"; readonly assignment: Assignment }
    | { readonly kind: "cancel" | "examine" | "discard"; readonly attempt: AttemptId }
    /** The job is over: end all slots; delete all files, unless the job may be continued. */
    | { readonly kind: "stop"; readonly keeps?: true }
  );

interface Logged extends Caused {
  /** Entries of the worker's own log since its last message: those that may have caused this one, at least. */
  readonly log?: readonly LogEntry[];
}

export type FromWorker = Logged &
  /**
   * Once, first: the worker is there; `url` is that of its block server, if it has one; `copies` the digests of the pieces of
   * objects that its machine has kept, as bytes of a Uint32Array in base64.
   */
  (
    | { readonly kind: "hello"; readonly slots: number; readonly url?: string; readonly copies?: string }
    | { readonly kind: "report"; readonly event: CoordinatorEvent }
    /** It wants no new work: it leaves when the job is over. */
    | { readonly kind: "leaving" }
    /** What user code printed. */
    | { readonly kind: "printed"; readonly text: string }
    /** Nothing but its log. */
    | { readonly kind: "log" }
    /** Last, after "stop": nothing of the job runs here any more. */
    | { readonly kind: "left" }
  );

/** The process that one end of a link is in: what it plans happens in it, by its own clock, unless it is withdrawn. */
export interface Ticking {
  after(ms: Millis, happen: () => void): () => void;
}

/** One end of a link between the coordinator and a worker. What is said arrives in order, if the other end lives. */
export interface Link<Out> {
  say(message: Out): void;
}
