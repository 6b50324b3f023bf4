// Lines of UTF-8 text into a file, collected and encoded some hundred KiB at a time. Shared by the sinks of text formats.

import type { SinkWriter, TaskHost } from "../contract.ts";
import { FileWriter } from "./file-writer.ts";

const flushChars = 256 * 1024;

/** `print` gives a record's line without its end, well-formed and without "\n"; or throws. */
export function lineWriter(file: string, host: TaskHost, print: (record: unknown) => string): SinkWriter {
  const writer = new FileWriter(file, host.meter);
  const { meter } = host;
  let text = "";
  const flush = (): void => {
    writer.write(Buffer.from(text, "utf8"));
    text = "";
  };
  return {
    push(record) {
      text += `${print(record)}\n`;
      meter.recordsOut++;
      if (text.length >= flushChars) flush();
    },
    finish() {
      flush();
      writer.finish();
      return Promise.resolve();
    },
    abort() {
      writer.abort();
      return Promise.resolve();
    },
  };
}
