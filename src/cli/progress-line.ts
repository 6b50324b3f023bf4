// Progress as one line that fits a width: the least important parts go first.

import { formatBytes, formatCount, formatDuration } from "../base/units.ts";
import type { Progress } from "./api.ts";
import { noPaint } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { clip, escapeLine } from "./printable.ts";

export interface LineOptions {
  /** Characters, or Infinity. */
  readonly width: number;
  readonly bar: boolean;
  readonly paint?: Paint;
}

interface Part {
  readonly text: string;
  readonly colour?: keyof Paint;
  /** The part with the highest rank is left out first; 0 stays. */
  readonly rank: number;
}

const barWidth = 16;
const nameMax = 40;

export function progressLine(progress: Progress, { width, bar, paint = noPaint }: LineOptions): string {
  const kept = partsOf(progress, bar).filter((part) => part.text !== "");
  while (lengthOf(kept) > width && kept.some((part) => part.rank > 0)) {
    kept.splice(
      kept.reduce((worst, part, i) => (part.rank > kept[worst]!.rank ? i : worst), 0),
      1,
    );
  }
  if (lengthOf(kept) > width) return clip(kept.map((part) => part.text).join("  "), Math.max(1, width));
  return kept.map(({ text, colour }) => (colour === undefined ? text : paint[colour](text))).join("  ");
}

const lengthOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, part) => sum + [...part.text].length, 2 * (parts.length - 1));

function partsOf(progress: Progress, bar: boolean): Part[] {
  const { stage, bytesPerSecond, retries, backups } = progress;
  const share = shareOf(progress);
  const filled = Math.round(share * barWidth);
  const trouble = [
    ...(retries > 0 ? [`${formatCount(retries)} ${retries === 1 ? "retry" : "retries"}`] : []),
    ...(backups > 0 ? [`${formatCount(backups)} ${backups === 1 ? "backup" : "backups"}`] : []),
  ];
  return [
    { text: `[${stage.index + 1}/${stage.count}]`, colour: "bold", rank: 0 },
    { text: clip(escapeLine(stage.name), nameMax), rank: 5 },
    { text: bar ? "█".repeat(filled) + "░".repeat(barWidth - filled) : "", colour: "cyan", rank: 7 },
    // Rounded down: 100 % is said when it is so.
    { text: `${Math.floor(share * 100)} %`, rank: 0 },
    { text: `${formatCount(stage.tasks.finished)}/${formatCount(stage.tasks.total)} tasks`, rank: 1 },
    { text: `${formatCount(stage.recordsIn)} records`, rank: 6 },
    { text: bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond)}/s` : "", colour: "dim", rank: 4 },
    { text: leftText(progress), colour: "green", rank: 2 },
    { text: trouble.join(", "), colour: "yellow", rank: 3 },
  ];
}

/** Of the stage that runs: by bytes where the whole is known, else by tasks. */
function shareOf({ stage }: Progress): number {
  const { finished, total } = stage.tasks;
  const byTasks = total === 0 ? 0 : finished / total;
  const byBytes = stage.bytesTotal === null || stage.bytesTotal === 0 ? 0 : stage.bytesIn / stage.bytesTotal;
  return finished === total && total > 0 ? 1 : Math.min(0.99, Math.max(byTasks, byBytes));
}

function leftText({ etaMs, stage }: Progress): string {
  if (etaMs !== null) return `${roughly(etaMs)} left`;
  return stage.etaMs === null ? "" : `${roughly(stage.etaMs)} left in stage`;
}

const roughly = (ms: number): string => `~${ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : formatDuration(ms)}`;
