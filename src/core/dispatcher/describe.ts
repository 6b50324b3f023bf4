// The dispatcher's part of the one renderer (core/describe.ts).

import { unreachable } from "../../base/assert.ts";
import { quote } from "../describe-parts.ts";
import type { CallOutcome, DispatcherEffect, DispatcherEvent } from "./events.ts";

const at = ({ call, slot }: { readonly call: number; readonly slot: number }): string =>
  `c${call} at s${slot}`;

export function describe(body: DispatcherEvent | DispatcherEffect): string {
  switch (body.kind) {
    case "SlotJoined":
      return `SlotJoined s${body.slot}${body.canRevoke ? "" : " (gives nothing back)"}`;
    case "SlotLeaving":
      return `SlotLeaving s${body.slot}`;
    case "SlotExited":
      return [
        `SlotExited s${body.slot} ${quote(body.error.message)}`,
        body.unbegun.length === 0 ? "" : ` unbegun=(${body.unbegun.map((call) => `c${call}`).join(" ")})`,
      ].join("");
    case "CallSubmitted": {
      const { call, target, items, priority, deadline, retries, isNested } = body;
      return [
        `CallSubmitted c${call} of f${target}`,
        items === 1 ? "" : ` items=${items}`,
        priority === 0 ? "" : ` priority=${priority}`,
        deadline === null ? "" : ` deadline=${deadline}ms`,
        retries === 0 ? "" : ` retries=${retries}`,
        isNested ? " nested" : "",
      ].join("");
    }
    case "CallCancelled":
      return `CallCancelled c${body.call}`;
    case "CallEnded": {
      const took = body.runMicros === null ? "" : ` run=${body.runMicros}µs`;
      return `CallEnded ${at(body)}${body.isFailure ? " failed" : ""}${took}`;
    }
    case "SlotsUnavailable":
      return `SlotsUnavailable ${quote(body.error.message)}`;
    case "DrainRequested":
      return `DrainRequested${body.deadline === null ? "" : ` deadline=${body.deadline}ms`}`;
    case "TimePassed":
      return "TimePassed";
    case "TerminateSlot":
      return `TerminateSlot s${body.slot}: ${body.why}`;
    case "SettleCall":
      return `SettleCall c${body.call} ${describeOutcome(body.outcome)}`;
    case "Drained":
      return `Drained cancelled=${body.cancelled}`;
    case "EventIgnored":
      return `EventIgnored ${body.event}: ${body.why}`;
    case "CallRevoked":
    case "CallKept":
    case "CallBlocked":
    case "CallUnblocked":
    case "StartCall":
    case "RevokeCall":
    case "AbortCall":
      return `${body.kind} ${at(body)}`;
    default:
      return unreachable(body, "describe");
  }
}

function describeOutcome(outcome: CallOutcome): string {
  switch (outcome.kind) {
    case "ended":
      return "as it ended";
    case "refused":
      return `refused: ${outcome.why}, ${outcome.waiting} wait`;
    case "cancelled":
    case "expired":
      return `${outcome.kind}${outcome.hasBegun ? ", begun" : ", not begun"}`;
    case "lost":
      return `lost: ${quote(outcome.error.message)}`;
    default:
      return unreachable(outcome, "describeOutcome");
  }
}
