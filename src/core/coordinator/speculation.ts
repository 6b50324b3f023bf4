// Speculation: which running attempts are stragglers, and when the next one gets a backup.
//
// A straggler is an attempt that has taken `backupFactor` times the median of its stage, and `backupMinAgeMs`, while
// `backupAfterShare` of its stage is finished (rounded down, but at least one task, as in Spark 4). Age counts from the
// assignment, so that an attempt whose slot never comes up is a straggler like any other. Backups run only in slots
// that nothing else wants. MapReduce (Dean & Ghemawat 2004, §3.6) is where the idea is from.
//
// Not here: starting the backup (schedule.ts), which of two rivals wins (outcomes.ts).
// Owner of: state.stragglers.
//
// Invariants
//   I11  Watched are exactly the live attempts without a rival, by stage, in order of their assignment.

import { invariant } from "../../base/assert.ts";
import { LinkedList, type ListNode } from "../../base/linked-list.ts";
import { RunningMedian } from "../../base/running-median.ts";
import type { JobLimits, Millis, StageIndex } from "../types.ts";
import type { Attempt } from "./attempts.ts";
import type { StageLedger } from "./stages.ts";

export interface Straggler {
  readonly attempt: Attempt;
  /** When it becomes one. */
  readonly at: Millis;
  readonly medianMs: Millis;
}

export class StragglerWatch {
  private readonly limits: JobLimits;
  private readonly stages: StageLedger;
  private readonly runTimes: RunningMedian[];
  private readonly watched: LinkedList<Attempt>[];
  private readonly nodes = new Map<Attempt, ListNode<Attempt>>();

  constructor(stages: StageLedger, limits: JobLimits) {
    this.stages = stages;
    this.limits = limits;
    this.runTimes = stages.specs.map(() => new RunningMedian());
    this.watched = stages.specs.map(() => new LinkedList());
  }

  /** The most backups that may run at a time, of so many slots. */
  backupsMax(slots: number): number {
    return Math.max(1, Math.floor(this.limits.backupSlotShare * slots));
  }

  /** Tasks of the stage that must be finished before it has stragglers. */
  finishedMin(stage: StageIndex): number {
    return Math.max(1, Math.floor(this.limits.backupAfterShare * this.stages.spec(stage).tasks));
  }

  watchedIn(stage: StageIndex): Iterable<Attempt> {
    return this.watched[stage]!;
  }

  /** A live attempt without a rival. Mostly the newest of all; else its place is searched from the back. */
  watch(attempt: Attempt): void {
    invariant(!this.nodes.has(attempt), "I11", () => `${attempt.id} is watched already`);
    const list = this.watched[attempt.stage]!;
    let before = list.last;
    while (before !== null && before.value.order > attempt.order) before = before.previous;
    this.nodes.set(attempt, list.insertAfter(before, attempt));
  }

  /** It ended, was told to stop, or has a backup now. */
  unwatch(attempt: Attempt): void {
    const node = this.nodes.get(attempt);
    if (node === undefined) return;
    this.watched[attempt.stage]!.remove(node);
    this.nodes.delete(attempt);
  }

  noteFinished(attempt: Attempt, now: Millis): void {
    invariant(now >= attempt.assignedAt, "I11", () => `${attempt.id} finished before it was assigned`);
    this.runTimes[attempt.stage]!.add(now - attempt.assignedAt);
  }

  /** A task of the stage ran so long in an earlier incarnation of the job. */
  noteAdopted(stage: StageIndex, ranMs: Millis): void {
    this.runTimes[stage]!.add(Math.max(0, ranMs));
  }

  /** The attempt that becomes a straggler first, or null while no stage is far enough. */
  next(): Straggler | null {
    let earliest: Straggler | null = null;
    for (let stage = 0; stage < this.watched.length; stage++) {
      const oldest = this.watched[stage]!.first;
      if (oldest === null || this.stages.finishedCount(stage) < this.finishedMin(stage)) continue;
      // What the stage reads may be lost and in the making: its attempts run on with what they have, a new one can not.
      if (!this.stages.isReadable(stage)) continue;
      const medianMs = this.runTimes[stage]!.median;
      const ageMs = Math.max(this.limits.backupMinAgeMs, Math.ceil(this.limits.backupFactor * medianMs));
      const at = oldest.value.assignedAt + ageMs;
      if (earliest === null || at < earliest.at) earliest = { attempt: oldest.value, at, medianMs };
    }
    return earliest;
  }
}
