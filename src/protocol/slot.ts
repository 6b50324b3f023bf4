// Messages between a worker's agent and its slots. Plain data only; errors travel as ErrorData.

import type { AttemptId } from "../base/ids.ts";
import type { AttemptFigures, Failure } from "../core/types.ts";
import type { ErrorData } from "../errors.ts";
import type { Assignment } from "./assignment.ts";

export type ToSlot =
  /** Make the program known under `key`. Comes before the first message that uses the key. */
  | { readonly kind: "load"; readonly key: string; readonly module: string; readonly data: unknown }
  | { readonly kind: "run"; readonly key: string; readonly assignment: Assignment }
  | { readonly kind: "abort"; readonly attempt: AttemptId; readonly reason: string }
  | { readonly kind: "call"; readonly key: string; readonly call: number; readonly method: string; readonly argument: unknown };

export type FromSlot =
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly attempt: AttemptId; readonly recordsIn: number; readonly bytesIn: number }
  | { readonly kind: "finished"; readonly attempt: AttemptId; readonly figures: AttemptFigures }
  | { readonly kind: "failed"; readonly attempt: AttemptId; readonly failure: Failure }
  /** What user code printed, in pieces of bounded size and number. */
  | { readonly kind: "printed"; readonly attempt: AttemptId | null; readonly text: string }
  | { readonly kind: "answered"; readonly call: number; readonly value: unknown }
  | { readonly kind: "refused"; readonly call: number; readonly error: ErrorData };
