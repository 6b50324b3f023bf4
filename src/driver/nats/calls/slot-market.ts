// Which worker the next slot of a client is leased from: the one that has the most left to give.
//
// Owner of: how many slots this client has of each worker.

import { ShoalError } from "../../../errors.ts";
import type { ClusterConnection } from "../connection.ts";
import { askWorkers, type WorkerInfo } from "../held.ts";

const freshMs = 3000;

export class SlotMarket {
  private readonly connection: ClusterConnection;
  private readonly leased = new Map<string, number>();
  private known: readonly WorkerInfo[] = [];
  private askedAt = -Infinity;
  private asking: Promise<void> | null = null;

  constructor(connection: ClusterConnection) {
    this.connection = connection;
  }

  /** CLUSTER_FAILED if no worker answers. */
  async pick(): Promise<string> {
    if (performance.now() - this.askedAt > freshMs) {
      this.asking ??= this.ask();
      await this.asking;
    }
    const share = ({ worker, slots }: WorkerInfo): number => (this.leased.get(worker) ?? 0) / slots;
    const [best] = this.known.filter(({ isDraining }) => !isDraining).sort((a, b) => share(a) - share(b));
    if (best === undefined) {
      throw new ShoalError("CLUSTER_FAILED", "no worker answers", {
        hint: "Start some: shoal worker --cluster …, or shoal up on this machine.",
      });
    }
    this.leased.set(best.worker, (this.leased.get(best.worker) ?? 0) + 1);
    return best.worker;
  }

  /** A slot of that worker has ended. */
  returned(worker: string): void {
    this.leased.set(worker, Math.max(0, (this.leased.get(worker) ?? 1) - 1));
    this.askedAt = -Infinity; // it may have been the worker that ended
  }

  private async ask(): Promise<void> {
    try {
      this.known = await askWorkers(this.connection);
      this.askedAt = performance.now();
    } finally {
      this.asking = null;
    }
  }
}
