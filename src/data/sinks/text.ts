// dataset.write.text(output): one record a line.

import { ShoalError } from "../../errors.ts";
import { Sink } from "../../plan/dataset.ts";
import { lineWriter } from "../output/line-writer.ts";
import { outputOf } from "../output/options.ts";
import { printNumber, requireWellFormed } from "../output/print.ts";
import type { SinkFile } from "../sinks.ts";

declare module "../../plan/dataset.ts" {
  interface Writers<T> {
    /**
     * One record a line, in files `part-NNNNN` of the directory `output`. Records are strings without line ends, or
     * numbers, bigints, booleans. RECORD_INVALID, VALUE_INVALID (lone surrogates), OUTPUT_NOT_EMPTY, OUTPUT_INVALID.
     */
    text(output: string): Sink<void>;
  }
}

export const text: SinkFile = {
  on: "write",
  method: (node, output) =>
    new Sink({
      kind: "sink",
      parent: node,
      sink: "text",
      options: { output: outputOf("write.text", output) },
    }),
  sink: {
    name: "text",
    target: "directory",
    open: (file, _options, host) => lineWriter(file, host, print),
  },
};

const special = /[\n\r\ud800-\udfff]/;

function print(record: unknown): string {
  if (typeof record === "string") return special.test(record) ? checked(record) : record;
  if (typeof record === "number") return printNumber(record);
  if (typeof record === "bigint" || typeof record === "boolean") return String(record);
  const received =
    record === null
      ? "null"
      : Array.isArray(record)
        ? "an array"
        : typeof record === "object"
          ? "an object"
          : typeof record;
  throw new ShoalError("RECORD_INVALID", `write.text() expects strings, received ${received}`, {
    hint: "Make strings of them with .map(), or use write.tsv.",
  });
}

function checked(record: string): string {
  const end = record.search(/[\n\r]/);
  if (end !== -1) {
    const which = record[end] === "\n" ? "\\n" : "\\r";
    throw new ShoalError(
      "RECORD_INVALID",
      `write.text() expects records without line ends, received one with "${which}" at index ${end}`,
      { hint: 'Use write.tsv, which escapes them, or .flatMap((record) => record.split("\\n")).' },
    );
  }
  requireWellFormed(record, "record");
  return record;
}
