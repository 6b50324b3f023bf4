import { readFile } from "node:fs/promises";
import { ShoalError } from "../../errors.ts";
import { Sink } from "../../plan/dataset.ts";
import type { SinkWriter, TaskHost } from "../contract.ts";
import { FileWriter } from "../output/file-writer.ts";
import type { SinkFile } from "../sinks.ts";

declare module "../../plan/dataset.ts" {
  interface Dataset<T> {
    /** How many records there are. */
    count(): Sink<number>;
  }
}

/** Each task hands over the number of its records, as text. */
export const count: SinkFile = {
  on: "dataset",
  method: (node) => new Sink({ kind: "sink", parent: node, sink: "count", options: {} }),
  sink: {
    name: "count",
    target: "value",
    open: (file, _options, host) => countWriter(file, host),
    async result(files) {
      let total = 0;
      for (const file of files) {
        const text = await readFile(file, "latin1");
        if (!/^\d+\n$/.test(text))
          throw new ShoalError("OUTPUT_FAILED", `the result file ${file} is damaged`);
        total += Number(text);
      }
      return total;
    },
  },
};

function countWriter(file: string, host: TaskHost): SinkWriter {
  const writer = new FileWriter(file, host.meter);
  let records = 0;
  return {
    push() {
      records++;
      host.meter.recordsOut++;
    },
    finish() {
      writer.write(Buffer.from(`${records}\n`));
      writer.finish();
      return Promise.resolve();
    },
    abort() {
      writer.abort();
      return Promise.resolve();
    },
  };
}
