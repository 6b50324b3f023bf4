// The worker's side of leased slots: slots that take the calls of one client, on this machine. A client that falls silent
// loses its slots.
//
// Not here: who calls what (the client's dispatcher). Owner of: the slots that are leased.

import type { ToCallSlot } from "../../../protocol/calls.ts";
import { toErrorData } from "../../../errors.ts";
import type { Isolation, SlotBody } from "../../slots/slot-body.ts";
import { SlotProcess } from "../../slots/slot-process.ts";
import { SlotThread } from "../../slots/slot-thread.ts";
import type { ClusterConnection } from "../connection.ts";
import { fetchBundle } from "../bundles.ts";
import { LeaseEnd } from "./lease-end.ts";
import type { Down, LeaseRequest, Up } from "./lease-wire.ts";

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
  private readonly slots = new Map<string, { readonly body: SlotBody; readonly end: LeaseEnd<Up, Down> }>();
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
    const data = { preload: null, heapBytes, calls: { slot: ++this.lastSlot, shared: null } };
    const body = isolation === "thread" ? new SlotThread(data) : new SlotProcess(data);
    const end = new LeaseEnd<Up, Down>(this.connection, {
      say: subjects.lease(worker, lease, "up"),
      hear: subjects.lease(worker, lease, "down"),
      heartbeatMs,
      lostTicks,
      said: (message) => this.hear(body, message),
      lost: () => body.end(),
    });
    this.slots.set(lease, { body, end });
    body.onMessage = (message) => end.say(message);
    void body.ended.then((how) => {
      end.say({ kind: "slot-ended", end: how });
      end.close();
      this.slots.delete(lease);
    });
    return null;
  }

  async close(): Promise<void> {
    const all = [...this.slots.values()];
    for (const { body } of all) body.end();
    await Promise.all(all.map(({ body }) => body.ended));
  }

  private hear(body: SlotBody, message: Down): void {
    if (message.kind === "end-slot") return body.end();
    if (message.kind !== "define") return body.post(message);
    void this.localize(message).then((local) => body.post(local));
  }

  /** The function, as it is on this machine. Its calls wait for it. */
  private async localize(message: ToCallSlot & { kind: "define" }): Promise<ToCallSlot> {
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
