// The lender: decides for one worker which clients get its call slots. A pure machine (core/DESIGN.md).
//
//   asked ──▶ waiting ──GrantLease──▶ granted ──AskBack──▶ returning ──▶ ended
//
// Rules
//   While fewer than `slots` run, who waits gets one: first clients that have none in the whole cluster, then the one that
//   has the fewest here.
//   When all run, one is asked back for each that waits, as long as there is one that should be:
//     1. a slot that has had nothing to do for `idleMs`, the longest idle first; a client's last one only for a client
//        that has none;
//     2. for a client that has none in the whole cluster, one of the client that has the most there, if that is two or more;
//     3. for any other, one of the client that has the most here, if that is two or more than it has itself. Of a client's
//        slots one that has nothing to do, else the youngest.
//   So of each worker's slots all clients that have enough to do get equally many, give or take one; and who has nothing to do
//   gets in nobody's way. What a client has elsewhere is old news, by which workers would correct each other for ever: it
//   counts where it is none only.
//   What is asked back ends when the client has let go of it. After `graceMs` another is asked as well.
//
// Not here: what a client does without its slot (core/dispatcher), how many it wants (core/borrower).
// Owner of: the leases.
//
// Invariants
//   L1  No more than `slots` are granted or returning.
//   L2  Nobody waits while fewer are.

import { invariant } from "../../base/assert.ts";
import type { Machine, Millis } from "../types.ts";
import {
  defaultLenderLimits,
  type LeaseName,
  type LenderEffect,
  type LenderEvent,
  type LenderLimits,
} from "./events.ts";

interface Lease {
  readonly lease: LeaseName;
  readonly client: string;
  state: "waiting" | "granted" | "returning";
  /** When it was seen to have nothing to do; null: it has. */
  idleSince: Millis | null;
  returningSince: Millis;
}

interface Count {
  here: number;
  readonly elsewhere: number;
}

type Counts = ReadonlyMap<string, Count>;

const totalOf = ({ here, elsewhere }: Count): number => here + elsewhere;

export interface Lender extends Machine<LenderEvent, LenderEffect> {
  /** Slots that run. */
  readonly running: number;
  readonly waiting: number;
}

export function createLender(
  limits: Pick<LenderLimits, "slots"> & Partial<LenderLimits>,
): Lender & { checkInvariants(): void } {
  return new LenderMachine({ ...defaultLenderLimits, ...limits });
}

class LenderMachine implements Lender {
  private readonly limits: LenderLimits;
  /** In the order of asking. */
  private readonly leases = new Map<LeaseName, Lease>();
  private readonly elsewhere = new Map<string, number>();
  private isOver = false;
  private lookedAt: Millis = 0;
  private now: Millis = 0;
  private effects: LenderEffect[] = [];

  constructor(limits: LenderLimits) {
    this.limits = limits;
  }

  get running(): number {
    return this.leases.size - this.waiting;
  }

  get waiting(): number {
    return this.in("waiting").length;
  }

  handle(event: LenderEvent, now: Millis): LenderEffect[] {
    invariant(now >= this.now, "L3", () => `time went from ${this.now} to ${now}`);
    this.now = now;
    this.effects = [];
    this.route(event);
    if (!this.isOver) this.lend();
    return this.effects;
  }

  nextDeadline(): Millis | null {
    return this.isOver || this.waiting === 0 ? null : this.lookedAt + this.limits.lookMs;
  }

  checkInvariants(): void {
    invariant(this.running <= this.limits.slots, "L1", () => `${this.running} run`);
    invariant(
      this.waiting === 0 || this.running === this.limits.slots,
      "L2",
      () => `${this.waiting} wait while ${this.running} run`,
    );
  }

  private route(event: LenderEvent): void {
    switch (event.kind) {
      case "LeaseAsked":
        return this.asked(event);
      case "LeaseEnded": {
        const client = this.leases.get(event.lease)?.client;
        this.leases.delete(event.lease);
        if (client !== undefined && !this.all().some((lease) => lease.client === client))
          this.elsewhere.delete(client);
        return;
      }
      case "ElsewhereTold":
        if (this.elsewhere.has(event.client)) this.elsewhere.set(event.client, event.elsewhere);
        return;
      case "LeasesSeen":
        return this.seen(new Set(event.idle));
      case "LendingEnded":
        return this.end();
      case "TimePassed":
        if (this.waiting === 0 || this.now < this.lookedAt + this.limits.lookMs) return;
        this.lookedAt = this.now;
        this.effects.push({ kind: "LookAtLeases" });
    }
  }

