// Values that are moved to the other side, not copied: move(x) where it is sent, gone there from then on.

import { ShoalError } from "../../errors.ts";

const brand: unique symbol = Symbol.for("shoal.moved") as never;

/** A value on its way: its buffers change hands. Made by `move`. */
export interface Moved<T> {
  readonly [brand]: true;
  readonly value: T;
}

/**
 * Marks an argument, or the result of a remote function, as moved: its memory is handed over instead of copied, and is
 * empty here afterwards. For an ArrayBuffer, a typed array, a DataView, a MessagePort, or an object or array of them.
 *
 * Errors: VALUE_INVALID if there is nothing in it that can be moved.
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

/** What changes hands with `value`. `at` is how it is called in the message. */
export function transferables(value: unknown, at: string): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  collect(value, found, 0);
  if (found.size > 0) return [...found];
  throw new ShoalError("VALUE_INVALID", `${at} holds nothing that can be moved`, {
    hint: "Move an ArrayBuffer, a typed array, or an object that holds some; everything else is copied.",
  });
}

const depthMax = 4;

function collect(value: unknown, found: Set<ArrayBuffer>, depth: number): void {
  if (typeof value !== "object" || value === null || depth > depthMax) return;
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (value instanceof ArrayBuffer) found.add(value);
  // Ports are transferred as buffers are.
  else if (isPort(value)) found.add(value as unknown as ArrayBuffer);
  else for (const item of Object.values(value)) collect(item, found, depth + 1);
}

const isPort = (value: object): boolean => typeof MessagePort !== "undefined" && value instanceof MessagePort;
