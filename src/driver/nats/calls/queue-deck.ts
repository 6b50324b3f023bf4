// The deck of a slot that is a process: one call at a time is given to it, so that of all others it is certain that they
// have not begun, whatever becomes of the process. A call that waits for others lets the next one begin.
//
// Owner of: the calls that wait here, and those that the slot has.

import type { FromSlot } from "../../../protocol/slot.ts";
import type { SlotBody } from "../../slots/slot-body.ts";
import type { Deck, Invoke } from "./deck.ts";
import { argsOf, formOf, type WrittenCall } from "./lease-body.ts";

export class QueueDeck implements Deck {
  private readonly body: SlotBody;
  private readonly waiting = new Map<number, Invoke>();
  private readonly running = new Set<number>();
  private readonly blocked = new Set<number>();

  constructor(body: SlotBody) {
    this.body = body;
  }

  get held(): number {
    return this.waiting.size + this.running.size + this.blocked.size;
  }

  write(call: WrittenCall): void {
    const { ticket, target } = call;
    this.invoke({ kind: "invoke", ticket, target, form: formOf(call), args: argsOf(call) });
  }

  invoke(call: Invoke): void {
    this.waiting.set(call.ticket, call);
    this.goOn();
  }

  wake(): void {}

  takeBack(ticket: number): boolean | null {
    if (this.waiting.delete(ticket)) return true;
    return this.running.has(ticket) || this.blocked.has(ticket) ? false : null;
  }

  heard(message: FromSlot): void {
    switch (message.kind) {
      case "blocked":
        if (this.running.delete(message.ticket)) this.blocked.add(message.ticket);
        break;
      case "unblocked":
        if (this.blocked.delete(message.ticket)) this.running.add(message.ticket);
        return;
      case "returned":
      case "threw":
        this.running.delete(message.ticket);
        this.blocked.delete(message.ticket);
        break;
      default:
        return;
    }
    this.goOn();
  }

  unbegun(): number[] {
    const tickets = [...this.waiting.keys()];
    this.waiting.clear();
    return tickets;
  }

  private goOn(): void {
    if (this.running.size > 0) return;
    for (const [ticket, call] of this.waiting) {
      this.waiting.delete(ticket);
      this.running.add(ticket);
      return this.body.post(call);
    }
  }
}
