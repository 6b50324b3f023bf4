// One lease at its worker: the conversation with the client that has asked for a slot, and, once it is granted, the slot: a
// thread or process, with the calls that it holds (deck.ts). The agent, which user code cannot starve, holds what waits: so
// what the client takes back is answered at once, and with certainty.
//
// Not here: who gets a slot (core/lender), who calls what (the client's dispatcher). Owner of: the slot's body.

import type { FromSlot, ToSlot } from "../../../protocol/slot.ts";
import type { BodyEnd, Isolation, SlotBody } from "../../slots/slot-body.ts";
import { SlotProcess } from "../../slots/slot-process.ts";
import { SlotThread } from "../../slots/slot-thread.ts";
import type { ToCallSlot } from "../../../protocol/calls.ts";
import { ShoalError, toErrorData } from "../../../errors.ts";
import type { Deck } from "./deck.ts";
import { invokeOf, readDown, type SharingCall } from "./lease-body.ts";
import { LeaseEnd, type LeaseEndOptions } from "./lease-end.ts";
import type { ClusterConnection } from "../connection.ts";
import type { Down } from "./lease-wire.ts";
import { QueueDeck } from "./queue-deck.ts";
import type { SharedCopies, Waiter } from "./shared-copies.ts";
import { SharedDeck } from "./shared-deck.ts";

export interface LeasedSlotOptions {
  readonly slot: number;
  readonly isolation: Isolation;
  readonly heapBytes: number | null;
  readonly doorbell: Int32Array;
  /** The function, as it is on this machine. */
  readonly localize: (message: Define) => Promise<Define>;
  readonly client: string;
  /** Shared memory of clients. */
  readonly shared: SharedCopies;
  /** How many slots the client has elsewhere. */
  readonly holds: (elsewhere: number) => void;
}

export type Define = ToCallSlot & { readonly kind: "define" };

/** While there is a slot. */
interface Running {
  readonly body: SlotBody;
  readonly shared: SharedDeck | null;
  readonly deck: Deck;
}

export class LeasedSlot implements Waiter {
  readonly ended: Promise<void>;
  private readonly options: LeasedSlotOptions;
  private readonly end_: LeaseEnd;
  private running: Running | null = null;
  private conclude: (end: BodyEnd & { readonly isRefused?: true }) => void = () => {};
  private isOver = false;
  /** Calls that wait for shared memory, by ticket. */
  private readonly early = new Map<number, SharingCall>();
  /** Calls that came, and that had come at the last look. */
  private calls = 0;
  private seenCalls = 0;

  constructor(
    connection: ClusterConnection,
    conversation: Omit<LeaseEndOptions, "said" | "lost">,
    options: LeasedSlotOptions,
  ) {
    this.options = options;
    this.end_ = new LeaseEnd(connection, {
      ...conversation,
      said: (body) => this.hearBody(body),
      lost: () => this.end(),
    });
    this.ended = new Promise((resolve) => {
      this.conclude = (end) => {
        if (this.isOver) return;
        this.isOver = true;
        options.shared.end(options.client, this);
        this.end_.say({ kind: "slot-ended", end });
        this.end_.close();
        resolve();
      };
    });
    options.shared.begin(options.client, this);
  }

  want(number: number): void {
    this.end_.say({ kind: "want-shared", number });
  }

  waitsFor(number: number): boolean {
    return [...this.early.values()].some(({ refers }) => refers.includes(number));
  }

  sharedCame(): void {
    for (const call of this.early.values()) {
      if (this.missingOf(call).length > 0) continue;
      this.early.delete(call.ticket);
      this.invokeSharing(call);
    }
    this.running?.deck.wake();
  }

