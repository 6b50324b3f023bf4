import type { Ticking } from "../links/messages.ts";
import type { ClusterConnection } from "./connection.ts";

/** Timers of a session: what comes due while NATS is away waits for it, so that its absence is nobody's death. */
export class PatientTimers implements Ticking {
  private readonly connection: ClusterConnection;
  private readonly timers = new Set<NodeJS.Timeout>();
  private isOver = false;

  constructor(connection: ClusterConnection) {
    this.connection = connection;
  }

  after(ms: number, happen: () => void): () => void {
    if (this.isOver) return () => {};
    let withdraw = (): void => {
      clearTimeout(timer);
      this.timers.delete(timer);
    };
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (this.connection.awayMs === null) happen();
      else withdraw = this.after(ms, happen);
    }, ms);
    this.timers.add(timer);
    return () => withdraw();
  }

  /** None of them comes due any more. */
  end(): void {
    this.isOver = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}
