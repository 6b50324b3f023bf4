// What-if: runs the real coordinator in the simulator on the task times of a finished job, for other numbers of slots.
//
// Not here: the simulation (what-if-sim.ts, loaded when it is asked for), what is recorded
// (report/what-if-recording.ts), what the simulated times mean (report/what-if.ts).

import { ShoalError } from "../errors.ts";
import { conclude, gainMin, gainOf, type Simulated, type WhatIf } from "../report/what-if.ts";
import { Recording } from "../report/what-if-recording.ts";
import { readJournal } from "../store/journal/read.ts";
import { findJob, type StateOptions } from "./jobs.ts";

export interface WhatIfOptions extends StateOptions {
  /** Numbers of slots to predict for, 1 to 100,000 each. */
  readonly slots: readonly number[];
}

const slotsMax = 100_000;
/** Simulated tasks that the search for the point of no more gain may cost. */
const searchTasksMax = 2_000_000;

/**
 * Predicts a finished job's wall time on other numbers of slots, with the model's error measured on the run itself, and
 * the point where more slots stop paying.
 *
 * Errors: RUN_UNKNOWN; RUN_UNFINISHED for jobs that have not succeeded; BAD_OPTION.
 *
 * @example
 * const { error, predictions } = await whatIf("wordcount", { slots: [4, 16, 64] });
 */
export async function whatIf(job: string | undefined, options: WhatIfOptions): Promise<WhatIf> {
  for (const slots of options.slots) {
    if (Number.isInteger(slots) && slots >= 1 && slots <= slotsMax) continue;
    throw new ShoalError(
      "BAD_OPTION",
      `slots must be whole numbers from 1 to ${slotsMax}, received ${String(slots)}`,
    );
  }
  const entry = await findJob(job, options);
  const recording = new Recording();
  for await (const record of readJournal(entry.journal)) recording.add(record);
  if (recording.spec === null || !recording.isSucceeded || recording.measured === null) {
    const state = entry.state === "cut-off" ? "was cut off" : `is ${entry.state}`;
    throw new ShoalError(
      "RUN_UNFINISHED",
      `${entry.job} (${entry.run}) ${state}: predictions need a job that succeeded`,
    );
  }
  return await predictAll(recording, options.slots);
}

/** The predictions from what a journal recorded of a job that succeeded. */
export async function predictAll(recording: Recording, slotCounts: readonly number[]): Promise<WhatIf> {
  const { simulate } = await import("./what-if-sim.ts");
  const known = new Map<number, Simulated>();
  const simulated = async (slots: number): Promise<Simulated> => {
    const found = known.get(slots) ?? (await simulate(recording, slots));
    known.set(slots, found);
    return found;
  };
  const own = await simulated(recording.slots);
  const asked: Simulated[] = [];
  for (const slots of [...new Set(slotCounts)].sort((a, b) => a - b)) asked.push(await simulated(slots));
  return conclude(recording, own, asked, await doublings(recording, simulated));
}

/** 1, 2, 4 … slots, until twice as many gain too little; more slots than a stage has tasks have nothing to do. */
async function doublings(
  recording: Recording,
  simulated: (slots: number) => Promise<Simulated>,
): Promise<Simulated[]> {
  const { startUpMs, endMs } = recording.measured!;
  const rest = startUpMs + endMs;
  const most = Math.min(slotsMax, recording.widest());
  const found: Simulated[] = [];
  for (let slots = 1; (found.length + 1) * recording.taskMs.size <= searchTasksMax; slots *= 2) {
    found.push(await simulated(Math.min(slots, most)));
    const [before, last] = found.slice(-2);
    if (last !== undefined && gainOf(before!.spanMs + rest, last.spanMs + rest) < gainMin) break;
  }
  return found;
}
