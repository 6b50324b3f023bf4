// Parameters: what they can be, their types, and the check of values given by a program.

import { ShoalError } from "../errors.ts";
import { nearest } from "../base/near.ts";
import type { ParameterValue, Parameters } from "./job.ts";

export type ParameterType = "string" | "number" | "boolean" | "string[]" | "number[]";

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isString = (value: unknown): value is string => typeof value === "string";

export const isSimpleParameter = (value: unknown): value is ParameterValue =>
  isString(value) ||
  isNumber(value) ||
  typeof value === "boolean" ||
  (Array.isArray(value) && (value.every(isString) || value.every(isNumber)));

/** The type that a default gives its parameter. An empty array is one of strings. */
export function parameterType(value: ParameterValue): ParameterType {
  if (Array.isArray(value)) return value.length > 0 && value.every(isNumber) ? "number[]" : "string[]";
  return typeof value as "string" | "number" | "boolean";
}

const fits = (type: ParameterType, value: unknown): boolean => {
  if (type.endsWith("[]"))
    return Array.isArray(value) && value.every(type === "number[]" ? isNumber : isString);
  return type === "number" ? isNumber(value) : typeof value === type;
};

/** `given` over `defaults`. BAD_PARAMETER for a name that the job does not have, or a value of another type. */
export function fillParameters(defaults: Parameters, given: Readonly<Record<string, unknown>>): Parameters {
  const filled: Record<string, ParameterValue> = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(defaults, name)) {
      const near = nearest(name, Object.keys(defaults));
      throw new ShoalError(
        "BAD_PARAMETER",
        `the job has no parameter "${name}"` +
          (near === null
            ? `; it has ${Object.keys(defaults).join(", ") || "none"}`
            : `; did you mean "${near}"?`),
      );
    }
    const type = parameterType(defaults[name]!);
    // One string where several may be given is the list of it.
    const accepted = type === "string[]" && isString(value) ? [value] : value;
    if (!fits(type, accepted)) {
      throw new ShoalError(
        "BAD_PARAMETER",
        `parameter "${name}" must be a ${type}, received ${describe(value)}`,
      );
    }
    filled[name] = accepted as ParameterValue;
  }
  return filled;
}

const describe = (value: unknown): string =>
  isString(value)
    ? JSON.stringify(value)
    : Array.isArray(value)
      ? "an array"
      : value === null
        ? "null"
        : `${typeof value} ${String(value)}`;
