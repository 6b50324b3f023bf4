// How an attempt is brought to its end, step by step: a signal, a wait, the next signal.

interface Step {
  readonly signal: NodeJS.Signals;
  /** Until the next step. */
  readonly waitMs: number;
}

/** GNU parallel's default --term-seq. */
const termination: readonly Step[] = [
  { signal: "SIGTERM", waitMs: 200 },
  { signal: "SIGTERM", waitMs: 100 },
  { signal: "SIGTERM", waitMs: 50 },
  { signal: "SIGKILL", waitMs: Infinity },
];

export class Ending {
  /** Whether the attempt is to be as if it had never begun, unless it succeeds after all. */
  readonly isInterrupt: boolean;
  private readonly steps: readonly Step[];
  private next = 0;
  private due: number;

  /** `first`: a signal that comes before the termination, and how long it has to take effect. */
  constructor(isInterrupt: boolean, now: number, first?: { signal: NodeJS.Signals; graceMs: number }) {
    this.isInterrupt = isInterrupt;
    this.due = now;
    this.steps =
      first === undefined ? termination : [{ signal: first.signal, waitMs: first.graceMs }, ...termination];
  }

  /** When the next step is due; Infinity after the last. */
  get dueAt(): number {
    return this.due;
  }

  /** The signal that is due, once; null if none is. */
  take(now: number): NodeJS.Signals | null {
    if (now < this.due) return null;
    const { signal, waitMs } = this.steps[this.next++]!;
    this.due = now + waitMs;
    return signal;
  }
}
