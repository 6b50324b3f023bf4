// One slot of the call plane as the pool sees it: gives it calls, takes them back, hears what became of them. Small
// arguments and results go through shared memory, if the slot is a thread; what is larger, or moved, goes beside it.
//
// Not here: who runs what (core/dispatcher), what the slot does (call-server.ts).
// Owner of: which calls this slot has.

import { MessageChannel, receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { cloneAll, unwrapAll, unwrapBuffers, wrapAll, type Moving } from "../../../data/calls/buffers.ts";
import { readValue, writeValues } from "../../../data/calls/values.ts";
import { ShoalError, toErrorData } from "../../../errors.ts";
import {
  callForms,
  type FromCallSlot,
  type NestedResult,
  type Thrown,
  type ToCallSlot,
} from "../../../protocol/calls.ts";
import type { FromSlot } from "../../../protocol/slot.ts";
import type { SlotWork } from "../certificate.ts";
import type { Isolation, SlotBody, SlotBodyOptions } from "../slot-body.ts";
import { SlotHost, type SlotEnd } from "../slot-host.ts";
import { SlotInline } from "../slot-inline.ts";
import { SlotProcess } from "../slot-process.ts";
import { SlotThread } from "../slot-thread.ts";
import { wrapped } from "./message-values.ts";
import { ticketOf, type Carrier, type PendingCall } from "./pending-call.ts";
import { payloadMax, SharedCalls, sharedBytes } from "./shared-calls.ts";

export interface CallSlotOptions extends Omit<SlotBodyOptions, "calls"> {
  /** "inline": the calling thread. */
  readonly isolation: Isolation | "inline";
  readonly doorbell: Int32Array;
  /** What carries a slot that is elsewhere: of isolation "process", as far as the pool is concerned. */
  readonly body?: SlotBody;
}

/** What a slot says of its calls. */
export interface CallSlotListener {
  returned(pending: PendingCall, value: unknown, runMicros: number | null): void;
  threw(pending: PendingCall, thrown: Thrown, runMicros: number | null): void;
  /** The answer of a slot that is far away to `revoke`. */
  revoked(pending: PendingCall, isBack: boolean): void;
  blocked(pending: PendingCall, isBlocked: boolean): void;
  nested(slot: CallSlot, message: FromCallSlot & { kind: "nested" }): void;
  nestedCancelled(slot: CallSlot, nested: number): void;
  printed(text: string): void;
}

export class CallSlot implements Carrier {
  readonly slot: number;
  readonly host: SlotHost;
  private readonly listener: CallSlotListener;
  private readonly shared: SharedCalls | null;
  private readonly payloads: MessagePort | null = null;
  private readonly byTicket = new Map<number, PendingCall>();
  private readonly byEntry: (PendingCall | undefined)[] = [];
  private readonly defined = new Set<number>();
  /** It is elsewhere, and answers later what is to be taken back. */
  private readonly isFar: boolean;
  /** When what runs now was first seen to run. */
  private seen: { readonly ticket: number; readonly work: SlotWork } | null = null;

  constructor(slot: number, options: CallSlotOptions, listener: CallSlotListener) {
    const { isolation, preload, heapBytes, doorbell } = options;
    this.slot = slot;
    this.listener = listener;
    this.shared =
      isolation === "thread" ? new SharedCalls(new SharedArrayBuffer(sharedBytes), doorbell) : null;
    let shared = null;
    if (this.shared !== null) {
      const { port1, port2 } = new MessageChannel();
      port1.unref();
      this.payloads = port1;
      shared = { calls: this.shared.buffer, doorbell, payloads: port2 };
    }
    const body = { preload, heapBytes, calls: { slot, shared } };
    const carried = options.body ?? newBody(isolation, body);
    this.isFar = carried.takesBack === true;
    this.host = new SlotHost(slot, carried, heapBytes, () => this.work());
    this.host.setReferenced(false);
    this.host.listener = (message) => this.receive(message);
  }

  /** Whether what it has not begun can be taken back. */
  get canRevoke(): boolean {
    return this.shared !== null || this.isFar;
  }

  get exited(): Promise<SlotEnd> {
    return this.host.exited;
  }

  /** Hands a call over. `wake` it afterwards. Throws what cannot be sent. */
  start(pending: PendingCall): void {
    const { target, form, args, transfer } = pending.request;
    if (!this.defined.has(target.number)) {
      this.defined.add(target.number);
      this.post({ kind: "define", target: target.number, ref: target.ref });
    }
    pending.slot = this;
    const entry = this.shared?.claim() ?? -1;
    if (entry < 0) {
      // Moved here, though what takes it there copies: it is gone from the caller all the same.
      const moved = transfer.length === 0 ? args : (pending.moved ?? cloneAll(args, transfer));
      if (this.isFar && transfer.length > 0) pending.moved = moved; // it may be taken back
      this.post({ kind: "invoke", ticket: pending.ticket, target: target.number, form, args: moved });
    } else this.offer(pending, entry, transfer);
    pending.entry = entry;
    this.byTicket.set(pending.ticket, pending);
  }

  private offer(pending: PendingCall, entry: number, transfer: readonly ArrayBuffer[]): void {
    const { target, form, args } = pending.request;
    const shared = this.shared!;
    const at = shared.payload(entry);
    let end: number;
    try {
      end = transfer.length > 0 ? -1 : writeValues(shared, args, at, at + payloadMax);
      if (end < 0) this.postPayload(args, transfer);
    } catch (error) {
      shared.giveUp(entry);
      throw error;
    }
    this.byEntry[entry] = pending;
    shared.offer(entry, target.number, callForms.indexOf(form), pending.ticket, end < 0 ? -1 : end - at);
  }

  wake(): void {
    this.shared?.notifySlot();
  }

  /** A message; the slot may be blocked in wait of a call. */
  private post(message: ToCallSlot): void {
    this.host.post(wrapped(message, { isMove: false, buffers: [] }));
    this.shared?.wake();
  }

  private postPayload(args: readonly unknown[], transfer: readonly ArrayBuffer[]): void {
    const moving: Moving = { isMove: transfer.length > 0, buffers: [...transfer] };
    this.payloads!.postMessage(wrapAll(args, moving), moving.buffers);
  }

  /**
   * Takes a call back that it has not begun; false: it has, or that cannot be known; null: the listener is told later.
   * `isEnding`: for good.
   */
  revoke(pending: PendingCall, isEnding: boolean): boolean | null {
    if (this.isFar) {
      this.post({ kind: "take-back", ticket: pending.ticket });
      return null;
    }
    // What was moved is gone from here: it cannot be given to another slot.
    if (pending.entry < 0 || (pending.request.transfer.length > 0 && !isEnding)) return false;
    if (!this.shared!.takeBack(pending.entry)) return false;
    this.forget(pending);
    return true;
  }

  /** Of a call whose promise has settled already. */
  abortTicket(call: number, reason: string): void {
    this.post({ kind: "abort-call", ticket: ticketOf(call), reason });
  }

  answerNested(nested: number, result: NestedResult): void {
    this.post({ kind: "nested-ended", nested, result });
  }

  pull(pending: PendingCall, count: number): void {
    this.post({ kind: "pull", ticket: pending.ticket, count });
  }

  stop(pending: PendingCall): void {
    this.post({ kind: "stop", ticket: pending.ticket });
  }

  /** Hears the answers that are in shared memory. Returns how many there were. */
  hear(): number {
    const { shared } = this;
    if (shared === null) return 0;
    let heard = 0;
    for (let entry = shared.nextAnswer(); entry >= 0; entry = shared.nextAnswer()) {
      heard++;
      const pending = this.byEntry[entry]!;
      const kind = shared.answerKind(entry);
      const micros = shared.micros(entry);
      if (kind === "stream") {
        this.byEntry[entry] = undefined;
        pending.entry = -1;
        shared.release(entry);
        pending.openSink().open();
        pending.resolve(undefined);
        continue;
      }
      let isThrown = kind === "thrown-message";
      let value: unknown;
      try {
        value = kind === "value" ? readValue(shared, shared.payload(entry)) : this.nextPayload();
      } catch (error) {
        isThrown = true;
        value = unreadable(error);
      }
      if (value === lost) continue; // The slot is gone with it: its end will tell.
      this.forget(pending);
      shared.release(entry);
      if (isThrown) this.listener.threw(pending, value as Thrown, micros);
      else this.listener.returned(pending, value, micros);
    }
    return heard;
  }

  /** Calls that give streams. */
  streams(): PendingCall[] {
    return [...this.byTicket.values()].filter(({ isStream }) => isStream);
  }

  /** After its end: what it had certainly not begun. `known`: tickets of such, as its body tells. */
  unbegun(known: readonly number[]): PendingCall[] {
    if (this.isFar) return known.flatMap((ticket) => this.byTicket.get(ticket) ?? []);
    return [...this.byTicket.values()].filter(
      // What was moved to it is lost with it.
      ({ entry, request }) => entry >= 0 && request.transfer.length === 0 && this.shared!.takeBack(entry),
    );
  }

  /** Ends it at once. `exited` follows. */
  async terminate(why: string): Promise<void> {
    await this.host.terminate(why);
  }

  private forget(pending: PendingCall): void {
    if (pending.entry >= 0) this.byEntry[pending.entry] = undefined;
    pending.entry = -1;
    pending.slot = null;
    this.byTicket.delete(pending.ticket);
  }

  private nextPayload(): unknown {
    const received = receiveMessageOnPort(this.payloads!) as { message: unknown } | undefined;
    return received === undefined ? lost : unwrapBuffers(received.message);
  }

  private receive(message: FromSlot): void {
    if (message.kind === "printed") return this.listener.printed(message.text);
    if (message.kind === "nested")
      return this.listener.nested(this, { ...message, args: unwrapAll(message.args) });
    if (message.kind === "nested-cancelled") return this.listener.nestedCancelled(this, message.nested);
    if (!("ticket" in message)) return;
    const pending = this.byTicket.get(message.ticket);
    if (pending === undefined) return; // It has ended meanwhile.
    if (pending.entry >= 0 && !isAboutBlocking(message)) this.hear(); // It was said before that it gives a stream.
    switch (message.kind) {
      case "returned":
        this.forget(pending);
        return this.listener.returned(pending, unwrapBuffers(message.value), message.runMicros);
      case "threw":
        this.forget(pending);
        return this.listener.threw(pending, unwrapBuffers(message.thrown) as Thrown, message.runMicros);
      case "taken-back":
        this.forget(pending);
        return this.listener.revoked(pending, true);
      case "kept":
        return this.listener.revoked(pending, false);
      case "streaming":
        pending.openSink().open();
        return pending.resolve(undefined);
      case "items":
        return pending.openSink().push(unwrapAll(message.items));
      case "blocked":
      case "unblocked":
        return this.listener.blocked(pending, message.kind === "blocked");
    }
  }

  /** What it is at, for its death certificate. */
  private work(): SlotWork | null {
    const ticket = this.shared?.runningTicket() ?? this.byTicket.keys().next().value ?? null;
    if (ticket === null) return (this.seen = null);
    if (this.seen?.ticket !== ticket) {
      const name = this.byTicket.get(ticket)?.request.target.ref.name ?? "a function";
      const startedAt = Math.floor(performance.now());
      const what = `the call of ${name}`;
      this.seen = { ticket, work: { attempt: null, what, startedAt, recordsIn: 0, bytesIn: 0 } };
    }
    return this.seen!.work;
  }
}

function newBody(isolation: CallSlotOptions["isolation"], options: SlotBodyOptions): SlotBody {
  if (isolation === "process") return new SlotProcess(options);
  return isolation === "thread" ? new SlotThread(options) : new SlotInline(options.calls!.slot);
}

const isAboutBlocking = ({ kind }: FromSlot): boolean => kind === "blocked" || kind === "unblocked";

const lost = Symbol("lost");

/** A result that did not survive the way: its memory was moved elsewhere, or there is none left for it here. */
const unreadable = (error: unknown): Thrown => ({
  error: toErrorData(
    new ShoalError("VALUE_INVALID", "the result cannot be read here: it did not arrive whole", {
      cause: error,
    }),
  ),
});
