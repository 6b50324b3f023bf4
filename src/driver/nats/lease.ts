// The right to lead a job: a key that is renewed. Time is only ever compared with one's own clock: a holder stops when its
// last renewal was asked for too long ago, and a challenger takes over when it has seen no renewal for longer than that.
//
// Owner of: the lease's revision, whether it is held.

import { ShoalError } from "../../errors.ts";
import type { ClusterConnection } from "./connection.ts";
import { isCount } from "./frame-bodies.ts";
import { objectIn } from "./json.ts";

export interface LeaseTimes {
  readonly renewMs: number;
  /** The holder stops when its last renewal began so long ago. */
  readonly holdMs: number;
  /** A challenger that has seen no renewal for so long takes over. More than `holdMs`. */
  readonly takeMs: number;
}

export const defaultLeaseTimes: LeaseTimes = { renewMs: 1000, holdMs: 2500, takeMs: 3000 };

interface Held {
  readonly holder: string;
  /** Grows with each holder. */
  readonly epoch: number;
  readonly renewals: number;
  /** The holder gave it up: whoever wants it need not wait. */
  readonly isReleased?: true;
}

/** Undefined: it is no lease. */
function heldIn(text: string): Held | undefined {
  const held = objectIn(text);
  return isCount(held?.["epoch"]) ? (held as unknown as Held) : undefined;
}

/** What challengers have seen of a lease. */
export class LeaseWatch {
  private readonly seen = new Map<string, { readonly revision: number; readonly at: number }>();

  /** Whether nobody has renewed it for long enough, by this process's clock. */
  isStale(key: string, revision: number, takeMs: number): boolean {
    const seen = this.seen.get(key);
    if (seen?.revision !== revision) {
      this.seen.set(key, { revision, at: performance.now() });
      return false;
    }
    return performance.now() - seen.at >= takeMs;
  }

  forget(key: string): void {
    this.seen.delete(key);
  }
}

export class Lease {
  readonly epoch: number;
  private readonly connection: ClusterConnection;
  private readonly key: string;
  private readonly holder: string;
  private readonly times: LeaseTimes;
  private readonly onLost: () => void;
  private revision: number;
  private renewals = 0;
  private renewedAt: number;
  private timer: NodeJS.Timeout;
  /** The last renewal has been answered. */
  private renewing: Promise<void> = Promise.resolve();
  private isOver = false;

  /** Takes the lease if it is free, or has not been renewed for `takeMs`; null otherwise. `onLost` is told once. */
  static async take(
    connection: ClusterConnection,
    key: string,
    holder: string,
    watch: LeaseWatch,
    onLost: () => void,
    epochsBefore = 0,
    times = defaultLeaseTimes,
  ): Promise<Lease | null> {
    const found = await connection.getKey(key);
    const before = found === null ? null : heldIn(found.text);
    if (before === undefined) throw new ShoalError("CLUSTER_FAILED", `the lease ${key} is damaged`);
    const isFree = before === null || before.isReleased === true;
    if (!isFree && !watch.isStale(key, found!.revision, times.takeMs)) return null;
    const epoch = Math.max(before?.epoch ?? 0, epochsBefore) + 1;
    const began = performance.now();
    const held: Held = { holder, epoch, renewals: 0 };
    const revision = await write(connection, key, held, found?.revision ?? null);
    if (revision === null) return null;
    watch.forget(key);
    return new Lease(connection, key, holder, times, onLost, epoch, revision, began);
  }

  private constructor(
    connection: ClusterConnection,
    key: string,
    holder: string,
    times: LeaseTimes,
    onLost: () => void,
    epoch: number,
    revision: number,
    began: number,
  ) {
    this.connection = connection;
    this.key = key;
    this.holder = holder;
    this.times = times;
    this.onLost = onLost;
    this.epoch = epoch;
    this.revision = revision;
    this.renewedAt = began;
    this.timer = setTimeout(() => this.look(), times.renewMs);
    void this.renewForEver();
  }

  /** The job is over: nobody needs to lead it any more. */
  async end(): Promise<void> {
    this.stop();
    await this.connection.deleteKey(this.key);
  }

  /** Another may take it now. */
  async release(): Promise<void> {
    this.stop();
    await this.renewing; // else one of the two would find the key changed by the other
    const { holder, epoch, renewals } = this;
    const released: Held = { holder, epoch, renewals, isReleased: true };
    await write(this.connection, this.key, released, this.revision);
  }

  /** Renews it no more: another may take it in `takeMs`. */
  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private look(): void {
    if (this.isOver) return;
    if (performance.now() - this.renewedAt < this.times.holdMs) {
      this.timer = setTimeout(() => this.look(), this.times.renewMs / 4);
      return;
    }
    this.lose();
  }

  private lose(): void {
    if (this.isOver) return;
    this.stop();
    this.onLost();
  }

  private async renewForEver(): Promise<void> {
    while (!this.isOver) {
      await new Promise((resolve) => setTimeout(resolve, this.times.renewMs));
      if (this.isOver) return;
      this.renewing = this.renew();
      await this.renewing;
    }
  }

  private async renew(): Promise<void> {
    const began = performance.now();
    const held: Held = { holder: this.holder, epoch: this.epoch, renewals: ++this.renewals };
    try {
      const revision = await write(this.connection, this.key, held, this.revision);
      if (revision === null) return this.lose();
      this.revision = revision;
      this.renewedAt = began;
    } catch {
      // NATS is away, or without a leader: `look` tells when that has been too long
    }
  }
}

/**
 * By compare-and-set; null: somebody else was first. A server that dies may have stored what it did not answer to, so that
 * the next attempt finds the key changed: by this holder, if it says what nobody else writes.
 */
async function write(
  connection: ClusterConnection,
  key: string,
  held: Held,
  revision: number | null,
): Promise<number | null> {
  const text = JSON.stringify(held);
  const written = await connection.setKey(key, text, revision);
  if (written !== null) return written;
  const found = await connection.getKey(key);
  return found?.text === text ? found.revision : null;
}
