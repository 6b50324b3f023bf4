// A report as text: about a dozen lines with aligned columns and small bars. Pure; no colours, no escaping
// (names may come from data: who prints to a terminal escapes).

import { formatBytes, formatCount, formatDuration } from "../base/units.ts";
import { apportion } from "./apportion.ts";
import { explain } from "./explain.ts";
import type { Cause, Report } from "./report.ts";
import { causes } from "./report.ts";

export interface RenderOptions {
  /** Adds the laws of speed-up with this run's numbers. Default false. */
  readonly explain?: boolean;
}

const barWidth = 24;
const stageNameMax = 44;
const stagesMax = 12;
const countersMax = 8;

const partNames: Readonly<Record<Cause | "busy", string>> = {
  busy: "computing",
  startUp: "start-up",
  serial: "serial parts",
  waiting: "waiting for data",
  stragglers: "stragglers",
  retries: "retries, backups",
  idle: "idle",
};

/** The report as lines of text. */
export function renderReport(report: Report, options: RenderOptions = {}): string[] {
  return [
    heading(report),
    ...timeLines(report),
    ...stageLines(report),
    ...totalLines(report),
    ...(options.explain === true ? ["", ...explain(report)] : []),
  ];
}

function heading({ job, outcome, wallMs, slots, speedup }: Report): string {
  return (
    `${job} ${outcome} in ${formatDuration(wallMs)} on ${slots} ${slots === 1 ? "slot" : "slots"},` +
    ` ${speedup.toFixed(2)} × one core`
  );
}

function timeLines(report: Report): string[] {
  const core = { busy: report.busyMs, ...report.lost };
  const parts = (["busy", ...causes] as const).map((name) => ({ name, ms: core[name] }));
  const tenths = apportion(
    parts.map((part) => part.ms),
    report.capacityMs === 0 ? 0 : 1000,
  );
  const shown = parts.map((part, i) => ({ ...part, share: tenths[i]! / 1000 })).filter((part) => part.ms > 0);
  const row = (name: string, ms: number, share: number, drawn: string): string[] => [
    `  ${name}`,
    formatDuration(ms),
    formatDuration(ms / report.slots),
    percent(share),
    drawn,
  ];
  return table(
    [
      ["where the time went", "core time", "of the wall", "share", ""],
      ...shown.map(({ name, ms, share }) => row(partNames[name], ms, share, bar(share))),
      row("together", report.capacityMs, 1, ""),
    ],
    "lrrrl",
  );
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Eighths of a block, so that small shares show. */
function bar(share: number): string {
  const eighths = Math.round(share * barWidth * 8);
  return "█".repeat(eighths >> 3) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths & 7]!;
}

function stageLines(report: Report): string[] {
  const rows = report.stages
    .slice(0, stagesMax)
    .map((stage, i) => [
      `  ${i + 1} ${clip(stage.name, stageNameMax)}`,
      (stage.finishedTasks < stage.tasks ? `${formatCount(stage.finishedTasks)} of ` : "") +
        formatCount(stage.tasks),
      formatDuration(stage.wallMs),
      formatDuration(stage.medianTaskMs),
      formatDuration(stage.longestTaskMs),
      formatCount(stage.recordsIn),
      formatBytes(stage.bytesIn),
    ]);
  const titles = ["stages", "tasks", "wall", "median", "longest", "records in", "bytes in"];
  const left = report.stages.length - stagesMax;
  return [...table([titles, ...rows], "lrrrrrr"), ...(left > 0 ? [`  … and ${left} more stages`] : [])];
}

function totalLines(report: Report): string[] {
  const { input, output, spills, spilledBytes, skipped, retries, backups, remade } = report;
  const kept = report.stages.reduce((sum, { keptTasks }) => sum + keptTasks, 0);
  const files = `${formatCount(input.files)} ${input.files === 1 ? "file" : "files"}`;
  const lines = [
    `in   ${files}, ${formatBytes(input.bytes)}, ${formatCount(input.records)} records`,
    `out  ${formatBytes(output.bytes)}, ${formatCount(output.records)} records`,
  ];
  const counts = [
    ...(kept > 0 ? [`${formatCount(kept)} tasks kept from before`] : []),
    spills > 0 ? `${formatCount(spills)} spills of ${formatBytes(spilledBytes)}` : "no spills",
    ...(skipped > 0 ? [`${formatCount(skipped)} records skipped`] : []),
    retries > 0 ? `${formatCount(retries)} retries` : "no retries",
    ...(backups > 0 ? [`${formatCount(backups)} backups`] : []),
    ...(remade > 0 ? [`${formatCount(remade)} outputs made anew`] : []),
  ];
  lines.push(`     ${counts.join(", ")}`);
  const counters = Object.entries(report.counters);
  if (counters.length > 0) {
    const shown = counters.slice(0, countersMax);
    const texts = shown.map(([name, value]) => `${clip(name, 40)} ${formatNumber(value)}`);
    const more = counters.length > countersMax ? `, … ${counters.length - countersMax} more` : "";
    lines.push(`     counters: ${texts.join(", ")}${more}`);
  }
  return lines;
}

const formatNumber = (n: number): string =>
  Number.isInteger(n) ? (n < 0 ? "-" : "") + formatCount(Math.abs(n)) : String(n);

const clip = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1)}…`;

/** Rows with aligned columns; `align` has "l" or "r" for each. */
function table(rows: readonly (readonly string[])[], align: string): string[] {
  const widths = [...align].map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string =>
    align[column] === "r" ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}
