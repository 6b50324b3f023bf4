// Values that are moved to the other side, not copied: move(x) where it is sent, gone there from then on.

import * as threads from "node:worker_threads";
import { ShoalError } from "../../errors.ts";
import { isDetached } from "../detached.ts";

const brand: unique symbol = Symbol.for("shoal.moved") as never;

/** A value on its way: its buffers change hands. Made by `move`. */
export interface Moved<T> {
  readonly [brand]: true;
  readonly value: T;
}

/**
 * Marks an argument, or the result of a remote function, as moved: its memory is handed over instead of copied, and is
 * empty here afterwards. For an ArrayBuffer, a typed array, a DataView, or an object or array of them.
 *
 * Errors: VALUE_INVALID if there is nothing in it that can be moved, or it was moved before.
 *
 * @example
 * const resized = await resize(move(pixels)); // pixels.length is 0 from here on
 */
export function move<T extends object>(value: T): T {
  transferables(value, "move(value)");
  // What arrives is a T: the mark is taken off on the way.
  return { [brand]: true, value } as unknown as T;
}

export const isMoved = (value: unknown): value is Moved<object> =>
  typeof value === "object" && value !== null && (value as Partial<Moved<object>>)[brand] === true;

/** What changes hands with `value`. `at` is how it is called in the message. VALUE_INVALID: nothing, or moved before. */
export function transferables(value: unknown, at: string): ArrayBuffer[] {
  const found: Found = { buffers: new Set(), isPartCopied: false };
  collect(value, found, 0);
  for (const buffer of found.buffers) requirePresent(buffer, at);
  if (found.buffers.size > 0 || found.isPartCopied) return [...found.buffers];
  throw new ShoalError("VALUE_INVALID", `${at} holds nothing that can be moved`, {
    hint: "Move an ArrayBuffer, a typed array, or an object that holds some; everything else is copied.",
  });
}

/** VALUE_INVALID if `buffer` is none, or its memory is not here any more. */
export function requirePresent(buffer: unknown, at: string): void {
  if (!(buffer instanceof ArrayBuffer)) {
    const received =
      buffer === null ? "null" : typeof buffer === "object" ? buffer.constructor.name : typeof buffer;
    throw new ShoalError("VALUE_INVALID", `${at} must be an ArrayBuffer, received ${received}`);
  }
  if (!isDetached(buffer)) return;
  throw new ShoalError("VALUE_INVALID", `${at} holds memory that was moved before: it is empty now`, {
    hint: "What is moved can be used once; leave move() out to send copies.",
  });
}

interface Found {
  readonly buffers: Set<ArrayBuffer>;
  /** There is memory that cannot be moved, and is copied. */
  isPartCopied: boolean;
}

/**
 * Small Buffers lie in memory that Node shares out: it stays where it is. (Node 20 cannot be asked, and leaves it there by
 * itself.)
 */
const isNodes = (buffer: ArrayBuffer): boolean =>
  (threads as { isMarkedAsUntransferable?: (buffer: object) => boolean }).isMarkedAsUntransferable?.(
    buffer,
  ) ?? false;

const depthMax = 4;

function collect(value: unknown, found: Found, depth: number): void {
  if (typeof value !== "object" || value === null || depth > depthMax) return;
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!(buffer instanceof ArrayBuffer)) {
    if (buffer === value) for (const item of Object.values(value)) collect(item, found, depth + 1);
  } else if (isNodes(buffer)) found.isPartCopied = true;
  else found.buffers.add(buffer);
}
