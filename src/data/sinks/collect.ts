import { Sink } from "../../plan/dataset.ts";
import { RecordFileWriter, readRecordFile } from "../output/record-file.ts";
import type { SinkFile } from "../sinks.ts";

declare module "../../plan/dataset.ts" {
  interface Dataset<T> {
    /**
     * All records as an array, in order of the tasks. They must fit in the client's memory, and be plain data: functions,
     * symbols, promises and instances of classes fail with VALUE_INVALID, which names the path to the culprit.
     */
    collect(): Sink<T[]>;
  }
}

export const collect: SinkFile = {
  on: "dataset",
  method: (node) => new Sink({ kind: "sink", parent: node, sink: "collect", options: {} }),
  sink: {
    name: "collect",
    target: "value",
    open: (file, _options, host) => new RecordFileWriter(file, host),
    async result(files) {
      const records: unknown[] = [];
      for (const file of files) await readRecordFile(file, (record) => void records.push(record));
      return records;
    },
  },
};
