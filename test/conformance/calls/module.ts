// The user's module of the suite of calls: what runs in slots.
//
// "says" appends a line to a file, which tests read: the one side effect that every kind of slot can have.

import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { callContext, isShoalError, move } from "shoal";

// Values

// Remote functions are not generic: what comes back is what the test says it is.
/* oxlint-disable no-explicit-any */
export const echo = (value: unknown): any => value;
export const echoAsync = async (value: unknown): Promise<any> => await Promise.resolve(value);
/* oxlint-enable no-explicit-any */

export const countArguments = (...args: readonly unknown[]): number => args.length;

/** What kind each argument is when it arrives. */
export const kindsOf = (...args: readonly unknown[]): string[] =>
  args.map((value) =>
    typeof value === "object" && value !== null
      ? value.constructor.name
      : Object.is(value, -0)
        ? "-0"
        : typeof value,
  );

export const add = (a: number, b: number): number => a + b;

export function says(file: string, text: string): string {
  appendFileSync(file, `${text}\n`);
  return text;
}

// Errors

export class HttpError extends Error {
  readonly status: number;
  readonly at: Date;

  constructor(message: string, status: number, at: Date, cause: unknown) {
    super(message, { cause });
    this.name = "HttpError";
    this.status = status;
    this.at = at;
  }
}

class Nameless extends TypeError {}

const broken = (): never => {
  throw new RangeError("out of range"); // thrown here
};

export function fails(how: string): number {
  switch (how) {
    case "range":
      return broken();
    case "type":
      throw new TypeError("of the wrong type");
    case "subclass":
      throw new Nameless("of a class of its own");
    case "http":
      throw new HttpError("not found", 404, new Date(86_400_000), new TypeError("the reason"));
    case "opaque":
      throw Object.assign(new Error("with a helper"), { when: new Date(0), retry: () => {}, tries: 3n });
    case "aggregate":
      throw new AggregateError([new TypeError("one"), new HttpError("two", 500, new Date(0), null)], "both");
    default:
      throw new Error(how);
  }
}

export async function failsLater(): Promise<number> {
  await pause(1);
  throw new SyntaxError("later"); // thrown later
}

export const throwsValue = (value: unknown): never => {
  throw value;
};

export const returnsFunction = (): unknown => ({ user: { save: () => {} } });
export const returnsInstance = async (): Promise<unknown> =>
  await Promise.resolve([new HttpError("x", 1, new Date(0), null)]);

// Memory

export function fill(bytes: Uint8Array, value: number): Uint8Array {
  bytes.fill(value);
  return move(bytes);
}

export const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0);
export const sumsOf = (parts: { readonly left: Uint8Array; readonly right: Uint8Array }): number =>
  sumOf(parts.left) + sumOf(parts.right);

export const store = (numbers: Int32Array, at: number, value: number): number =>
  Atomics.store(numbers, at, value);

export const isShared = (numbers: Int32Array): boolean => numbers.buffer instanceof SharedArrayBuffer;

/** Bytes whose memory was moved elsewhere before. */
export function returnsMoved(how: string): unknown {
  const bytes = new Uint8Array(1000);
  const marked = move(bytes);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return how === "moved" ? marked : how === "plain" ? bytes : { bytes, text: "x".repeat(1000) };
}

// Streams

let produced = 0;
let closed = 0;

/** Of the streams of this slot: items taken from them, and how many were closed. */
export function streamFigures(): { produced: number; closed: number } {
  return { produced, closed };
}

export function* count(to: number): Generator<number, void, undefined> {
  try {
    for (let n = 0; n < to; n++) {
      produced++;
      yield n;
    }
  } finally {
    closed++;
  }
}

export async function* countLater(to: number): AsyncGenerator<{ n: number; text: string }, void, undefined> {
  try {
    for (let n = 0; n < to; n++) {
      if (n % 16 === 0) await pause(1);
      produced++;
      yield { n, text: "x".repeat(n % 3 === 0 ? 300 : 1) };
    }
  } finally {
    closed++;
  }
}

