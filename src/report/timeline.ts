// The sweep: what each slot did between one log entry and the next, summed up by cause.
//
// Not here: which attempts there are (ledger.ts) and what their time was worth once they ended (observer.ts).
// This file only divides the time of slots that run nothing, and counts the time of those that run something.
//
// Owner of: the sums over time. Everything is O(1) per entry: between two entries nothing changes, so that
// the time between them belongs wholly to the state that the earlier one left.
//
//   R1  capacity = occupied + startUp + serial + stragglers + idle, at every moment.

import type { Millis } from "../core/types.ts";

/** What the division depends on. */
export interface Moment {
  /** Attempts that have a slot. */
  readonly running: number;
  /** Attempts that were assigned and have not begun: their slots are still starting. */
  readonly pending: number;
  /** Tasks that could run now and have no attempt. */
  readonly unstarted: number;
  /** Tasks of the stages that have begun and are not finished: so many slots they could ever use. */
  readonly usable: number;
  /** "before": no attempt has begun yet; "after": no task is left, or the job is over. */
  readonly phase: "before" | "during" | "after";
}

export interface SlotTime {
  slots: number;
  /** Wall time so far. */
  wall: number;
  /** Core-milliseconds in which a slot had an attempt. */
  occupied: number;
  startUp: number;
  serial: number;
  stragglers: number;
  idle: number;
  /** Wall time before the first attempt, in stages of one task, and after the last task. */
  beforeWall: number;
  oneTaskWall: number;
  afterWall: number;
}

export class Timeline {
  private readonly sums: SlotTime;
  private readonly startedAt: Millis;

  constructor(slots: number, startedAt: Millis) {
    this.startedAt = startedAt;
    this.sums = {
      slots,
      wall: 0,
      occupied: 0,
      startUp: 0,
      serial: 0,
      stragglers: 0,
      idle: 0,
      beforeWall: 0,
      oneTaskWall: 0,
      afterWall: 0,
    };
  }

  /** The time since the last call belongs to `moment`. */
  advance(at: Millis, moment: Moment): void {
    extend(this.sums, at - this.startedAt, moment);
  }

  /** The sums as they are at `at` if nothing happens until then. Changes nothing. */
  until(at: Millis, moment: Moment): SlotTime {
    const sums = { ...this.sums };
    extend(sums, at - this.startedAt, moment);
    return sums;
  }
}

function extend(sums: SlotTime, wall: number, moment: Moment): void {
  if (moment.running > sums.slots) {
    // More slots than announced (a worker joined later): they were idle until now.
    sums.idle += (moment.running - sums.slots) * sums.wall;
    sums.slots = moment.running;
  }
  const ms = wall - sums.wall;
  if (ms <= 0) return;
  sums.wall = wall;
  sums.occupied += moment.running * ms;
  const free = sums.slots - moment.running;
  if (moment.phase === "before") {
    sums.startUp += free * ms;
    sums.beforeWall += ms;
  } else if (moment.phase === "after") {
    sums.serial += free * ms;
    sums.afterWall += ms;
  } else {
    during(sums, ms, free, moment);
  }
}

function during(sums: SlotTime, ms: number, free: number, moment: Moment): void {
  const starting = Math.min(free, moment.pending);
  sums.startUp += starting * ms;
  const rest = free - starting;
  if (moment.unstarted > 0) {
    sums.idle += rest * ms;
  } else if (moment.usable === 1) {
    sums.serial += rest * ms;
    sums.oneTaskWall += ms;
  } else {
    const neverUsable = Math.min(rest, Math.max(0, sums.slots - moment.usable));
    sums.idle += neverUsable * ms;
    sums.stragglers += (rest - neverUsable) * ms;
  }
}
