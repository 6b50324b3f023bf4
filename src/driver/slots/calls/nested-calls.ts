// Calls that user code in slots makes: passed on to the pool's own plane, and answered. Owner of: those under way.

import { toThrown } from "../../../data/calls/thrown.ts";
import type { FromCallSlot, NestedResult } from "../../../protocol/calls.ts";
import type { NestedRequest } from "../../call-plane.ts";
import type { CallSlot } from "./call-slot.ts";

export class NestedCalls {
  private readonly make: (request: NestedRequest) => Promise<NestedResult>;
  private readonly underWay = new Map<CallSlot, Map<number, AbortController>>();

  constructor(make: (request: NestedRequest) => Promise<NestedResult>) {
    this.make = make;
  }

  begin(slot: CallSlot, message: FromCallSlot & { kind: "nested" }): void {
    const { nested, module, name, form, args, options } = message;
    const controller = new AbortController();
    const ofSlot = this.underWay.get(slot) ?? new Map<number, AbortController>();
    this.underWay.set(slot, ofSlot);
    ofSlot.set(nested, controller);
    void this.make({ module, name, form, args, options, signal: controller.signal })
      .catch((error: unknown): NestedResult => ({ kind: "thrown", thrown: toThrown(error) }))
      .then((result) => {
        ofSlot.delete(nested);
        slot.answerNested(nested, result);
      });
  }

  cancel(slot: CallSlot, nested: number): void {
    this.underWay.get(slot)?.get(nested)?.abort();
  }

  /** Nobody waits for what its calls asked for. */
  slotExited(slot: CallSlot): void {
    for (const controller of this.underWay.get(slot)?.values() ?? []) controller.abort();
    this.underWay.delete(slot);
  }
}
