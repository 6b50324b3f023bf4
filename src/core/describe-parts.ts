// How the parts that events and effects share are printed: errors, failures, where inputs are. One line, no line
// breaks, bounded in length, the same on every machine.

import type { ErrorData } from "../errors.ts";
import type { AttemptFigures, Failure, JobOutcome, OutputLocation } from "./types.ts";

const textMax = 200;
const listMax = 8;

/** Text in quotes, on one line, cut where it gets long. */
export function quote(text: string): string {
  const clipped = text.length <= textMax ? text : `${text.slice(0, textMax)}…`;
  return JSON.stringify(clipped);
}

export const describeError = (error: ErrorData): string =>
  `${error.code ?? error.name} ${quote(error.message)}`;

export function describeFailure(failure: Failure): string {
  switch (failure.kind) {
    case "error":
      return `${failure.final ? "final error" : "error"} ${describeError(failure.error)}`;
    case "loss":
      return `${failure.isBlameless === true ? "blameless " : ""}loss ${describeError(failure.error)}`;
    case "blocks":
      return `blocks lost=(${describeList(failure.lost)}) ${describeError(failure.error)}`;
    case "cancelled":
      return "cancelled";
  }
}

export function describeOutcome(outcome: JobOutcome): string {
  switch (outcome.kind) {
    case "succeeded":
      return "succeeded";
    case "failed": {
      const task = outcome.task === null ? "" : ` task=t${outcome.task}`;
      const cause = outcome.error.cause === undefined ? "" : ` cause: ${describeError(outcome.error.cause)}`;
      return `failed${task} ${describeError(outcome.error)}${cause}`;
    }
    case "cancelled":
      return `cancelled ${quote(outcome.reason)}`;
  }
}

export function describeList(items: readonly string[]): string {
  if (items.length <= listMax) return items.join(" ");
  return `${items.slice(0, listMax - 1).join(" ")} … ${items.length - listMax + 1} more`;
}

/** "t0.1@w1 t1.1@w2" of all stages that are read; "" for none. */
export function describeInputs(inputs: readonly (readonly OutputLocation[])[]): string {
  return inputs
    .map((stage) => {
      const shown = stage.slice(0, listMax + 1).map(({ attempt, worker }) => `${attempt}@${worker}`);
      if (stage.length <= listMax) return `(${shown.join(" ")})`;
      return `(${shown.slice(0, listMax - 1).join(" ")} … ${stage.length - listMax + 1} more)`;
    })
    .join(" ");
}

/** What was measured, without what is nought: "run=120ms records=40/7". */
export function describeFigures(figures: AttemptFigures): string {
  const parts = [`run=${figures.runMs}ms`];
  if (figures.recordsIn + figures.recordsOut > 0)
    parts.push(`records=${figures.recordsIn}/${figures.recordsOut}`);
  if (figures.bytesIn + figures.bytesOut > 0) parts.push(`bytes=${figures.bytesIn}/${figures.bytesOut}`);
  if (figures.spills > 0) parts.push(`spills=${figures.spills}`);
  if (figures.skipped > 0) parts.push(`skipped=${figures.skipped}`);
  return parts.join(" ");
}
