// One leased slot at its worker: a thread or process, the calls that it holds (deck.ts), and the conversation with the
// client that has leased it. The agent, which user code cannot starve, holds what waits: so what the client takes back is
// answered at once, and with certainty.
//
// Not here: who calls what (the client's dispatcher). Owner of: the slot's body.

import type { FromSlot } from "../../../protocol/slot.ts";
import type { Isolation, SlotBody } from "../../slots/slot-body.ts";
import { SlotProcess } from "../../slots/slot-process.ts";
import { SlotThread } from "../../slots/slot-thread.ts";
import type { ToCallSlot } from "../../../protocol/calls.ts";
import type { Deck } from "./deck.ts";
import { readDown } from "./lease-body.ts";
import { LeaseEnd, type LeaseEndOptions } from "./lease-end.ts";
import type { ClusterConnection } from "../connection.ts";
import type { Down } from "./lease-wire.ts";
import { QueueDeck } from "./queue-deck.ts";
import { SharedDeck } from "./shared-deck.ts";

export interface LeasedSlotOptions {
  readonly slot: number;
  readonly isolation: Isolation;
  readonly heapBytes: number | null;
  readonly doorbell: Int32Array;
  /** The function, as it is on this machine. */
  readonly localize: (message: Define) => Promise<Define>;
}

export type Define = ToCallSlot & { readonly kind: "define" };

export class LeasedSlot {
  readonly ended: Promise<void>;
  private readonly options: LeasedSlotOptions;
  private readonly end_: LeaseEnd;
  private readonly body: SlotBody;
  private readonly shared: SharedDeck | null = null;
  private readonly deck: Deck;

  constructor(
    connection: ClusterConnection,
    conversation: Omit<LeaseEndOptions, "said" | "lost">,
    options: LeasedSlotOptions,
  ) {
    this.options = options;
    const { slot, isolation, heapBytes, doorbell } = options;
    if (isolation === "thread") this.shared = new SharedDeck(doorbell, (call) => this.post(call));
    const shared = this.shared?.data ?? null;
    const data = { preload: null, heapBytes, calls: { slot, shared } };
    this.body = isolation === "thread" ? new SlotThread(data) : new SlotProcess(data);
    this.deck = this.shared ?? new QueueDeck(this.body);
    this.body.onMessage = (message) => this.heard(message);
    this.end_ = new LeaseEnd(connection, {
      ...conversation,
      said: (body) => this.hearBody(body),
      lost: () => this.body.end(),
    });
    this.ended = this.body.ended.then((how) => {
      this.hear(); // what it had answered before
      this.end_.say({ kind: "slot-ended", end: { ...how, unbegun: this.deck.unbegun() } });
      this.end_.close();
    });
  }

  /** Takes the answers that are in shared memory; they go with the next `flush`. Returns how many there were. */
  hear(): number {
    return this.shared?.hear(this.end_.later) ?? 0;
  }

  flush(): void {
    this.end_.flush();
  }

  end(): void {
    this.body.end();
  }

  private hearBody(body: Uint8Array): void {
    readDown(
      body,
      (message) => this.obey(message),
      (call) => this.deck.write(call),
    );
    this.deck.wake();
  }

  private obey(message: Down): void {
    switch (message.kind) {
      case "end-slot":
        return this.body.end();
      case "define":
        void this.options.localize(message).then((local) => this.post(local));
        return;
      case "invoke":
        return this.deck.invoke(message);
      case "take-back":
        return this.takeBack(message.ticket);
    }
    this.post(message);
  }

  /** What has ended was told: nobody waits for an answer then. */
  private takeBack(ticket: number): void {
    const isBack = this.deck.takeBack(ticket);
    if (isBack !== null) this.end_.out.ticket(isBack ? "taken-back" : "kept", ticket);
  }

  private post(message: Exclude<Down, { readonly kind: "end-slot" }>): void {
    this.body.post(message);
    this.shared?.stir();
  }

  private heard(message: FromSlot): void {
    // It may speak of a call of which it has said in shared memory that it gives a stream.
    if (message.kind !== "blocked" && message.kind !== "unblocked") this.hear();
    this.deck.heard(message);
    this.end_.say(message);
  }
}