export async function promisesStream(to: number): Promise<AsyncIterable<{ n: number; text: string }>> {
  await pause(1);
  return countLater(to);
}

export function* countThenThrow(to: number): Generator<number, void, undefined> {
  yield* count(to);
  throw new RangeError("the source is dry");
}

export function* countThenFunction(to: number): Generator<unknown, void, undefined> {
  try {
    yield* count(to);
    yield () => {};
  } finally {
    closed++;
  }
}

/** Waits for ever before its second item, unless its signal ends it; says what it was told. */
export async function* waitsWithin(log: string): AsyncGenerator<string, void, undefined> {
  const { signal, name } = callContext();
  try {
    yield name;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {}, 1000);
      signal.addEventListener("abort", () => {
        clearInterval(timer);
        resolve();
      });
    });
  } finally {
    appendFileSync(log, `closed, ${signal.aborted ? "aborted" : "not aborted"}\n`);
  }
}

export const webStream = (to: number): ReadableStream<number> =>
  ReadableStream.from(count(to)) as ReadableStream<number>;

// Waiting, computing, ending

/** Says that it runs, and waits until the file `gate` is there. */
export async function waits(gate: string, log: string, text: string): Promise<string> {
  appendFileSync(log, `${text}\n`);
  while (!existsSync(gate)) await pause(2);
  return text;
}

/** Waits until its signal is aborted, and says what it was told. */
export async function waitsForAbort(log: string): Promise<void> {
  const { signal } = callContext();
  appendFileSync(log, "begun\n");
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve(); // its deadline passed just as it began
    const timer = setInterval(() => {}, 1000);
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      resolve();
    });
  });
  const { reason } = signal as { reason: unknown };
  appendFileSync(log, `aborted: ${isShoalError(reason) ? reason.code : String(reason)}\n`);
}

/** Computes until its signal, taken once, says that it is aborted. */
export function computesUntilAbort(log: string): void {
  const { signal } = callContext();
  appendFileSync(log, "begun\n");
  while (!signal.aborted);
  try {
    signal.throwIfAborted();
  } catch (error) {
    const isRight = error === signal.reason && isShoalError(error, "CANCELLED");
    appendFileSync(log, `aborted: ${isRight ? "CANCELLED" : String(error)}\n`);
  }
}

export function computesForEver(log: string): never {
  appendFileSync(log, "begun\n");
  for (let n = 0; ; n++) if (n === -1) throw new Error("never");
}

const untilThen = new Map<string, number>();

/** Throws the first `times` times that this slot is asked for `key`. */
export function throwsAtFirst(key: string, times: number): number {
  const tries = (untilThen.get(key) ?? 0) + 1;
  untilThen.set(key, tries);
  if (tries <= times) throw new Error(`try ${tries}`);
  return tries;
}

export function exits(code: number): never {
  process.exit(code);
}

/** Ends the slot's process at once, unless `mark` says that it did so before. */
export function crashesOnce(mark: string): string {
  if (existsSync(mark)) return "second try";
  appendFileSync(mark, "crashed\n");
  process.kill(process.pid, "SIGKILL");
  for (;;);
}

export function crashes(): never {
  process.kill(process.pid, "SIGABRT");
  for (;;);
}

export function fillsHeap(): number {
  const all: unknown[] = [];
  // oxlint-disable-next-line no-new-array -- quicker
  for (;;) all.push(new Array(100_000).fill(all.length));
}

export function rejectsAfterwards(): string {
  setTimeout(() => void Promise.reject(new Error("nobody waits for this")), 1);
  return "returned";
}

export const neverSettles = (): Promise<number> => new Promise(() => {});

export const contextOf = (): { module: string; name: string; slot: number; isAborted: boolean } => {
  const { module, name, slot, signal } = callContext();
  return { module, name, slot, isAborted: signal.aborted };
};

export async function contextAfterAwait(): Promise<string> {
  await pause(1);
  try {
    return callContext().name;
  } catch (error) {
    return isShoalError(error) ? error.code : String(error);
  }
}

export const prints = (text: string): void => console.log(text);

export const square = (n: number): number => n * n;
