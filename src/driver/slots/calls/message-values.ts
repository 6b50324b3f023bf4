// The user's values in messages between the agent and call slots, wrapped where the structured clone would change them
// (data/calls/buffers.ts). Everything else in a message passes as it is.

import { wrapAll, wrapBuffers, type Moving } from "../../../data/calls/buffers.ts";
import type { FromCallSlot, NestedResult, Thrown, ToCallSlot } from "../../../protocol/calls.ts";

/** For posting. What is made on the way is added to `moving`. */
export function wrapped<M extends FromCallSlot | ToCallSlot>(message: M, moving: Moving): M {
  switch (message.kind) {
    case "invoke":
    case "nested":
      return { ...message, args: wrapAll(message.args, moving) };
    case "returned":
      return { ...message, value: wrapBuffers(message.value, moving) };
    case "threw":
      return { ...message, thrown: wrapBuffers(message.thrown, moving) as Thrown };
    case "items":
      return { ...message, items: wrapAll(message.items, moving) };
    case "nested-ended":
      return { ...message, result: wrapBuffers(message.result, moving) as NestedResult };
    default:
      return message;
  }
}
