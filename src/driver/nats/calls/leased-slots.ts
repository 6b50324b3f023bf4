// The worker's side of leased slots: slots that take the calls of one client, on this machine. A client that falls silent
// loses its slots.
//
// Not here: one of them (leased-slot.ts). Owner of: the slots that are leased, and the bell that all of them ring.

import { toErrorData } from "../../../errors.ts";
import { AnswerBell } from "../../slots/calls/answer-bell.ts";
import type { Isolation } from "../../slots/slot-body.ts";
import type { ClusterConnection } from "../connection.ts";
import { fetchBundle } from "../bundles.ts";
import { LeasedSlot, type Define } from "./leased-slot.ts";
import type { LeaseRequest } from "./lease-wire.ts";

export interface LeasedSlotsOptions {
  readonly isolation: Isolation;
  readonly heapBytes: number | null;
  /** Where bundles are kept, and the URL of the module that they import "shoal" from. */
  readonly bundles: string;
  readonly runtime: string;
}

const lostTicks = 10;
const leasesMax = 4096;

export class LeasedSlots {
  private readonly connection: ClusterConnection;
  private readonly options: LeasedSlotsOptions;
  private readonly slots = new Map<string, LeasedSlot>();
  private bell: AnswerBell | null = null;
  private lastSlot = 0;

  constructor(connection: ClusterConnection, options: LeasedSlotsOptions) {
    this.connection = connection;
    this.options = options;
  }

  get size(): number {
    return this.slots.size;
  }

  /** Starts a slot for a client. Returns why not, or null. */
  lease(worker: string, { lease, heartbeatMs }: LeaseRequest): string | null {
    if (this.slots.has(lease)) return null;
    if (this.slots.size >= leasesMax) return `it has ${leasesMax} leased slots already`;
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
        doorbell: this.bell.doorbell,
        localize: (message) => this.localize(message),
      },
    );
    this.slots.set(lease, slot);
    void slot.ended.then(() => this.slots.delete(lease));
    return null;
  }

  async close(): Promise<void> {
    const all = [...this.slots.values()];
    for (const slot of all) slot.end();
    await Promise.all(all.map(({ ended }) => ended));
    this.bell?.stop();
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
