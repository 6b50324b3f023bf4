// The worker's side of leased slots: slots that take the calls of one client, on this machine. Obeys the lender machine. A
// client that falls silent loses its slots.
//
// Not here: one of them (leased-slot.ts), who gets how many (core/lender).
// Owner of: the slots that are leased or asked for, and the bell that all of them ring.

import type { LenderEffect, LenderEvent } from "../../../core/lender/events.ts";
import { createLender, type Lender } from "../../../core/lender/lender.ts";
import { toErrorData } from "../../../errors.ts";
import { AnswerBell } from "../../slots/calls/answer-bell.ts";
import type { Isolation } from "../../slots/slot-body.ts";
import type { ClusterConnection } from "../connection.ts";
import { fetchBundle } from "../bundles.ts";
import { LeasedSlot, type Define } from "./leased-slot.ts";
import type { LeaseRequest } from "./lease-wire.ts";
import { SharedCopies } from "./shared-copies.ts";

export interface LeasedSlotsOptions {
  readonly isolation: Isolation;
  readonly heapBytes: number | null;
  /** Call slots that run at a time. */
  readonly callSlots: number;
  /** Where bundles are kept, and the URL of the module that they import "shoal" from. */
  readonly bundles: string;
  readonly runtime: string;
}

const lostTicks = 10;

const clock = (): number => Math.floor(performance.now());

export class LeasedSlots {
  private readonly connection: ClusterConnection;
  private readonly options: LeasedSlotsOptions;
  private readonly lender: Lender;
  private readonly slots = new Map<string, LeasedSlot>();
  private readonly shared = new SharedCopies();
  private readonly events: LenderEvent[] = [];
  private isGiving = false;
  private bell: AnswerBell | null = null;
  private lastSlot = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(connection: ClusterConnection, options: LeasedSlotsOptions) {
    this.connection = connection;
    this.options = options;
    this.lender = createLender({ slots: options.callSlots });
  }

  /** Slots that run, and that are waited for. */
  get running(): number {
    return this.lender.running;
  }

  get waiting(): number {
    return this.lender.waiting;
  }

  /** A client wants a slot. Returns whether it has to wait, or why it gets none. */
  lease(worker: string, request: LeaseRequest): { readonly waits: boolean } | { readonly why: string } {
    const { lease, heartbeatMs, client, elsewhere } = request;
    if (this.slots.has(lease)) return { waits: false }; // said twice
    const { isolation, heapBytes } = this.options;
    const { subjects } = this.connection;
    this.bell ??= new AnswerBell(
      () => this.hear(),
      () => this.flush(),
    );
    const slot = new LeasedSlot(
      this.connection,
      {
        say: subjects.lease(worker, lease, "up"),
        hear: subjects.lease(worker, lease, "down"),
        heartbeatMs,
        lostTicks,
      },
      {
        slot: ++this.lastSlot,
        isolation,
        heapBytes,
        client,
        shared: this.shared,
        doorbell: this.bell.doorbell,
        localize: (message) => this.localize(message),
        holds: (count) => this.give({ kind: "ElsewhereTold", client, elsewhere: count }),
      },
    );
    this.slots.set(lease, slot);
    void slot.ended.then(() => {
      this.slots.delete(lease);
      this.give({ kind: "LeaseEnded", lease });
    });
    const waitingBefore = this.lender.waiting;
    let refused: string | null = null;
    this.give({ kind: "LeaseAsked", lease, client, elsewhere }, (effect) => {
      if (effect.kind === "RefuseLease" && effect.lease === lease) refused = effect.why;
    });
    return refused === null ? { waits: this.lender.waiting > waitingBefore } : { why: refused };
  }

  /** Lends nothing more, and settles when all that runs has ended. */
  async drain(): Promise<void> {
    this.give({ kind: "LendingEnded" });
    await Promise.all([...this.slots.values()].map(({ ended }) => ended));
  }

  async close(): Promise<void> {
    const all = [...this.slots.values()];
    for (const slot of all) slot.end();
    await Promise.all(all.map(({ ended }) => ended));
    if (this.timer !== null) clearTimeout(this.timer);
    this.bell?.stop();
  }

  /** The drain rule: all effects of an event are performed before the next event is given. */
  private give(event: LenderEvent, also: (effect: LenderEffect) => void = () => {}): void {
    this.events.push(event);
    if (this.isGiving) return;
    this.isGiving = true;
    for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
      for (const effect of this.lender.handle(next, clock())) {
        also(effect);
        this.perform(effect);
      }
    }
    this.isGiving = false;
    this.arm();
  }

  private perform(effect: LenderEffect): void {
    switch (effect.kind) {
      case "GrantLease":
        return this.slots.get(effect.lease)?.begin();
      case "AskBack":
        return this.slots.get(effect.lease)?.askBack();
      case "RefuseLease":
        return this.slots.get(effect.lease)?.refuse(effect.why);
      case "LookAtLeases": {
        const idle = [...this.slots].filter(([, slot]) => slot.lookIdle()).map(([lease]) => lease);
        this.events.push({ kind: "LeasesSeen", idle });
      }
    }
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const at = this.lender.nextDeadline();
    this.timer =
      at === null
        ? null
        : setTimeout(() => this.give({ kind: "TimePassed" }), Math.max(0, at - clock())).unref();
  }

  private hear(): number {
    let heard = 0;
    for (const slot of this.slots.values()) heard += slot.hear();
    return heard;
  }

  private flush(): void {
    for (const slot of this.slots.values()) slot.flush();
  }

  /** The function, as it is on this machine. Its calls wait for it. */
  private async localize(message: Define): Promise<Define> {
    const { bundles, runtime } = this.options;
    const { ref } = message;
    if (typeof ref?.bundle !== "string") return message; // the slot says what is wrong with it
    try {
      const hash = /([0-9a-f]{64})\.mjs$/.exec(ref.bundle)?.[1];
      const bundle = hash === undefined ? ref.bundle : await fetchBundle(this.connection, hash, bundles);
      return { ...message, ref: { ...ref, bundle, runtime } };
    } catch (error) {
      // The slot says that it cannot be read, in answer to each call.
      return {
        ...message,
        ref: { ...ref, runtime, bundle: `${ref.bundle} (${toErrorData(error).message})` },
      };
    }
  }
}
