// "Why not faster with more?": the laws of parallel speed-up with one run's numbers, and what to do about the
// largest loss. Pure: a report comes in, lines of text go out.

import { formatDuration } from "../base/units.ts";
import type { Cause, Report } from "./report.ts";
import { causes } from "./report.ts";
import { amdahl, karpFlatt, scheduleBounds } from "./speed-up-laws.ts";

/** A loss below this share of the wall time needs no advice. */
const minorShare = 0.02;

const times = (n: number): string => (Number.isFinite(n) ? `${n.toFixed(2)} ×` : "without limit");
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The explanation of a report, as lines. */
export function explain(report: Report): string[] {
  const work = workOf(report);
  if (report.busyMs <= 0 || report.wallMs <= 0) {
    return ["Nothing was computed, so there is no speed-up to explain."];
  }
  return [amdahlLines, karpFlattLines, boundLines, adviceLines].flatMap((lines) => lines(report, work));
}

interface Work {
  /** What one slot would need: the computing, and what is not shared anyway. */
  readonly oneSlotMs: number;
  readonly unsharedMs: number;
  /** Of oneSlotMs, from 0 to 1. */
  readonly serialShare: number;
  /** The longest chain: what is not shared, and each stage's longest task. */
  readonly chainMs: number;
}

function workOf({ busyMs, unsharedMs, stages }: Report): Work {
  const { startUp, oneTask, end } = unsharedMs;
  // Computing of stages of one task is in busyMs already; the other two run no attempt.
  const oneSlotMs = busyMs + startUp + end;
  const unshared = Math.min(oneSlotMs, startUp + oneTask + end);
  const chain = startUp + end + stages.reduce((sum, stage) => sum + stage.longestTaskMs, 0);
  const serialShare = oneSlotMs === 0 ? 0 : unshared / oneSlotMs;
  return { oneSlotMs, unsharedMs: unshared, serialShare, chainMs: Math.min(oneSlotMs, chain) };
}

function amdahlLines(report: Report, work: Work): string[] {
  const { startUp, oneTask, end } = report.unsharedMs;
  const f = work.serialShare;
  const counts = [...new Set([1, 2, 4, 8].map((factor) => factor * report.slots))];
  const series = counts.map((p) => `S(${p}) = ${times(amdahl(f, p))}`).join("   ");
  return [
    "Amdahl's law (1967): S(p) = 1 / (f + (1 - f) / p)",
    `  T1 = ${formatDuration(work.oneSlotMs)} on one slot; ${formatDuration(work.unsharedMs)} of it` +
      ` cannot be shared (f = ${f.toFixed(4)}):`,
    `  start-up ${formatDuration(startUp)}, stages of one task ${formatDuration(oneTask)},` +
      ` end ${formatDuration(end)}`,
    `  ${series}   S(∞) = ${times(amdahl(f, Infinity))}`,
  ];
}

function karpFlattLines(report: Report, work: Work): string[] {
  // ψ against T1 with its start-up and end, not `speedup`: so that e equals f when nothing but the serial
  // part is lost.
  const psi = work.oneSlotMs / report.wallMs;
  const e = karpFlatt(psi, report.slots);
  const formula = "Karp-Flatt metric (1990): e = (1/ψ - 1/p) / (1 - 1/p)";
  if (e === null) return [formula, "  not defined on one slot; run with --slots 2 or more to measure it"];
  const overhead = e - work.serialShare;
  const meaning =
    overhead > minorShare
      ? `${overhead.toFixed(4)} above f: not the serial part alone, but the other losses too`
      : "close to f: the serial part is what limits this run";
  const figures = `ψ = T1 / wall = ${psi.toFixed(3)}, p = ${report.slots}: e = ${e.toFixed(4)}`;
  return [formula, `  ${figures}, ${meaning}`];
}

function boundLines(report: Report, work: Work): string[] {
  const twice = report.slots * 2;
  const { least, most } = scheduleBounds(work.oneSlotMs, work.chainMs, twice);
  return [
    "Bounds of any schedule (Graham 1966): max(T1/p, T∞) ≤ Tp ≤ T∞ + (T1 - T∞)/p",
    `  T∞ = ${formatDuration(work.chainMs)}: what cannot be shared, and the longest task of each stage`,
    `  with ${twice} slots, on as many cores: ${formatDuration(least)} to ${formatDuration(most)};` +
      ` this run took ${formatDuration(report.wallMs)} with ${report.slots}`,
  ];
}

function adviceLines(report: Report): string[] {
  const ranked = causes
    .filter((cause) => report.shares[cause] >= minorShare)
    .sort((a, b) => report.lost[b] - report.lost[a])
    .slice(0, 3);
  const title = "Why not faster with more slots?";
  if (ranked.length === 0) {
    const lost = percent(1 - report.shares.busy);
    return [
      title,
      `  It would be: only ${lost} of the time was lost. More slots help while there are cores` +
        " for them and tasks to fill them.",
    ];
  }
  return [title, ...ranked.map((cause) => `  ${percent(report.shares[cause])} ${advice[cause](report)}`)];
}

const advice: Readonly<Record<Cause, (report: Report) => string>> = {
  startUp: ({ unsharedMs: { startUp } }) =>
    `start-up: ${formatDuration(startUp)} before the first task, whatever the number of slots; it weighs` +
    " less in longer jobs",
  serial: ({ unsharedMs: { oneTask, end } }) =>
    `serial: one slot had work for ${formatDuration(oneTask)}, none for the last ${formatDuration(end)};` +
    " more slots wait just as long",
  waiting: () => "waiting for data: more slots share the same disk or network",
  stragglers: (report) => {
    const { stage, index } = worstStage(report);
    const { longestTaskMs, medianTaskMs } = stage;
    return (
      `stragglers: the longest task of stage ${index + 1} took ${formatDuration(longestTaskMs)},` +
      ` the median ${formatDuration(medianTaskMs)}; ` +
      (index === 0
        ? "smaller splits (--split-size) divide it"
        : "more partitions (--partitions) divide it, unless it is one key")
    );
  },
  retries: ({ retries, backups, remade }) =>
    `work that came to nothing: ${retries} retries, ${backups} backups, ${remade} outputs made anew`,
  idle: (report) => {
    const few = report.stages
      .map((stage, i) => ({ tasks: stage.tasks, number: i + 1 }))
      .filter(({ tasks }) => tasks > 1 && tasks < report.slots);
    if (few.length === 0) return "idle: gaps between tasks; larger splits (--split-size) make fewer of them";
    const counts = few.slice(0, 3).map(({ tasks, number }) => `stage ${number} has ${tasks} tasks`);
    return (
      `idle: ${counts.join(", ")} for ${report.slots} slots; smaller splits (--split-size) or more` +
      " --partitions make more"
    );
  },
};

/** The stage whose longest task stands out most from its median. */
function worstStage(report: Report): { readonly stage: Report["stages"][number]; readonly index: number } {
  let index = 0;
  for (let i = 1; i < report.stages.length; i++) {
    if (excess(report.stages[i]!) > excess(report.stages[index]!)) index = i;
  }
  return { stage: report.stages[index]!, index };
}

const excess = (stage: Report["stages"][number]): number => stage.longestTaskMs - stage.medianTaskMs;
