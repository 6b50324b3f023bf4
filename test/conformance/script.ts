// A scripted program: what each attempt does, for any driver. The same script runs in threads (scripted-program.mjs)
// and as a model in the simulator.

import type { AttemptFigures, Failure } from "../../src/core/types.ts";
import type { TaskCourse, TaskModel } from "../../src/driver/sim/sim-worker.ts";

export interface Act {
  /** Virtual milliseconds, or real ones in threads. Default 5. */
  readonly durationMs?: number;
  /** Default "finish". */
  readonly end?: "finish" | "fail" | "fail-final" | "exit" | "hang" | "busy";
  /** The attempt fails since these inputs prove lost. */
  readonly lost?: readonly string[];
}

/** By attempt ("t3.1") or task ("t3"); what is not named finishes. */
export type Script = Readonly<Record<string, Act>>;

export const actOf = (script: Script, attempt: string): Act =>
  script[attempt] ?? script[attempt.split(".")[0]!] ?? {};

export const figures = (runMs: number): AttemptFigures => ({
  recordsIn: 1,
  recordsOut: 1,
  bytesIn: 1,
  bytesOut: 1,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs,
  counters: {},
});

/** The script as a model of tasks for the simulator. */
export const modelOf =
  (script: Script): TaskModel =>
  ({ attempt }): TaskCourse => {
    const act = actOf(script, attempt);
    const durationMs = act.durationMs ?? 5;
    const error = { name: "Error", message: `scripted failure of ${attempt}` };
    const fail = (failure: Failure): TaskCourse => ({ durationMs, end: { kind: "fail", failure } });
    if (act.lost !== undefined) return fail({ kind: "blocks", lost: act.lost as never, error });
    switch (act.end ?? "finish") {
      case "finish":
        return { durationMs, end: { kind: "finish", figures: figures(durationMs) } };
      case "fail":
        return fail({ kind: "error", final: false, error });
      case "fail-final":
        return fail({ kind: "error", final: true, error });
      case "exit":
        return { durationMs, end: { kind: "exit" } };
      case "hang":
        return { durationMs, end: { kind: "hang" } };
      case "busy":
        return { durationMs, end: { kind: "hang" }, ignoresAbort: true };
    }
  };
