// Messages between a worker's agent and its slots. Plain data only; errors travel as ErrorData.

import type { AttemptId } from "../base/ids.ts";
import type { AttemptFigures, Failure } from "../core/types.ts";
import type { ErrorData } from "../errors.ts";
import type { Assignment } from "./assignment.ts";
import type { FromCallSlot, ToCallSlot } from "./calls.ts";

export type ToSlot =
  /** Make the program known under `key`. Comes before the first message that uses the key. */
  | { readonly kind: "load"; readonly key: string; readonly module: string; readonly data: unknown }
  | { readonly kind: "run"; readonly key: string; readonly assignment: Assignment }
  | { readonly kind: "abort"; readonly attempt: AttemptId; readonly reason: string }
  | {
      readonly kind: "call";
      readonly key: string;
      readonly call: number;
      readonly method: string;
      readonly argument: unknown;
    }
  | ToCallSlot;

export type FromSlot =
  | FromCallSlot
  | { readonly kind: "ready" }
  | {
      readonly kind: "progress";
      readonly attempt: AttemptId;
      readonly recordsIn: number;
      readonly bytesIn: number;
    }
  /** What the slot's JavaScript holds; while it runs something, and at its end. */
  | { readonly kind: "memory"; readonly heapBytes: number; readonly bufferBytes: number }
  | { readonly kind: "finished"; readonly attempt: AttemptId; readonly figures: AttemptFigures }
  | { readonly kind: "failed"; readonly attempt: AttemptId; readonly failure: Failure }
  /** What user code printed, in pieces of bounded size and number. */
  | { readonly kind: "printed"; readonly attempt: AttemptId | null; readonly text: string }
  | { readonly kind: "answered"; readonly call: number; readonly value: unknown }
  | { readonly kind: "refused"; readonly call: number; readonly error: ErrorData };

/** Where a slot is, and what it holds, found out from outside of it: also when it is busy. */
export interface SlotProbe {
  /** Innermost frame first, mapped to the user's TypeScript; null: it waits, no JavaScript runs. */
  readonly stack: string | null;
  /** Null: not learnt. */
  readonly heapBytes: number | null;
  readonly bufferBytes: number | null;
}

/** How a thread ended, as the process that it was in saw it. */
export interface ThreadEnd {
  readonly exitCode: number;
  readonly isHeapFull: boolean;
  /** What it threw. */
  readonly error: ErrorData | null;
}

/** Messages from the agent to a slot's process: those to its slot, and those to the process itself. */
export type ToSlotProcess =
  | ToSlot
  /** First: start the thread that is the slot. */
  | {
      readonly kind: "begin";
      readonly agent: number;
      readonly preload: string | null;
      readonly heapBytes: number | null;
      /** It takes calls, not attempts; which slot it is. */
      readonly calls?: { readonly slot: number; readonly shared: null };
    }
  | { readonly kind: "probe"; readonly probe: number };

export type FromSlotProcess =
  | FromSlot
  | { readonly kind: "probed"; readonly probe: number; readonly found: SlotProbe | null }
  /** The memory of the whole process; while its slot runs something. */
  | { readonly kind: "rss"; readonly rssBytes: number }
  /** Last: its thread has ended, and the process is going to. */
  | { readonly kind: "thread-ended"; readonly end: ThreadEnd };
