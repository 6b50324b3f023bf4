// What-if: simulated wall times become predictions, with the model's error on the recorded run itself, the bound that
// no number of slots can pass, and the point where more stops paying. Pure.

import { formatDuration } from "../base/units.ts";
import type { Millis } from "../core/types.ts";
import type { Recording } from "./what-if-recording.ts";

/** Below this gain for twice the slots, more does not pay. */
export const gainMin = 0.05;

export interface Prediction {
  readonly slots: number;
  readonly wallMs: Millis;
  /** Against the prediction for the recorded run's own slots: 2 is twice as fast. */
  readonly speedup: number;
  /** Share of the slots' time in which they have work, from 0 to 1. */
  readonly utilization: number;
}

export interface WhatIf {
  readonly run: string;
  readonly job: string;
  /** The recorded run. */
  readonly slots: number;
  readonly measuredMs: Millis;
  /** What the model gives for the recorded run itself. */
  readonly own: Prediction;
  /** (predicted - measured) / measured, of the recorded run. Null for a run that was interrupted: no wall time compares. */
  readonly error: number | null;
  readonly predictions: readonly Prediction[];
  /** Start-up, the longest chain of tasks, and the end: no number of slots is faster. */
  readonly bound: Readonly<Record<"wallMs" | "startUpMs" | "chainMs" | "endMs", Millis>>;
  /** The fewest slots, of 1, 2, 4 …, from which twice as many gain less than 5 %; null if that was not looked for. */
  readonly enough: { readonly slots: number; readonly wallMs: Millis; readonly gain: number } | null;
  /** What the model does not know, as sentences. */
  readonly caveats: readonly string[];
}

/** One simulated run: from the first attempt's start to the last task's end, and the slot time in it that had work. */
export interface Simulated {
  readonly slots: number;
  readonly spanMs: Millis;
  readonly busyMs: Millis;
}

export function conclude(
  recording: Recording,
  own: Simulated,
  asked: readonly Simulated[],
  doublings: readonly Simulated[],
): WhatIf {
  const { startUpMs, endMs, wallMs: measuredMs } = recording.measured!;
  const wallOf = ({ spanMs }: Simulated): Millis => startUpMs + spanMs + endMs;
  const predict = (simulated: Simulated): Prediction => {
    const wallMs = wallOf(simulated);
    return {
      slots: simulated.slots,
      wallMs,
      speedup: wallMs === 0 ? 1 : wallOf(own) / wallMs,
      utilization: wallMs === 0 ? 0 : simulated.busyMs / (simulated.slots * wallMs),
    };
  };
  const chainMs = recording.chainMs();
  return {
    run: recording.opened!.run,
    job: recording.opened!.job,
    slots: recording.slots,
    measuredMs,
    own: predict(own),
    error: recording.incarnations > 1 || measuredMs === 0 ? null : (wallOf(own) - measuredMs) / measuredMs,
    predictions: asked.map(predict),
    bound: { wallMs: startUpMs + chainMs + endMs, startUpMs, chainMs, endMs },
    enough: enoughOf(doublings.map((simulated) => ({ slots: simulated.slots, wallMs: wallOf(simulated) }))),
    caveats: caveatsOf(recording),
  };
}

/** What twice as many slots gain, as a share of the wall time. */
export const gainOf = (wallMs: Millis, twiceMs: Millis): number =>
  wallMs === 0 ? 0 : (wallMs - twiceMs) / wallMs;

function enoughOf(doublings: readonly { slots: number; wallMs: Millis }[]): WhatIf["enough"] {
  for (let i = 0; i + 1 < doublings.length; i++) {
    const { slots, wallMs } = doublings[i]!;
    const gain = gainOf(wallMs, doublings[i + 1]!.wallMs);
    if (gain < gainMin) return { slots, wallMs, gain };
  }
  return null;
}

function caveatsOf(recording: Recording): string[] {
  const { incarnations, failures, remade, slots, coresPerSlot } = recording;
  const caveats = [
    `Each task is taken to need what it did on ${slots} ${slots === 1 ? "slot" : "slots"}: that more slots share caches, ` +
      "memory bandwidth and disks cannot be seen in a journal. Predictions hold for as many free cores as slots.",
    "Start-up and end are taken as they were.",
  ];
  const coldMs = Math.max(0, ...recording.coldMs());
  if (coldMs > 0) {
    caveats.push(
      `A slot's first task of a stage took up to ${formatDuration(coldMs)} longer than the others; ` +
        "every slot is taken to pay that.",
    );
  }
  if (coresPerSlot !== null && coresPerSlot > 1) {
    caveats.push(
      `A slot at work kept ${coresPerSlot.toFixed(2)} cores busy, garbage collection and compiling included; ` +
        "where there is one core for each slot, tasks are taken to wait for that.",
    );
  }
  if (incarnations > 1) {
    const times = incarnations === 2 ? "once" : `${incarnations - 1} times`;
    caveats.push(
      `The run was interrupted ${times}: task times are from all its parts, start-up and end from the last.`,
    );
  }
  if (failures.size > 0)
    caveats.push(`${failures.size} attempts failed in this run, and fail again in the model.`);
  if (remade > 0)
    caveats.push(`${remade} outputs were lost and made again in this run; in the model none is lost.`);
  return caveats;
}
