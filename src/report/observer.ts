// Folds a run's log, entry by entry, into its figures. O(1) an entry; memory bounded by slots, stages and 13
// bytes a task.
//
// Not here: what the figures mean (report.ts), how idle time is divided (timeline.ts), who lives (ledger.ts).
// Owner of: the slot time of attempts that came to nothing, and the counts of decisions.
//
// Only the coordinator's entries matter: they are the same under every driver. An `AttemptFinished` is
// believed only once the next entry shows that the coordinator did: it answers a stale one with
// `EventIgnored` as first effect.

import type { AttemptId } from "../base/ids.ts";
import type { CoordinatorEffect, CoordinatorEvent, Note } from "../core/coordinator/events.ts";
import type { AttemptFigures, Millis } from "../core/types.ts";
import type { LogEntry } from "../core/log.ts";
import { Ledger } from "./ledger.ts";
import { progressOf } from "./progress.ts";
import { RecentRate } from "./recent-rate.ts";
import type { Progress, Report } from "./report.ts";
import { totalUp } from "./total-up.ts";
import type { RunInfo } from "./run-info.ts";
import { Timeline } from "./timeline.ts";

export type { Progress, Report } from "./report.ts";

interface Unsettled {
  readonly entry: number;
  readonly at: Millis;
  readonly attempt: AttemptId;
  readonly figures: AttemptFigures;
}

export class RunObserver {
  private readonly info: RunInfo;
  private readonly ledger: Ledger;
  private readonly timeline: Timeline;
  private readonly rate = new RecentRate();
  private lastAt: Millis;
  private outcome: Report["outcome"] = "running";
  /** Slot time of attempts that came to nothing. */
  private wastedMs = 0;
  private readonly decisions = { retries: 0, backups: 0, remade: 0 };
  private unsettled: Unsettled | null = null;

  constructor(info: RunInfo) {
    this.info = info;
    this.ledger = new Ledger(info.stages);
    this.timeline = new Timeline(info.slots, info.startedAt);
    this.lastAt = info.startedAt;
  }

  /** Takes the next entry of the run's log. Quick, and never throws for what an entry says. */
  observe(entry: LogEntry): void {
    if (entry.machine !== "coordinator") return;
    const isRefused =
      entry.type === "effect" && entry.body.kind === "EventIgnored" && entry.cause === this.unsettled?.entry;
    this.settle(isRefused);
    // A log's time never decreases; one that does (or that begins before `startedAt`) is taken as standing
    // still.
    this.lastAt = Math.max(this.lastAt, entry.at);
    this.timeline.advance(this.lastAt, this.ledger.moment);
    if (entry.type === "event") this.onEvent(entry.body, this.lastAt, entry.id);
    else this.onEffect(entry.body);
  }

  /** How far the run is. `now` is on the log's clock. */
  progress(now: Millis): Progress {
    this.settle(false);
    return progressOf(this.info, this.ledger, this.rate, Math.max(now, this.lastAt), this.decisions);
  }

  /**
   * Where the time went until `now`, on the log's clock. Asked at the very end of the run, it covers all of
   * it.
   */
  report(now: Millis): Report {
    this.settle(false);
    const end = Math.max(now, this.lastAt);
    let wastedMs = this.wastedMs;
    let unfinishedMs = 0;
    for (const attempt of this.ledger.live.values()) {
      const ms = attempt.startedAt === null ? 0 : end - attempt.startedAt;
      if (this.outcome === "running") unfinishedMs += ms;
      else wastedMs += ms;
    }
    const time = this.timeline.until(end, this.ledger.moment);
    return totalUp(this.info, this.ledger, {
      outcome: this.outcome,
      time,
      wastedMs,
      unfinishedMs,
      ...this.decisions,
    });
  }

  private onEvent(event: CoordinatorEvent, at: Millis, entry: number): void {
    const { ledger } = this;
    switch (event.kind) {
      case "OutputsAdopted":
        for (const { task, figures } of event.outputs) ledger.adopt(task, at, figures);
        this.sample(at);
        return;
      case "AttemptStarted": {
        const attempt = ledger.assign(event.attempt, event.worker, false);
        if (attempt !== null) ledger.start(attempt, at);
        return;
      }
      case "AttemptProgressed": {
        const attempt = ledger.live.get(event.attempt);
        if (attempt === undefined || ledger.tasks.isFinished(attempt.task)) return;
        ledger.progress(attempt, event.recordsIn, event.bytesIn);
        this.sample(at);
        return;
      }
      case "AttemptFinished":
        this.unsettled = { entry, at, attempt: event.attempt, figures: event.figures };
        return;
      case "AttemptFailed":
        this.waste(event.attempt, at);
        return;
      case "WorkerLost":
        for (const [id, attempt] of ledger.live) {
          if (attempt.worker === event.worker) this.waste(id, at);
        }
        return;
      default:
        return;
    }
  }

  private onEffect(effect: CoordinatorEffect): void {
    switch (effect.kind) {
      case "AssignAttempt":
        this.ledger.assign(effect.attempt, effect.worker, effect.isBackup);
        return;
      case "NoteDecision":
        this.onNote(effect.note);
        return;
      case "FinishJob":
        this.outcome = effect.outcome.kind;
        this.ledger.close();
        return;
      default:
        return;
    }
  }

  private onNote(note: Note): void {
    if (note.kind === "retried") this.decisions.retries++;
    else if (note.kind === "backup-started") this.decisions.backups++;
    else if (note.kind === "output-remade") {
      this.decisions.remade++;
      this.wastedMs += this.ledger.reopen(note.task);
    }
  }

  private settle(isRefused: boolean): void {
    const finish = this.unsettled;
    if (finish === null) return;
    this.unsettled = null;
    const attempt = this.ledger.live.get(finish.attempt);
    if (attempt === undefined) return;
    const occupiedMs = this.ledger.end(finish.attempt, attempt, finish.at);
    if (isRefused || this.ledger.tasks.isFinished(attempt.task) || this.outcome !== "running") {
      this.wastedMs += occupiedMs;
    } else {
      this.ledger.finish(attempt, finish.at, occupiedMs, finish.figures);
      this.sample(finish.at);
    }
  }

  private waste(id: AttemptId, at: Millis): void {
    const attempt = this.ledger.live.get(id);
    if (attempt !== undefined) this.wastedMs += this.ledger.end(id, attempt, at);
  }

  private sample(at: Millis): void {
    const { current, stages } = this.ledger;
    const stage = stages[current];
    if (stage !== undefined) this.rate.sample(current, at, stage.bytesIn + stage.liveBytes);
  }
}
