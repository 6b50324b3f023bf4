import { Dataset } from "../../plan/dataset.ts";
import type { Source } from "../contract.ts";
import { piecesOf } from "../input/cut.ts";
import { FileReader, type FileReaderOptions } from "../input/file-reader.ts";
import {
  checkedInput,
  checkedOptions,
  defaultFileOptions,
  fileChecks,
  type FileOptions,
} from "../input/options.ts";
import { planFiles } from "../input/plan-files.ts";

const source: Source = {
  name: "files",
  split: (options, settings) => planFiles(options, settings, false),
  open: (split, options, host) =>
    new FileReader(piecesOf(split), options as unknown as FileReaderOptions, host),
};

/**
 * Whole text files: [name, contents]. The name is relative if the pattern was. `input`, gzip and encodings are as for
 * read.lines. A file larger than `recordBytesMax` (default 128 MiB) fails with RECORD_TOO_LARGE.
 *
 * @example
 * read.files("src").map(([name, contents]) => [name, contents.split("\n").length] as const).write.tsv("lengths");
 */
function read(
  input: string | readonly string[],
  options?: FileOptions,
): Dataset<[name: string, contents: string]> {
  return new Dataset({
    kind: "source",
    source: "files",
    options: {
      ...checkedOptions("read.files", options, { ...fileChecks }, defaultFileOptions),
      input: checkedInput("read.files", input),
    },
  });
}

export const files = { source, read };
