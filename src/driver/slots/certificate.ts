// The end of a slot as an error that explains itself: what ended it, in words, and the death certificate with all that
// is known. Pure.
//
// Not here: gathering it (slot-host.ts, slot-process.ts), limits (memory-watch.ts).

import { formatBytes, formatCount, formatDuration } from "../../base/units.ts";
import { ShoalError, toErrorData, type ErrorCode, type ErrorData } from "../../errors.ts";
import type { DeathCertificate, MemorySample } from "../../protocol/death-certificate.ts";
import type { BodyEnd, Isolation } from "./slot-body.ts";

/** What a slot runs: an attempt, or a call of the client. */
export interface SlotWork {
  readonly attempt: string | null;
  /** For people: the stage's name, or the call's. */
  readonly what: string;
  /** On the log's clock. */
  readonly startedAt: number;
  readonly recordsIn: number;
  readonly bytesIn: number;
}

/** Why the agent ended it, if it did. */
export type EndReason =
  | { readonly kind: "told"; readonly why: string }
  | {
      readonly kind: "memory";
      readonly which: "buffers" | "rss";
      readonly limitBytes: number;
      readonly usedBytes: number;
      readonly isGuess: boolean;
    };

export interface SlotFacts {
  readonly isolation: Isolation;
  readonly slot: number;
  readonly heapLimitBytes: number | null;
  readonly end: BodyEnd;
  readonly reason: EndReason | null;
  readonly work: SlotWork | null;
  readonly now: number;
  readonly memory: readonly MemorySample[];
  readonly lastLines: readonly string[];
  readonly stack: string | null;
}

/** Signals that code raises by its own mistakes; others come from outside. */
const ownSignals = new Set(["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"]);

/** Somebody else ended it, as far as is known. */
export const isExternal = ({ end, reason }: SlotFacts): boolean =>
  reason === null && end.signal !== null && !ownSignals.has(end.signal) && !end.isKilledForMemory;

/** SLOT_LOST or OUT_OF_MEMORY, with the certificate in its details. */
export function slotError(facts: SlotFacts): ErrorData {
  const { end } = facts;
  const [code, message, hint] = verdict(facts);
  const error = new ShoalError(code, message, {
    details: { certificate: certify(facts) },
    ...(hint === undefined ? {} : { hint }),
  });
  const { stack: _ours, ...data } = toErrorData(error);
  return end.error === null || end.error.message === message || end.isHeapFull
    ? data
    : { ...data, cause: end.error };
}

function verdict(facts: SlotFacts): [ErrorCode, string, (string | undefined)?] {
  const { isolation, slot, end, reason, heapLimitBytes } = facts;
  const whose = `slot ${slot}'s ${isolation}`;
  if (reason?.kind === "told") return ["SLOT_LOST", `the slot was ended: ${reason.why}`];
  if (reason?.kind === "memory") return ["OUT_OF_MEMORY", overLimit(facts, reason)];
  if (end.isHeapFull) {
    const limit = heapLimitBytes === null ? "its limit" : `its limit of ${formatBytes(heapLimitBytes)}`;
    return ["OUT_OF_MEMORY", `${whose} ended: its JavaScript heap reached ${limit}`];
  }
  if (end.isKilledForMemory) {
    return [
      "OUT_OF_MEMORY",
      `${whose} was killed by ${end.signal}: it seems that the system needed its memory`,
    ];
  }
  if (end.signal !== null && isExternal(facts))
    return ["SLOT_LOST", `${whose} was killed from outside, by ${end.signal}`];
  if (end.signal !== null) return ["SLOT_LOST", `${whose} crashed: it ended by ${end.signal}`];
  // An error of ours tells it itself: of a slot on another machine no more is known.
  if (end.exitCode === null && end.error?.code !== undefined)
    return ["SLOT_LOST", end.error.message, end.error.hint];
  if (end.exitCode === null)
    return ["SLOT_LOST", `${whose} could not be started`, "Check the limits on processes and memory."];
  if (end.error !== null) return ["SLOT_LOST", `${whose} ended by an error`];
  return ["SLOT_LOST", `${whose} ended with exit code ${end.exitCode}`];
}

function overLimit({ slot, isolation, memory }: SlotFacts, reason: EndReason & { kind: "memory" }): string {
  const { which, usedBytes, limitBytes, isGuess } = reason;
  const over = (whose: string): string =>
    `${formatBytes(usedBytes)}, more than ${whose} limit of ${formatBytes(limitBytes)}`;
  if (which === "buffers") return `slot ${slot} was ended: its buffers hold ${over("their")}`;
  if (isolation === "process") return `slot ${slot} was ended: its process uses ${over("its")}`;
  const last = memory.at(-1);
  const held =
    last === undefined
      ? ""
      : ` (${formatBytes(last.heapBytes)} of heap, ${formatBytes(last.bufferBytes)} of buffers)`;
  const blame = isGuess
    ? "which of them takes it could not be measured; this one is a guess"
    : `this one holds most of it${held}`;
  return `slot ${slot} was ended: the slots together use ${over("their")}; ${blame}`;
}

type MemoryLimit = NonNullable<DeathCertificate["memoryLimit"]>;

function certify(facts: SlotFacts): DeathCertificate {
  const { isolation, slot, end, work, memory, lastLines, stack } = facts;
  const [outOfMemory, limit] = memoryCause(facts);
  return {
    isolation,
    slot,
    attempt: work?.attempt ?? null,
    doing: doing(work, facts.now),
    exitCode: end.exitCode,
    signal: end.signal,
    outOfMemory,
    ...(limit === null ? {} : { memoryLimit: limit }),
    memory,
    lastLines,
    stack,
  };
}

/** Which memory was exhausted, if it was that, and the limit that was reached, if it was one of ours. */
function memoryCause({
  end,
  reason,
  heapLimitBytes,
}: SlotFacts): [DeathCertificate["outOfMemory"], MemoryLimit | null] {
  if (reason?.kind === "memory") {
    const { which, limitBytes, usedBytes, isGuess } = reason;
    return [which, { limitBytes, usedBytes, isGuess }];
  }
  if (reason !== null) return [null, null];
  if (end.isHeapFull) {
    const limit =
      heapLimitBytes === null
        ? null
        : { limitBytes: heapLimitBytes, usedBytes: heapLimitBytes, isGuess: false };
    return ["heap", limit];
  }
  return [end.isKilledForMemory ? "rss" : null, null];
}

/** "t7.2 of read.lines → map, 1,032 records in, for 4.20 s". */
function doing(work: SlotWork | null, now: number): string {
  if (work === null) return "nothing";
  const records =
    work.attempt === null || work.recordsIn === 0 ? "" : `, ${formatCount(work.recordsIn)} records in`;
  const what = work.attempt === null ? work.what : `${work.attempt} of ${work.what}`;
  return `${what}${records}, for ${formatDuration(Math.max(0, now - work.startedAt))}`;
}
