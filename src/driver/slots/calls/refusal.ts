// What callers are told of calls that no slot ended.

import type { CallOutcome } from "../../../core/dispatcher/events.ts";
import { ShoalError } from "../../../errors.ts";
import type { PendingCall } from "./pending-call.ts";

/** Why a call was not done, as an error. */
export function refusal({ request, endReason }: PendingCall, outcome: CallOutcome): unknown {
  const { name } = request.target.ref;
  switch (outcome.kind) {
    case "cancelled":
      if (request.signal?.aborted === true) return request.signal.reason;
      return endReason !== null
        ? endReason.reason
        : new ShoalError(
            "CANCELLED",
            `the call of ${name} was cancelled: the pool was drained, and its time is over`,
          );
    case "expired":
      return new ShoalError(
        "DEADLINE_EXCEEDED",
        `the call of ${name} ${outcome.hasBegun ? "had begun, and did not end" : "did not begin"} ` +
          `within its deadline of ${request.deadlineMs} ms`,
        { details: { hasBegun: outcome.hasBegun, deadlineMs: request.deadlineMs } },
      );
    case "refused":
      return outcome.why === "full"
        ? new ShoalError(
            "QUEUE_FULL",
            `the call of ${name} was refused: ${outcome.waiting} calls wait already`,
          )
        : new ShoalError("DRAINING", `the call of ${name} was refused: the connection is being drained`);
    default:
      return new ShoalError("INTERNAL", `a call that was ${outcome.kind} is no refusal`);
  }
}
