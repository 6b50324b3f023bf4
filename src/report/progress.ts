// How far a run is, and when it may be done: the ledger as a Progress. Pure.
//
// The estimate is for the stage that runs: by bytes where its input is known (rest / recent rate), else by
// tasks (time so far × rest / done). What later stages will take is not known before they begin, and not
// guessed.

import type { Millis } from "../core/types.ts";
import type { Ledger, StageTally } from "./ledger.ts";
import type { RecentRate } from "./recent-rate.ts";
import type { Progress } from "./report.ts";
import type { RunInfo } from "./run-info.ts";

/** Below this age of a stage there is no estimate. */
const estimateAfterMs = 500;

export function progressOf(
  info: RunInfo,
  ledger: Ledger,
  rate: RecentRate,
  now: Millis,
  decisions: { readonly retries: number; readonly backups: number },
): Progress {
  const index = ledger.current;
  const stage = ledger.stages[index];
  const inputs = ledger.stages.filter((tally) => tally.info.inputBytes !== null);
  const bytesIn = stage === undefined ? 0 : bytesSoFar(stage);
  const bytesPerSecond = stage === undefined ? 0 : rate.perSecond(index, now, bytesIn);
  const etaMs = stage === undefined ? null : estimate(stage, bytesPerSecond, now);
  return {
    job: info.job,
    elapsedMs: Math.max(0, now - info.startedAt),
    stage: {
      index,
      name: stage?.info.name ?? "",
      count: ledger.stages.length,
      tasks: { finished: stage?.finished ?? 0, running: stage?.running ?? 0, total: stage?.info.tasks ?? 0 },
      recordsIn: stage === undefined ? 0 : stage.recordsIn + stage.liveRecords,
      bytesIn,
      bytesTotal: stage?.info.inputBytes ?? null,
      etaMs,
    },
    tasks: {
      finished: sum(ledger.stages, (tally) => tally.finished),
      running: sum(ledger.stages, (tally) => tally.running),
      total: ledger.tasks.size,
    },
    recordsIn: sum(inputs, (tally) => tally.recordsIn + tally.liveRecords),
    bytesIn: sum(inputs, bytesSoFar),
    bytesPerSecond,
    etaMs: index === ledger.stages.length - 1 ? etaMs : null,
    retries: decisions.retries,
    backups: decisions.backups,
  };
}

function estimate(stage: StageTally, bytesPerSecond: number, now: Millis): Millis | null {
  const { tasks, inputBytes } = stage.info;
  if (stage.finished === tasks) return 0;
  const ageMs = stage.startedAt === null ? 0 : now - stage.startedAt;
  if (ageMs < estimateAfterMs) return null;
  const bytesLeft = (inputBytes ?? 0) - bytesSoFar(stage);
  if (bytesLeft > 0 && bytesPerSecond > 0) return Math.round((bytesLeft * 1000) / bytesPerSecond);
  const done = stage.finished - stage.adopted;
  return done === 0 ? null : Math.round((ageMs * (tasks - stage.finished)) / done);
}

const bytesSoFar = (tally: StageTally): number => tally.bytesIn + tally.liveBytes;

const sum = (tallies: readonly StageTally[], of: (tally: StageTally) => number): number =>
  tallies.reduce((total, tally) => total + of(tally), 0);
