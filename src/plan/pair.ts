// [key, value] records: what the operators "…ByKey" take.

import { ShoalError } from "../errors.ts";

/** `record` as a [key, value] pair; RECORD_INVALID names what it is instead. */
export function pairOf(record: unknown, operator: string): readonly [unknown, unknown] {
  if (Array.isArray(record) && record.length === 2) return record as unknown as readonly [unknown, unknown];
  const received = Array.isArray(record)
    ? `an array of ${record.length}`
    : record === null
      ? "null"
      : typeof record;
  throw new ShoalError(
    "RECORD_INVALID",
    `${operator}() expects records of the form [key, value], received ${received}`,
    { hint: "Make pairs first: .keyBy(fn) or .map((record) => [key, value])." },
  );
}
