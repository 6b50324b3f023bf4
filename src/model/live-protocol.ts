// What is asked of a running job, and what it answers: one line of JSON each. Plain data.

import type { LiveState } from "../driver/driver.ts";
import type { Progress } from "../report/observer.ts";
import type { Explanation } from "../report/why.ts";

export const liveFormat = 1;

/** Characters of a request; longer ones are refused. */
export const requestMax = 4096;

export type LiveRequest =
  | { readonly ask: "why"; readonly task: number | null }
  | { readonly ask: "progress" }
  | { readonly ask: "inspect" };

export interface LiveAnswer {
  readonly format: typeof liveFormat;
  /** The run that answers. */
  readonly run: string;
  readonly explanation?: Explanation;
  readonly progress?: Progress;
  readonly live?: LiveState | null;
  /** Why there is no answer. */
  readonly refused?: string;
}
