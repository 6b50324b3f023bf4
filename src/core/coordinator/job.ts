// The job's phase: is it running, publishing its output, stopping, or over.
//
//   running ──outputs-complete──▶ committing ──committed, commit-failed──▶ finished
//      └─────stop-decided──────▶ stopping ──────────all-stopped──────────────┘
//
// Not here: what is cancelled and ordered on the way (ending.ts).
// Owner of: state.job.
//
// Invariants
//   I14  After FinishJob the machine orders nothing more. Outside of the running phase no attempt is live.

import { InvariantError } from "../../base/assert.ts";
import type { JobOutcome } from "../types.ts";

export type JobPhase = "running" | "committing" | "stopping" | "finished";
type Trigger = "outputs-complete" | "stop-decided" | "committed" | "commit-failed" | "all-stopped";

export const phases: Readonly<Record<JobPhase, Readonly<Partial<Record<Trigger, JobPhase>>>>> = {
  running: { "outputs-complete": "committing", "stop-decided": "stopping" },
  committing: { committed: "finished", "commit-failed": "finished" },
  stopping: { "all-stopped": "finished" },
  finished: {},
};

export class JobLedger {
  private current: JobPhase = "running";
  private end: JobOutcome | null = null;

  get phase(): JobPhase {
    return this.current;
  }

  /** How it ends: known from the stopping phase on. */
  get outcome(): JobOutcome | null {
    return this.end;
  }

  apply(trigger: Trigger, outcome: JobOutcome | null = this.end): void {
    const to = phases[this.current][trigger];
    if (to === undefined) {
      throw new InvariantError("I14", `the job is ${this.current}: "${trigger}" is not in its table`);
    }
    this.current = to;
    this.end = outcome;
  }
}
