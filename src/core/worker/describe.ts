// The worker's events and effects, one line each, in the same form as the coordinator's.

import { describeError, describeFailure, describeFigures, quote } from "../describe-parts.ts";
import type { WorkerEffect, WorkerEvent } from "./events.ts";

export function describe(what: WorkerEvent | WorkerEffect): string {
  const rest = details(what);
  return rest === "" ? what.kind : `${what.kind} ${rest}`;
}

const slotName = ({ slot, generation }: { slot: number; generation: number }): string =>
  `s${slot}#${generation}`;

function details(what: WorkerEvent | WorkerEffect): string {
  switch (what.kind) {
    case "WorkerStarted":
      return `slots=${what.slots} abortGrace=${what.abortGraceMs}ms`;
    case "SlotReady":
    case "StartSlot":
      return slotName(what);
    case "SlotExited":
      return `${slotName(what)} ${what.isExternal === true ? "from outside " : ""}${describeError(what.error)}`;
    case "AttemptAssigned":
    case "CancelRequested":
      return what.attempt;
    case "SlotFinished":
      return `${slotName(what)} ${what.attempt} ${describeFigures(what.figures)}`;
    case "SlotFailed":
      return `${slotName(what)} ${what.attempt} ${describeFailure(what.failure)}`;
    case "StopRequested":
    case "TimePassed":
      return "";
    case "RunAttempt":
    case "AbortAttempt":
      return `${what.attempt} on ${slotName(what)}`;
    case "TerminateSlot":
      return `${slotName(what)} ${quote(what.why)}`;
    case "ReportStarted":
      return `${what.attempt} on s${what.slot}`;
    case "ReportFinished":
      return `${what.attempt} ${describeFigures(what.figures)}`;
    case "ReportFailed":
      return `${what.attempt} ${describeFailure(what.failure)}`;
    case "EventIgnored":
      return `${what.event}: ${what.why}`;
  }
}
