// Predictions as a table of text. Pure; no colours, no escaping.

import { formatDuration } from "../base/units.ts";
import type { Prediction, WhatIf } from "./what-if.ts";
import { gainMin } from "./what-if.ts";

const barWidth = 24;

export function renderWhatIf(whatIf: WhatIf): string[] {
  const { job, run, slots, measuredMs, own, error, predictions, bound, caveats } = whatIf;
  const shown = [...predictions];
  if (!shown.some((other) => other.slots === slots)) shown.push(own);
  shown.sort((a, b) => a.slots - b.slots);
  const longest = Math.max(...shown.map(({ wallMs }) => wallMs), 1);
  const rows = shown.map((prediction) =>
    row(prediction, longest, prediction.slots === slots ? measuredMs : null),
  );
  return [
    `${job} (${run}) took ${formatDuration(measuredMs)} on ${slotCount(slots)}`,
    error === null
      ? "the model's error cannot be measured on a run that was interrupted"
      : `the model gives ${formatDuration(own.wallMs)} for that: its error on this very run is ${signed(error)}`,
    "",
    ...table([["slots", "predicted", "speed-up", "in use", ""], ...rows]),
    "",
    enoughLine(whatIf),
    `no number of slots is faster than ${formatDuration(bound.wallMs)}: start-up ${formatDuration(bound.startUpMs)}, ` +
      `the longest chain of tasks ${formatDuration(bound.chainMs)}, end ${formatDuration(bound.endMs)}`,
    ...caveats.map((caveat) => `note: ${caveat}`),
  ];
}

const slotCount = (slots: number): string => `${slots} ${slots === 1 ? "slot" : "slots"}`;

function enoughLine({ enough }: WhatIf): string {
  if (enough === null) return "within what was simulated, more slots go on paying";
  const gain = `twice as many gain ${(100 * enough.gain).toFixed(1)} %, less than ${100 * gainMin} %`;
  return `more stops paying at ${slotCount(enough.slots)} (${formatDuration(enough.wallMs)}): ${gain}`;
}

function row(
  { slots, wallMs, speedup, utilization }: Prediction,
  longest: number,
  measuredMs: number | null,
): string[] {
  const bar = "█".repeat(Math.max(1, Math.round((wallMs / longest) * barWidth)));
  const measured = measuredMs === null ? "" : `  measured: ${formatDuration(measuredMs)}`;
  const inUse = `${(100 * utilization).toFixed(0)} %`;
  return [String(slots), formatDuration(wallMs), `${speedup.toFixed(2)} ×`, inUse, `${bar}${measured}`];
}

const signed = (share: number): string => `${share < 0 ? "-" : "+"}${(100 * Math.abs(share)).toFixed(1)} %`;

/** Rows with columns of one width, numbers to the right, the last to the left. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const pad = (cell: string, i: number): string =>
    i === widths.length - 1 ? cell : cell.padStart(widths[i]!);
  return rows.map((cells) => `  ${cells.map(pad).join("  ")}`.trimEnd());
}
