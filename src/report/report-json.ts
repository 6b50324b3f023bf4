// A report as JSON: the stable, documented shape of `shoal run --json` (docs/cli.md). Fields are only ever
// added.

import type { Report } from "./report.ts";

export type ReportJson = Report;

const round = (n: number, digits: number): number => Math.round(n * 10 ** digits) / 10 ** digits;

/**
 * The report's documented fields, one by one: what is added inside does not leak out, what is removed does
 * not compile.
 */
export function reportJson(report: Report): ReportJson {
  const { lost, shares, unsharedMs } = report;
  return {
    job: report.job,
    outcome: report.outcome,
    wallMs: report.wallMs,
    slots: report.slots,
    capacityMs: report.capacityMs,
    busyMs: report.busyMs,
    speedup: round(report.speedup, 4),
    lost: {
      startUp: lost.startUp,
      serial: lost.serial,
      waiting: lost.waiting,
      stragglers: lost.stragglers,
      retries: lost.retries,
      idle: lost.idle,
    },
    shares: {
      busy: round(shares.busy, 6),
      startUp: round(shares.startUp, 6),
      serial: round(shares.serial, 6),
      waiting: round(shares.waiting, 6),
      stragglers: round(shares.stragglers, 6),
      retries: round(shares.retries, 6),
      idle: round(shares.idle, 6),
    },
    unsharedMs: { startUp: unsharedMs.startUp, oneTask: unsharedMs.oneTask, end: unsharedMs.end },
    stages: report.stages.map((stage) => ({
      name: stage.name,
      wallMs: round(stage.wallMs, 3),
      tasks: stage.tasks,
      finishedTasks: stage.finishedTasks,
      keptTasks: stage.keptTasks,
      recordsIn: stage.recordsIn,
      recordsOut: stage.recordsOut,
      bytesIn: stage.bytesIn,
      bytesOut: stage.bytesOut,
      medianTaskMs: round(stage.medianTaskMs, 3),
      longestTaskMs: round(stage.longestTaskMs, 3),
    })),
    input: { files: report.input.files, records: report.input.records, bytes: report.input.bytes },
    output: { records: report.output.records, bytes: report.output.bytes },
    spills: report.spills,
    spilledBytes: report.spilledBytes,
    skipped: report.skipped,
    retries: report.retries,
    backups: report.backups,
    remade: report.remade,
    counters: report.counters,
  };
}
