// The deck of a slot that is a thread: its calls are in memory that both share (driver/slots/calls/shared-calls.ts), as
// on the client's own machine. Bytes go from the wire into that memory and from there onto the wire; no values are made.
//
// Owner of: which ticket has which entry.

import { MessageChannel, receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { toErrorData, ShoalError } from "../../../errors.ts";
import { callForms, type FromCallSlot, type Thrown } from "../../../protocol/calls.ts";
import { payloadMax, SharedCalls, sharedBytes } from "../../slots/calls/shared-calls.ts";
import type { CallSlotData } from "../../slots/slot-body.ts";
import type { FromSlot } from "../../../protocol/slot.ts";
import type { Deck, Invoke } from "./deck.ts";
import { argsOf, formOf, type BodyWriter, type WrittenCall } from "./lease-body.ts";

export class SharedDeck implements Deck {
  /** For the thread. */
  readonly data: NonNullable<CallSlotData["shared"]>;
  private readonly shared: SharedCalls;
  private readonly payloads: MessagePort;
  /** Of calls that have not ended; −1: it has begun, and is not in shared memory. */
  private readonly entries = new Map<number, number>();
  private readonly post: (call: Invoke) => void;
  private isOffered = false;

  /** `post`: how a call goes for which there is no room in shared memory. */
  constructor(doorbell: Int32Array, post: (call: Invoke) => void) {
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    this.payloads = port1;
    this.post = post;
    this.shared = new SharedCalls(new SharedArrayBuffer(sharedBytes), doorbell);
    this.data = { calls: this.shared.buffer, doorbell, payloads: port2 };
  }

  get held(): number {
    return this.entries.size;
  }

  write(call: WrittenCall): void {
    const { ticket, target, form, args } = call;
    const { shared } = this;
    const entry = args.length > payloadMax ? -1 : shared.claim();
    if (entry < 0)
      return this.postNow({ kind: "invoke", ticket, target, form: formOf(call), args: argsOf(call) });
    shared.bytes.set(args, shared.payload(entry));
    this.offer(ticket, entry, target, form, args.length);
  }

  invoke(call: Invoke): void {
    const entry = this.shared.claim();
    if (entry < 0) return this.postNow(call);
    this.payloads.postMessage(call.args);
    this.offer(call.ticket, entry, call.target, callForms.indexOf(call.form), -1);
  }

  wake(): void {
    if (this.isOffered) this.shared.notifySlot();
    this.isOffered = false;
  }

  /** Something came for the thread in another way. */
  stir(): void {
    this.shared.wake();
  }

  takeBack(ticket: number): boolean | null {
    const entry = this.entries.get(ticket);
    if (entry === undefined) return null;
    if (entry < 0 || !this.shared.takeBack(entry)) return false;
    this.entries.delete(ticket);
    return true;
  }

  heard(message: FromSlot): void {
    if (message.kind === "returned" || message.kind === "threw") this.entries.delete(message.ticket);
  }

  unbegun(): number[] {
    return [...this.entries.keys()].filter((ticket) => this.takeBack(ticket) === true);
  }

  /** Writes down the answers that are in shared memory. Returns how many there were. */
  hear(to: BodyWriter): number {
    const { shared } = this;
    let heard = 0;
    for (let entry = shared.nextAnswer(); entry >= 0; entry = shared.nextAnswer()) {
      heard++;
      const ticket = shared.ticket(entry);
      const kind = shared.answerKind(entry);
      const micros = shared.micros(entry);
      if (kind === "stream") {
        this.entries.set(ticket, -1);
        to.message({ kind: "streaming", ticket });
      } else if (kind === "value") {
        this.entries.delete(ticket);
        const at = shared.payload(entry);
        to.result(ticket, micros, shared.bytes.subarray(at, at + shared.length(entry)));
      } else {
        this.entries.delete(ticket);
        const message = this.nextPayload(ticket, kind === "thrown-message", micros);
        if (message !== null) to.message(message);
      }
      shared.release(entry);
    }
    return heard;
  }

  private offer(ticket: number, entry: number, target: number, form: number, length: number): void {
    this.entries.set(ticket, entry);
    this.shared.offer(entry, target, form, ticket, length);
    this.isOffered = true;
  }

  private postNow(call: Invoke): void {
    this.entries.set(call.ticket, -1);
    this.post(call);
  }

  /** A result that came beside the shared memory, in the form in which it travels. Null: the slot is gone with it. */
  private nextPayload(ticket: number, isThrown: boolean, runMicros: number | null): FromCallSlot | null {
    try {
      const received = receiveMessageOnPort(this.payloads) as { message: unknown } | undefined;
      if (received === undefined) return null;
      const { message } = received;
      return isThrown
        ? { kind: "threw", ticket, thrown: message as Thrown, runMicros }
        : { kind: "returned", ticket, value: message, runMicros };
    } catch (error) {
      const why = "the result cannot be read by the worker: it did not arrive whole";
      const thrown = { error: toErrorData(new ShoalError("VALUE_INVALID", why, { cause: error })) };
      return { kind: "threw", ticket, thrown, runMicros };
    }
  }
}
