// The log of a simulated run: the entries of all processes, in the order in which they happened, under ids that are
// unique in the whole run. Each process has its own event loop, which counts from 1; here its entries get their ids.
//
// Lamport times (Lamport 1978): one more than the entry before it in its process, and than the cause that came to it
// from another. A log merged by them never shows an effect before its cause.

import type { LogEntry } from "../../core/log.ts";
import type { Millis } from "../../core/types.ts";

/** Where a process stands in the log. */
export interface LogPosition {
  /** The id of its latest entry: the cause of what comes of an effect that is performed right now. */
  entry: number;
  /** The id of its latest event, here and in its own loop: the cause of its effects. */
  event: number;
  ownEvent: number;
  lamport: number;
}

export const newPosition = (): LogPosition => ({ entry: 0, event: 0, ownEvent: 0, lamport: 0 });

export class RunLog {
  private readonly observe: (entry: LogEntry, worldAt: Millis, lamport: number) => void;
  /** By id. */
  private readonly lamports: number[] = [0];

  constructor(observe: (entry: LogEntry, worldAt: Millis, lamport: number) => void) {
    this.observe = observe;
  }

  /** Takes an entry of a process's own loop. An event's cause is an id of this log already; an effect's is its event. */
  append(position: LogPosition, entry: LogEntry, worldAt: Millis): void {
    const id = this.lamports.length;
    const cause = entry.type === "effect" && entry.cause === position.ownEvent ? position.event : entry.cause;
    position.lamport = Math.max(position.lamport, cause === null ? 0 : (this.lamports[cause] ?? 0)) + 1;
    this.lamports.push(position.lamport);
    position.entry = id;
    if (entry.type === "event") {
      position.event = id;
      position.ownEvent = entry.id;
    }
    this.observe({ ...entry, id, cause }, worldAt, position.lamport);
  }
}
