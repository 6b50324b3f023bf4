// What a remote function threw, on its way to the caller: class name, message, own properties, cause and stack.

import { fromErrorData, isShoalError, toErrorData, type ErrorData } from "../../errors.ts";
import type { Thrown } from "../../protocol/calls.ts";
import { requirePortable } from "../portable.ts";

const ownMembers = new Set(["name", "message", "stack", "cause"]);

/** Never throws, whatever it is given. */
export function toThrown(thrown: unknown): Thrown {
  const error = toErrorData(thrown);
  if (!(thrown instanceof Error)) return isPortable(thrown) ? { error, value: { value: thrown } } : { error };
  if (isShoalError(thrown) || error.properties === undefined) return { error };
  const properties: Record<string, unknown> = {};
  for (const key of Object.keys(error.properties)) {
    if (!ownMembers.has(key)) properties[key] = (thrown as unknown as Record<string, unknown>)[key];
  }
  return isPortable(properties) ? { error, properties } : { error };
}

function isPortable(value: unknown): boolean {
  try {
    requirePortable(value, "thrown");
    return true;
  } catch {
    return false;
  }
}

/** Whose instances a caller may look for by `instanceof`. */
const classes = new Map<string, ErrorConstructor>(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [
    type.name,
    type as unknown as ErrorConstructor,
  ]),
);

/**
 * The error as the caller gets it: of the same built-in class, or with the class's name; its stack is the remote one, in
 * the user's lines, then the caller's.
 */
export function fromThrown({ error, properties, value }: Thrown, callerStack: string | null): unknown {
  if (value !== undefined) return value.value;
  const made = remade(error);
  for (const [key, property] of Object.entries(properties ?? {})) {
    Object.defineProperty(made, key, {
      value: property,
      configurable: true,
      writable: true,
      enumerable: true,
    });
  }
  if (callerStack !== null) {
    made.stack = `${made.stack ?? String(made)}\n    at --- called from ---\n${callerStack}`;
  }
  return made;
}

function remade(data: ErrorData): Error {
  const made = fromErrorData(data);
  const type = data.code === undefined ? classes.get(data.name) : undefined;
  if (type === undefined) return made;
  Object.setPrototypeOf(made, type.prototype);
  delete (made as { name?: string }).name;
  return made;
}
