// The end of the fold: sums of slot time and the ledger become a Report whose parts add up. Pure.
//
//   R4  busy + waiting + wasted + overhead = occupied slot time; with R1 everything adds up to the capacity.

import { invariant } from "../base/assert.ts";
import { apportion } from "./apportion.ts";
import type { Ledger, StageTally } from "./ledger.ts";
import { causes } from "./report.ts";
import type { Cause, Report, StageReport } from "./report.ts";
import type { RunInfo } from "./run-info.ts";
import type { SlotTime } from "./timeline.ts";

export interface Sums {
  readonly outcome: Report["outcome"];
  readonly time: SlotTime;
  /** Slot time of attempts that came to nothing. */
  readonly wastedMs: number;
  /** Slot time so far of attempts that still run, in a job that still runs. */
  readonly unfinishedMs: number;
  readonly retries: number;
  readonly backups: number;
  readonly remade: number;
}

type Part = Cause | "busy";

export function totalUp(info: RunInfo, ledger: Ledger, sums: Sums): Report {
  const { time } = sums;
  const wallMs = Math.round(time.wall);
  const capacityMs = time.slots * wallMs;
  const parts = partsOf(ledger, sums, time.slots * time.wall);
  const names = Object.keys(parts) as Part[];
  const rounded = apportion(
    names.map((name) => parts[name]),
    capacityMs,
  );
  const core = Object.fromEntries(names.map((name, i) => [name, rounded[i]!])) as Record<Part, number>;
  const { busy, ...lost } = core;
  const share = (name: Part): number => (capacityMs === 0 ? 0 : core[name] / capacityMs);
  const shares = Object.fromEntries(names.map((name) => [name, share(name)]));
  const inputs = ledger.stages.filter((tally) => tally.info.inputBytes !== null);
  const last = ledger.stages.at(-1);
  return {
    job: info.job,
    outcome: sums.outcome,
    wallMs,
    slots: time.slots,
    capacityMs,
    busyMs: busy,
    speedup: wallMs === 0 ? 0 : busy / wallMs,
    lost,
    shares: shares as Record<Part, number>,
    unsharedMs: {
      startUp: Math.round(time.beforeWall),
      oneTask: Math.round(time.oneTaskWall),
      end: Math.round(time.afterWall),
    },
    stages: ledger.stages.map((tally, index) => stageReport(ledger, tally, index)),
    input: {
      files: info.inputFiles,
      records: inputs.reduce((total, tally) => total + tally.recordsIn, 0),
      bytes: inputs.reduce((total, tally) => total + tally.bytesIn, 0),
    },
    output: { records: last?.recordsOut ?? 0, bytes: last?.bytesOut ?? 0 },
    spills: ledger.totals.spills,
    spilledBytes: ledger.totals.spilledBytes,
    skipped: ledger.totals.skipped,
    retries: sums.retries,
    backups: sums.backups,
    remade: sums.remade,
    counters: Object.fromEntries([...ledger.totals.counters].sort(byName)),
  };
}

/** By code units: the same order on every machine. */
const byName = ([a]: [string, number], [b]: [string, number]): number => (a < b ? -1 : a > b ? 1 : 0);

function partsOf(ledger: Ledger, sums: Sums, capacity: number): Record<Part, number> {
  const { time, wastedMs, unfinishedMs } = sums;
  const winners = ledger.tasks.totals;
  // The slot's own clock is finer than the log's: over many short tasks its sum can pass that of the slot
  // times.
  const ran = Math.max(0, Math.min(winners.runMs, winners.occupiedMs));
  const waiting = Math.max(0, Math.min(winners.waitMs, ran));
  const overhead = Math.max(0, winners.occupiedMs - ran);
  const parts: Record<Part, number> = {
    busy: ran - waiting + unfinishedMs,
    startUp: time.startUp,
    serial: time.serial,
    waiting,
    stragglers: time.stragglers,
    retries: wastedMs,
    idle: time.idle + overhead,
  };
  const residual = capacity - causes.reduce((total, cause) => total + parts[cause], parts.busy);
  invariant(
    Math.abs(residual) <= 1e-6 * (1 + capacity),
    "R4",
    () => `${residual} of ${capacity} core-milliseconds have no cause: ${JSON.stringify(parts)}`,
  );
  return parts;
}

function stageReport(ledger: Ledger, tally: StageTally, index: number): StageReport {
  const times = ledger.tasks.runTimes(index, tally.info.tasks);
  return {
    name: tally.info.name,
    wallMs: tally.startedAt === null ? 0 : Math.max(0, (tally.endedAt ?? tally.startedAt) - tally.startedAt),
    tasks: tally.info.tasks,
    finishedTasks: tally.finished,
    keptTasks: tally.adopted,
    recordsIn: tally.recordsIn,
    recordsOut: tally.recordsOut,
    bytesIn: tally.bytesIn,
    bytesOut: tally.bytesOut,
    medianTaskMs: times[times.length >> 1] ?? 0,
    longestTaskMs: times.at(-1) ?? 0,
  };
}