  /** It is granted: the slot starts. */
  begin(): void {
    if (this.isOver || this.running !== null) return;
    const { slot, isolation, heapBytes, doorbell } = this.options;
    const isThread = isolation === "thread";
    const shared = isThread ? new SharedDeck(doorbell, (call) => this.post(call)) : null;
    const data = { preload: null, heapBytes, calls: { slot, shared: shared?.data ?? null } };
    const body = isThread ? new SlotThread(data) : new SlotProcess(data);
    const deck = shared ?? new QueueDeck(body);
    this.running = { body, shared, deck };
    body.onMessage = (message) => this.heard(message);
    void body.ended.then((how) => {
      this.hear(); // what it had answered before
      this.conclude({ ...how, unbegun: [...this.early.keys(), ...deck.unbegun()] });
    });
  }

  /** The client is to let go of it. */
  askBack(): void {
    this.end_.say({ kind: "ask-back" });
  }

  /** It waited in vain. */
  refuse(why: string): void {
    const error = toErrorData(new ShoalError("CLUSTER_FAILED", `the worker leases no slot: ${why}`));
    this.conclude({ ...withoutBody, error, isRefused: true });
  }

  /** Whether it has nothing to do, and had nothing since this was asked last. */
  lookIdle(): boolean {
    const held = this.early.size + (this.running?.deck.held ?? 1);
    const isIdle = held === 0 && this.calls === this.seenCalls;
    this.seenCalls = this.calls;
    return isIdle;
  }

  /** Takes the answers that are in shared memory; they go with the next `flush`. Returns how many there were. */
  hear(): number {
    return this.running?.shared?.hear(this.end_.later) ?? 0;
  }

  flush(): void {
    this.end_.flush();
  }

  end(): void {
    if (this.running === null) this.conclude(withoutBody);
    else this.running.body.end();
  }

  private hearBody(body: Uint8Array): void {
    readDown(
      body,
      (message) => this.obey(message),
      (call) => {
        this.calls++;
        this.running?.deck.write(call);
      },
      (call) => {
        this.calls++;
        const missing = this.missingOf(call);
        if (missing.length === 0) return this.invokeSharing(call);
        this.early.set(call.ticket, call);
        for (const number of missing) this.options.shared.want(this.options.client, number, this);
      },
    );
    this.running?.deck.wake();
  }

  private missingOf({ refers }: SharingCall): number[] {
    const { shared, client } = this.options;
    return refers.filter((number) => shared.get(client, number) === null);
  }

  private invokeSharing(call: SharingCall): void {
    const { shared, client } = this.options;
    this.running?.deck.invoke(invokeOf(call, (number) => shared.get(client, number)!));
  }

  private obey(message: Down): void {
    switch (message.kind) {
      case "end-slot":
        return this.end();
      case "holds":
        return this.options.holds(message.elsewhere);
      case "shared":
        return this.options.shared.put(this.options.client, message.number, message.bytes);
      case "drop-shared":
        return this.options.shared.drop(this.options.client, message.number);
      case "define":
        void this.options.localize(message).then((local) => this.post(local));
        return;
      case "invoke":
        this.calls++;
        this.running?.deck.invoke(message);
        return;
      case "take-back":
        return this.takeBack(message.ticket);
    }
    this.post(message);
  }

  /** What has ended was told: nobody waits for an answer then. */
  private takeBack(ticket: number): void {
    const isBack = this.early.delete(ticket) ? true : (this.running?.deck.takeBack(ticket) ?? null);
    if (isBack !== null) this.end_.out.ticket(isBack ? "taken-back" : "kept", ticket);
  }

  private post(message: ToSlot): void {
    this.running?.body.post(message);
    this.running?.shared?.stir();
  }

  private heard(message: FromSlot): void {
    // It may speak of a call of which it has said in shared memory that it gives a stream.
    if (message.kind !== "blocked" && message.kind !== "unblocked") this.hear();
    this.running?.deck.heard(message);
    this.end_.say(message);
  }
}

const withoutBody: BodyEnd = {
  exitCode: null,
  signal: null,
  isHeapFull: false,
  error: null,
  isKilledForMemory: false,
};
