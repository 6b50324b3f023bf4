// How far a map is, and when it will be done. Owner of: its counts.

export interface MapProgress {
  /** Items that are done, failed ones included. */
  readonly done: number;
  readonly failed: number;
  /** Null: not known. */
  readonly total: number | null;
  readonly itemsPerSecond: number;
  /** Milliseconds to go; null: not known. */
  readonly etaMs: number | null;
}

const everyMs = 100;

export class MapMeter {
  private readonly total: number | null;
  private readonly tell: ((progress: MapProgress) => void) | null;
  private readonly beginsAt = performance.now();
  private toldAt = -Infinity;
  private done = 0;
  private failed = 0;

  constructor(total: number | null, tell: ((progress: MapProgress) => void) | null) {
    this.total = total;
    this.tell = tell;
  }

  add(done: number, failed: number): void {
    this.done += done;
    this.failed += failed;
    if (performance.now() - this.toldAt >= everyMs) this.report();
  }

  end(): void {
    this.report();
  }

  private report(): void {
    if (this.tell === null) return;
    const now = performance.now();
    this.toldAt = now;
    const { done, failed, total } = this;
    const itemsPerSecond = now > this.beginsAt ? (done * 1000) / (now - this.beginsAt) : 0;
    const etaMs =
      total === null || itemsPerSecond === 0 ? null : (Math.max(0, total - done) * 1000) / itemsPerSecond;
    this.tell({ done, failed, total, itemsPerSecond, etaMs });
  }
}