  private asked({ lease, client, elsewhere }: LenderEvent & { kind: "LeaseAsked" }): void {
    if (this.leases.has(lease)) return; // said twice
    const { waitingMax } = this.limits;
    const why = this.isOver
      ? "it is leaving"
      : this.waiting >= waitingMax
        ? `${waitingMax} wait already`
        : null;
    if (why !== null) return void this.effects.push({ kind: "RefuseLease", lease, why });
    this.leases.set(lease, { lease, client, state: "waiting", idleSince: null, returningSince: 0 });
    this.elsewhere.set(client, elsewhere);
  }

  private seen(idle: ReadonlySet<LeaseName>): void {
    for (const lease of this.leases.values()) {
      if (!idle.has(lease.lease)) lease.idleSince = null;
      else lease.idleSince ??= this.now;
    }
  }

  private end(): void {
    this.isOver = true;
    for (const lease of this.in("waiting")) {
      this.leases.delete(lease.lease);
      this.effects.push({ kind: "RefuseLease", lease: lease.lease, why: "it is leaving" });
    }
    for (const lease of this.in("granted")) this.askBack(lease);
  }

  private lend(): void {
    while (this.running < this.limits.slots) {
      const next = this.needsMost(this.counts(), this.in("waiting"));
      if (next === null) return;
      next.state = "granted";
      this.effects.push({ kind: "GrantLease", lease: next.lease });
    }
    this.reclaim();
  }

  /** Asks back what those should have that wait, beyond what is on its way back. */
  private reclaim(): void {
    const counts = this.counts();
    let waiting = this.in("waiting");
    let onTheirWay = this.in("returning").filter(
      ({ returningSince }) => this.now < returningSince + this.limits.graceMs,
    ).length;
    for (;;) {
      const next = this.needsMost(counts, waiting);
      if (next === null) return;
      if (onTheirWay > 0) onTheirWay--;
      else {
        const from = this.spareOne(next.client, counts);
        if (from === null) return;
        this.askBack(from);
        counts.get(from.client)!.here--;
      }
      counts.get(next.client)!.here++;
      waiting = waiting.filter((lease) => lease !== next);
    }
  }

  private spareOne(asking: string, counts: Counts): Lease | null {
    const own = counts.get(asking)!;
    const others = this.in("granted").filter(({ client }) => client !== asking);
    const idle = others.filter(
      ({ client, idleSince }) =>
        idleSince !== null &&
        this.now - idleSince >= this.limits.idleMs &&
        (totalOf(counts.get(client)!) > 1 || totalOf(own) === 0),
    );
    if (idle.length > 0) return idle.reduce((a, b) => (b.idleSince! < a.idleSince! ? b : a));
    const measure = totalOf(own) === 0 ? totalOf : ({ here }: Count): number => here;
    let best: Lease | null = null;
    for (const lease of others) {
      if (best === null) best = lease;
      else {
        const more = measure(counts.get(lease.client)!) - measure(counts.get(best.client)!);
        // Of one client: with nothing to do before others, the youngest before others.
        const isBetter =
          lease.client === best.client && (lease.idleSince !== null || best.idleSince === null);
        if (more > 0 || isBetter) best = lease;
      }
    }
    return best !== null && measure(counts.get(best.client)!) >= measure(own) + 2 ? best : null;
  }

  private askBack(lease: Lease): void {
    lease.state = "returning";
    lease.returningSince = this.now;
    this.effects.push({ kind: "AskBack", lease: lease.lease });
  }

  /** Of those that wait: of the client that has least, the one that has waited longest. */
  private needsMost(counts: Counts, waiting: readonly Lease[]): Lease | null {
    const has = ({ client }: Lease): number => {
      const count = counts.get(client)!;
      return totalOf(count) === 0 ? -1 : count.here;
    };
    let best: Lease | null = null;
    for (const lease of waiting) if (best === null || has(lease) < has(best)) best = lease;
    return best;
  }

  /** What each client has and keeps. */
  private counts(): Counts {
    const counts = new Map<string, Count>();
    for (const [client, elsewhere] of this.elsewhere) counts.set(client, { here: 0, elsewhere });
    for (const { client } of this.in("granted")) counts.get(client)!.here++;
    return counts;
  }

  private in(state: Lease["state"]): Lease[] {
    return this.all().filter((lease) => lease.state === state);
  }

  private all(): Lease[] {
    return [...this.leases.values()];
  }
}
