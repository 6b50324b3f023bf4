// Checks of options, which say what was received and what was expected: BAD_OPTION.

import { ShoalError } from "../errors.ts";

export function check(isRight: boolean, name: string, received: unknown, expected: string): void {
  if (isRight) return;
  const printed = typeof received === "string" ? JSON.stringify(received) : String(received);
  throw new ShoalError("BAD_OPTION", `${name} must be ${expected}, received ${printed}`);
}

export const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

/** An integer of that range; undefined is right: the option has a default. */
export function checkWhole(name: string, value: unknown, min: number, max: number): void {
  check(value === undefined || isWhole(value, min, max), name, value, `an integer from ${min} to ${max}`);
}
