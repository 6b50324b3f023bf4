// Which values may leave a task: what node:v8 writes and reads back without a silent change. Everything else is
// refused with the path to the culprit, before it is written.
//
// Portable: primitives but symbols, plain objects, arrays, Map, Set, Date, RegExp, ArrayBuffer, typed arrays, DataView,
// Buffer, and errors of the language's own classes. Cycles and shared parts are kept.
// Not portable: functions, symbols, promises, proxies, instances of classes (their methods would be lost in silence).

import { ShoalError } from "../errors.ts";
import { isDetached } from "./detached.ts";
import { errorClasses, typedArrays } from "./native-types.ts";
import type { Json } from "../plan/nodes.ts";

type Kind = "object" | "array" | "map" | "set" | "leaf" | "error";

const kinds = new Map<unknown, Kind>([
  [Object.prototype, "object"],
  [null, "object"],
  [Array.prototype, "array"],
  [Map.prototype, "map"],
  [Set.prototype, "set"],
  ...[Date, RegExp, ArrayBuffer, DataView, Buffer, ...typedArrays].map((type): [unknown, Kind] => [
    type.prototype,
    "leaf",
  ]),
  ...[Error, ...errorClasses].map((type): [unknown, Kind] => [type.prototype, "error"]),
]);

/** What cannot travel, and the way to it from the value that was checked, innermost step first. */
interface Culprit {
  readonly what: string;
  readonly path: string[];
}

const depthMax = 500;

/**
 * Throws VALUE_INVALID when `value` is not portable. `at` is how the value is called in the message: "record",
 * "values" …; the path to the culprit is added to it: `record.user.save`.
 */
export function requirePortable(value: unknown, at: string): void {
  if (typeof value === "object" ? value === null : typeof value !== "function" && typeof value !== "symbol")
    return;
  const culprit = culpritIn(value, 0, null);
  if (culprit === null) return;
  throw invalid(culprit, at, "plain data can: no functions, symbols, promises or instances of classes");
}

function invalid(culprit: Culprit, at: string, expected: string): ShoalError {
  const path = at + culprit.path.reverse().join("");
  return new ShoalError("VALUE_INVALID", `${path}: ${culprit.what} cannot be stored or sent; ${expected}`, {
    details: { path, received: culprit.what },
  });
}

/** Null if `value` is portable. `seen` holds the objects on the way and beside it; made when first needed. */
function culpritIn(value: unknown, depth: number, seen: Set<object> | null): Culprit | null {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol"
      ? { what: nameOf(value), path: [] }
      : null;
  }
  const kind = kinds.get(Object.getPrototypeOf(value));
  if (kind === "leaf") return isDetached(value) ? { what: "memory that was moved away", path: [] } : null;
  if (kind === undefined) return { what: nameOf(value), path: [] };
  if (kind === "error") return culpritInError(value as Error, depth, seen);
  if (depth >= depthMax) return { what: `a value nested deeper than ${depthMax} levels`, path: [] };
  if (kind === "array") return culpritInArray(value as readonly unknown[], depth, seen);
  const known = seen ?? new Set<object>();
  if (known.has(value)) return null;
  known.add(value);
  if (kind === "object") return culpritInObject(value as Readonly<Record<string, unknown>>, depth, known);
  let n = 0;
  for (const item of value as Iterable<unknown>) {
    const found =
      kind === "set"
        ? culpritIn(item, depth + 1, known)
        : culpritInEntry(item as [unknown, unknown], depth, known);
    if (found !== null) {
      if (kind === "set") found.path.push(` (item ${n})`);
      return found;
    }
    n++;
  }
  return null;
}

/** The hot one: [key, value] of primitives, which needs no set of seen objects. */
function culpritInArray(items: readonly unknown[], depth: number, seen: Set<object> | null): Culprit | null {
  let known = seen;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item === "object") {
      if (item === null) continue;
      if (known === null || !known.has(items)) (known ??= new Set()).add(items);
      if (known.has(item)) continue;
    } else if (typeof item !== "function" && typeof item !== "symbol") {
      continue;
    }
    const found = culpritIn(item, depth + 1, known);
    if (found !== null) {
      found.path.push(`[${i}]`);
      return found;
    }
  }
  return null;
}

