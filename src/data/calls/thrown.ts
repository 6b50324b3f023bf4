// What a remote function threw, on its way to the caller: class, name, message, own properties, cause and stack.

import { fromErrorData, isShoalError, toErrorData } from "../../errors.ts";
import type { Thrown } from "../../protocol/calls.ts";
import { errorClasses } from "../native-types.ts";
import { requirePortable } from "../portable.ts";

const ownMembers = new Set(["name", "message", "stack", "cause", "errors"]);
const causesMax = 8;
const errorsMax = 100;

/** Whose instances a caller may look for by `instanceof`. */
const classes: readonly { readonly prototype: Error }[] = [...errorClasses, AggregateError];
const prototypes = new Map(classes.map(({ prototype }) => [prototype.name, prototype]));

/** Never throws, whatever it is given. */
export function toThrown(thrown: unknown, depth = 0): Thrown {
  const { cause, ...error } = toErrorData(thrown);
  if (!(thrown instanceof Error)) return isPortable(thrown) ? { error, value: { value: thrown } } : { error };
  const type = classes.find(({ prototype }) => Object.prototype.isPrototypeOf.call(prototype, thrown));
  const properties = isShoalError(thrown) ? {} : ownOf(thrown, Object.keys(error.properties ?? {}));
  return {
    error,
    ...(type === undefined ? {} : { type: type.prototype.name }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(cause === undefined || depth >= causesMax
      ? {}
      : { cause: toThrown(read(thrown, "cause"), depth + 1) }),
    ...(thrown instanceof AggregateError && depth < causesMax ? { errors: errorsOf(thrown, depth) } : {}),
  };
}

function errorsOf(thrown: AggregateError, depth: number): Thrown[] {
  const errors = read(thrown, "errors");
  return Array.isArray(errors) ? errors.slice(0, errorsMax).map((one) => toThrown(one, depth + 1)) : [];
}

function ownOf(thrown: Error, keys: readonly string[]): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const key of keys) {
    const value = read(thrown, key);
    if (value !== undefined && !ownMembers.has(key) && isPortable(value)) properties[key] = value;
  }
  return properties;
}

function read(thrown: Error, key: string): unknown {
  try {
    return (thrown as unknown as Record<string, unknown>)[key];
  } catch {
    return undefined; // a getter that throws; toErrorData says so in the property's place
  }
}

function isPortable(value: unknown): boolean {
  try {
    requirePortable(value, "thrown");
    return true;
  } catch {
    return false;
  }
}

/**
 * The error as the caller gets it: of the same class of the language, with the name of its own class; its stack is the
 * remote one, in the user's lines, then the caller's.
 */
export function fromThrown(thrown: Thrown, callerStack: string | null): unknown {
  if (thrown.value !== undefined) return thrown.value.value;
  const made = remade(thrown);
  for (const [key, value] of Object.entries(thrown.properties ?? {})) define(made, key, value, true);
  if (thrown.cause !== undefined) define(made, "cause", fromThrown(thrown.cause, null), false);
  if (thrown.errors !== undefined)
    define(
      made,
      "errors",
      thrown.errors.map((one) => fromThrown(one, null)),
      false,
    );
  if (callerStack !== null) {
    made.stack = `${made.stack ?? String(made)}\n    at --- called from ---\n${callerStack}`;
  }
  return made;
}

function remade({ error, type }: Thrown): Error {
  const made = fromErrorData(error);
  const prototype = prototypes.get(type ?? "");
  if (prototype === undefined) return made;
  Object.setPrototypeOf(made, prototype);
  if (error.name === type) delete (made as { name?: string }).name;
  return made;
}

function define(made: Error, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(made, key, { value, configurable: true, writable: true, enumerable });
}
