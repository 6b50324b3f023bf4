import { ShoalError } from "../../errors.ts";
import { Sink } from "../../plan/dataset.ts";
import { lineWriter } from "../output/line-writer.ts";
import { outputOf } from "../output/options.ts";
import { printCell } from "../output/print.ts";
import type { SinkFile } from "../sinks.ts";

declare module "../../plan/dataset.ts" {
  interface Writers<T> {
    /**
     * One record a line, in files `part-NNNNN` of the directory `output`: the cells of an array, [key, value] or longer,
     * separated by tabs; anything else is one cell. Tab, line feed, carriage return and backslash are written `\t`, `\n`,
     * `\r`, `\\`; null and undefined `\N`; dates in ISO form; nested arrays and plain objects as JSON. RECORD_INVALID,
     * VALUE_INVALID (functions, instances of classes, lone surrogates …), OUTPUT_NOT_EMPTY, OUTPUT_INVALID.
     */
    tsv(output: string): Sink<void>;
  }
}

export const tsv: SinkFile = {
  on: "write",
  method: (node, output) =>
    new Sink({ kind: "sink", parent: node, sink: "tsv", options: { output: outputOf("write.tsv", output) } }),
  sink: {
    name: "tsv",
    target: "directory",
    open: (file, _options, host) => lineWriter(file, host, print),
  },
};

function print(record: unknown): string {
  if (!Array.isArray(record)) return printCell(record, "record");
  if (record.length === 0) {
    throw new ShoalError("RECORD_INVALID", "write.tsv() expects at least one cell, received an empty array");
  }
  let line = printCell(record[0], "record[0]");
  for (let i = 1; i < record.length; i++)
    line += `\t${printCell(record[i], i === 1 ? "record[1]" : `record[${i}]`)}`;
  return line;
}
