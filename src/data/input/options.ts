// The options of read.lines and read.files, checked when the plan is built, where the stack still shows the user's line.

import { constants } from "node:buffer";
import { nearest } from "../../base/near.ts";
import { formatBytes } from "../../base/units.ts";
import { ShoalError } from "../../errors.ts";
import type { Json, Options } from "../../plan/nodes.ts";

export interface FileOptions {
  /** Default "utf8", checked. "latin1" takes each byte for a character, byte order marks included. */
  readonly encoding?: "utf8" | "latin1";
  /** Longest record in bytes. Default 128 MiB. */
  readonly recordBytesMax?: number;
  /** Most bytes that a byte of a gzip file may become, looked at after 64 MiB of output. Default 250. */
  readonly expansionMax?: number;
}

export type Check = (value: unknown) => string | null;

/** A check for each option that there is: what was expected instead, or null. */
export const fileChecks: Readonly<Record<keyof FileOptions, Check>> = {
  encoding: (value) => (value === "utf8" || value === "latin1" ? null : '"utf8" or "latin1"'),
  recordBytesMax: (value) => integerFrom(1, constants.MAX_STRING_LENGTH)(value),
  expansionMax: (value) => (Number.isFinite(value) && (value as number) >= 1 ? null : "a number from 1 on"),
};

export const defaultFileOptions = {
  encoding: "utf8",
  recordBytesMax: 128 * 2 ** 20,
  expansionMax: 250,
} as const;

export const integerFrom =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `an integer from ${min} to ${max > 2 ** 20 ? formatBytes(max) : max}`;

/** Options as the plan carries them: the user's over the defaults. PLAN_INVALID names what is wrong. */
export function checkedOptions(
  call: string,
  options: unknown,
  checks: Readonly<Record<string, Check>>,
  defaults: Options,
): { [key: string]: Json } {
  if (options === undefined) return { ...defaults };
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ShoalError(
      "PLAN_INVALID",
      `${call}() expects its options as an object, received ${show(options)}`,
    );
  }
  const result: { [key: string]: Json } = { ...defaults };
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) {
      const near = nearest(key, Object.keys(checks));
      throw new ShoalError("PLAN_INVALID", `${call}() has no option ${JSON.stringify(key)}`, {
        hint: near === null ? `Its options are ${Object.keys(checks).join(", ")}.` : `Did you mean ${near}?`,
      });
    }
    const expected = check(value);
    if (expected !== null) {
      throw new ShoalError(
        "PLAN_INVALID",
        `${call}() expects ${key} to be ${expected}, received ${show(value)}`,
      );
    }
    result[key] = value as Json;
  }
  return result;
}

/** The patterns of `input`, one or several. Whether they match is seen later, when the input is cut. */
export function checkedInput(call: string, input: unknown): string[] {
  const patterns = typeof input === "string" ? [input] : input;
  if (Array.isArray(patterns) && patterns.every((pattern) => typeof pattern === "string"))
    return [...patterns];
  const culprit: unknown = Array.isArray(patterns)
    ? patterns.find((pattern) => typeof pattern !== "string")
    : input;
  const isUrl = culprit instanceof URL ? "; pass its href" : "";
  throw new ShoalError(
    "PLAN_INVALID",
    `${call}() expects a path or pattern, or an array of them, received ${show(culprit)}${isUrl}`,
  );
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null)
    return typeof value === "function" ? "a function" : String(value);
  return Array.isArray(value) ? "an array" : "an object";
}