function culpritInObject(
  object: Readonly<Record<string, unknown>>,
  depth: number,
  seen: Set<object>,
): Culprit | null {
  for (const key of Object.keys(object)) {
    const found = culpritIn(object[key], depth + 1, seen);
    if (found !== null) {
      found.path.push(step(key));
      return found;
    }
  }
  const symbol = Object.getOwnPropertySymbols(object)[0];
  return symbol === undefined ? null : { what: `a property named by ${nameOf(symbol)}`, path: [] };
}

function culpritInEntry([key, value]: [unknown, unknown], depth: number, seen: Set<object>): Culprit | null {
  const inKey = culpritIn(key, depth + 1, seen);
  if (inKey !== null) {
    inKey.path.push(" (a key of the Map)");
    return inKey;
  }
  const inValue = culpritIn(value, depth + 1, seen);
  inValue?.path.push(`.get(${printKey(key)})`);
  return inValue;
}

/** Only name, message, stack and cause of an error travel, and only the language's own names. */
function culpritInError(error: Error, depth: number, seen: Set<object> | null): Culprit | null {
  for (const key of Object.keys(error)) {
    if (key !== "message" && key !== "stack") {
      return { what: `the property ${JSON.stringify(key)} of an Error`, path: [] };
    }
  }
  if (Object.hasOwn(error, "name"))
    return { what: `an Error renamed to ${JSON.stringify(String(error.name))}`, path: [] };
  if (depth >= depthMax) return { what: `a value nested deeper than ${depthMax} levels`, path: [] };
  const known = seen ?? new Set<object>();
  if (known.has(error)) return null;
  known.add(error);
  const found = culpritIn(error.cause, depth + 1, known);
  found?.path.push(".cause");
  return found;
}

/**
 * Throws VALUE_INVALID unless JSON carries `value` without a change: no undefined, NaN, infinities, −0, bigint,
 * Date, cycles, holes … For what becomes part of a plan.
 */
export function requireJson(value: unknown, at: string): asserts value is Json {
  const culprit = culpritForJson(value, new Set());
  if (culprit !== null) {
    throw invalid(
      culprit,
      at,
      "JSON data can: null, booleans, finite numbers, strings, arrays and plain objects",
    );
  }
}

function culpritForJson(value: unknown, above: Set<object>): Culprit | null {
  if (value === null || typeof value === "string" || typeof value === "boolean") return null;
  if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) return null;
  const kind = typeof value === "object" ? kinds.get(Object.getPrototypeOf(value)) : undefined;
  if (kind !== "object" && kind !== "array") return { what: nameOf(value), path: [] };
  const object = value as Readonly<Record<string, unknown>>;
  if (above.has(object)) return { what: "a reference to an object that holds it", path: [] };
  if (above.size >= depthMax) return { what: `a value nested deeper than ${depthMax} levels`, path: [] };
  above.add(object);
  const keys = Object.keys(object);
  if (kind === "array" && keys.length !== (value as readonly unknown[]).length) {
    return { what: "an array with holes or named properties", path: [] };
  }
  for (const key of keys) {
    const found = culpritForJson(object[key], above);
    if (found !== null) {
      found.path.push(kind === "array" ? `[${key}]` : step(key));
      return found;
    }
  }
  above.delete(object);
  const symbol = Object.getOwnPropertySymbols(object)[0];
  return symbol === undefined ? null : { what: `a property named by ${nameOf(symbol)}`, path: [] };
}

const step = (key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;

const printKey = (key: unknown): string =>
  typeof key === "string" ? JSON.stringify(key) : typeof key === "object" ? nameOf(key) : String(key);

/** For people: "function", "a Promise", "an instance of Account". */
function nameOf(value: unknown): string {
  switch (typeof value) {
    case "function":
      return "function";
    case "symbol":
      return String(value);
    case "bigint":
      return `bigint ${value}n`;
    case "undefined":
      return "undefined";
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "object":
      break;
    default:
      return typeof value;
  }
  if (value === null) return "null";
  const constructor: unknown = (value as { constructor?: unknown }).constructor;
  const name = typeof constructor === "function" ? constructor.name : "";
  if (name === "Promise") return "a Promise (was an await forgotten?)";
  return name === "" ? "an object with a prototype of its own" : `an instance of ${name}`;
}
