// What the bodies of frames must be to be believed: whatever the machines, the log and the reports look at is of the
// type that they expect, and a worker speaks of itself only. Pure.
//
// Not here: whether it is true; the machines ignore what does not fit what they know.

import { parseAttemptId } from "../../base/ids.ts";

type Body = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const causesMax = 16;
const urlMax = 300;
const namesMax = 10_000;

export const isObject = (value: unknown): value is Body =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isText: Check = (value) => typeof value === "string";
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;
export const isWorker = (value: unknown): value is string =>
  typeof value === "string" && /^w\d{1,15}$/.test(value);
export const isAttempt: Check = (value) => typeof value === "string" && parseAttemptId(value) !== null;
const isAmount: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const isFlag: Check = (value) => typeof value === "boolean";
const isCause: Check = (value) => value === null || Number.isSafeInteger(value);
/** Of a block server. */
export const isUrl: Check = (value) =>
  typeof value === "string" && value.length <= urlMax && /^https?:\/\/[^\s/]+$/.test(value);
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const hasAll = (value: unknown, members: Readonly<Record<string, Check>>): value is Body =>
  isObject(value) && Object.entries(members).every(([name, check]) => check(value[name]));

const errorMembers = {
  name: isText,
  message: isText,
  stack: orAbsent(isText),
  code: orAbsent(isText),
  hint: orAbsent(isText),
  thrown: orAbsent(isText),
  details: orAbsent(isObject),
  properties: orAbsent(isObject),
};

/** ErrorData, with its causes. */
export function isError(value: unknown): boolean {
  for (let at = value, depth = 0; ; depth++) {
    if (depth > causesMax || !hasAll(at, errorMembers)) return false;
    if (at["cause"] === undefined) return true;
    at = at["cause"];
  }
}

const isFigures: Check = (value) =>
  hasAll(value, {
    recordsIn: isAmount,
    recordsOut: isAmount,
    bytesIn: isAmount,
    bytesOut: isAmount,
    spills: isAmount,
    spilledBytes: isAmount,
    skipped: isAmount,
    waitMs: isAmount,
    runMs: isAmount,
    counters: (counters) =>
      isObject(counters) && Object.values(counters).every((count) => typeof count === "number"),
  });

function isFailure(value: unknown): boolean {
  if (!isObject(value)) return false;
  switch (value["kind"]) {
    case "error":
      return isFlag(value["final"]) && isError(value["error"]);
    case "loss":
      return isError(value["error"]) && orAbsent(isFlag)(value["isBlameless"]);
    case "blocks":
      return listOf(isAttempt)(value["lost"]) && isError(value["error"]);
    case "cancelled":
      return true;
    default:
      return false;
  }
}

/** Members by name, wherever they are. */
const members: Readonly<Record<string, Check>> = {
  attempt: isAttempt,
  slot: isCount,
  generation: isCount,
  slots: isCount,
  abortGraceMs: isAmount,
  recordsIn: isAmount,
  bytesIn: isAmount,
  figures: isFigures,
  failure: isFailure,
  error: isError,
  stack: (value) => value === null || isText(value),
  why: isText,
  event: isText,
};

const reports = new Map<unknown, readonly string[]>([
  ["AttemptStarted", ["attempt", "slot"]],
  ["AttemptProgressed", ["attempt", "recordsIn", "bytesIn"]],
  ["AttemptFinished", ["attempt", "figures"]],
  ["AttemptFailed", ["attempt", "failure"]],
  ["AttemptExamined", ["attempt", "stack"]],
]);
/** Of these the worker is a member. */
const ofWorkers = new Set<unknown>(["AttemptStarted", "AttemptFinished", "AttemptFailed"]);

const ofSlots = ["slot", "generation"];
const workerEvents = new Map<unknown, readonly string[]>([
  ["WorkerStarted", ["slots", "abortGraceMs"]],
  ["SlotReady", ofSlots],
  ["SlotExited", [...ofSlots, "error"]],
  ["AttemptAssigned", ["attempt"]],
  ["CancelRequested", ["attempt"]],
  ["SlotFinished", [...ofSlots, "attempt", "figures"]],
  ["SlotFailed", [...ofSlots, "attempt", "failure"]],
  ["StopRequested", []],
  ["TimePassed", []],
]);
const workerEffects = new Map<unknown, readonly string[]>([
  ["StartSlot", ofSlots],
  ["RunAttempt", [...ofSlots, "attempt"]],
  ["AbortAttempt", [...ofSlots, "attempt"]],
  ["TerminateSlot", [...ofSlots, "why"]],
  ["ReportStarted", ["attempt", "slot"]],
  ["ReportFinished", ["attempt", "figures"]],
  ["ReportFailed", ["attempt", "failure"]],
  ["EventIgnored", ["event", "why"]],
]);

const isOneOf = (kinds: ReadonlyMap<unknown, readonly string[]>, value: unknown): value is Body =>
  isObject(value) && kinds.get(value["kind"])?.every((name) => members[name]!(value[name])) === true;

/** An entry of the worker's own log. */
const isEntry =
  (worker: string): Check =>
  (entry) =>
    isObject(entry) &&
    isCount(entry["id"]) &&
    isAmount(entry["at"]) &&
    isCause(entry["cause"]) &&
    entry["machine"] === worker &&
    (entry["type"] === "event"
      ? isOneOf(workerEvents, entry["body"])
      : entry["type"] === "effect" && isOneOf(workerEffects, entry["body"]));

/** What a worker may say: about itself and its attempts only. */
export const isFromWorker = (worker: string): ((body: Body) => boolean) => {
  const isLog = orAbsent(listOf(isEntry(worker)));
  return (body) => {
    if (!isCause(body["cause"]) || !isLog(body["log"])) return false;
    switch (body["kind"]) {
      case "hello":
        return isCount(body["slots"]) && orAbsent(isUrl)(body["url"]) && orAbsent(isText)(body["copies"]);
      case "report": {
        const event = body["event"];
        return isOneOf(reports, event) && (!ofWorkers.has(event["kind"]) || event["worker"] === worker);
      }
      case "printed":
        return isText(body["text"]);
      case "log":
      case "leaving":
      case "left":
        return true;
      default:
        return false;
    }
  };
};

const isLocation: Check = (value) => hasAll(value, { attempt: isAttempt, worker: isWorker });
const isPeers: Check = (value) =>
  isObject(value) &&
  Object.entries(value).every(
    ([worker, peer]) => isWorker(worker) && hasAll(peer, { url: isUrl, token: isText }),
  );

const isAssignment: Check = (value) =>
  hasAll(value, {
    attempt: isAttempt,
    stage: isCount,
    index: isCount,
    worker: isWorker,
    slot: Number.isSafeInteger,
    inputs: listOf(listOf(isLocation)),
    peers: orAbsent(isPeers),
    isBackup: isFlag,
  });

/** What a coordinator may say. */
export function isToWorker(body: Body): boolean {
  const { kind, cause } = body;
  if (cause !== null && !isCount(cause)) return false;
  switch (kind) {
    case "assign":
      return isAssignment(body["assignment"]);
    case "cancel":
    case "examine":
    case "discard":
      return isAttempt(body["attempt"]);
    case "stop":
      return true;
    default:
      return false;
  }
}

/** Names for people, such as those of stages. */
export const isNames: Check = (value) => listOf(isText)(value) && (value as unknown[]).length <= namesMax;
