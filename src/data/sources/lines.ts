// read.lines(input): the lines of text files.

import { Dataset } from "../../plan/dataset.ts";
import type { Source } from "../contract.ts";
import { piecesOf } from "../input/cut.ts";
import { LineReader, type LineReaderOptions } from "../input/line-reader.ts";
import {
  checkedInput,
  checkedOptions,
  defaultFileOptions,
  fileChecks,
  type FileOptions,
} from "../input/options.ts";
import { planFiles } from "../input/plan-files.ts";

export interface LinesOptions extends FileOptions {
  /** A line that is not valid UTF-8: "error" (default) ends the job and names it, "skip" leaves it out and counts it. */
  readonly invalid?: "error" | "skip";
  /** Records are [file, line]. Default false. */
  readonly withFile?: boolean;
}

const source: Source = {
  name: "lines",
  split: (options, settings) => planFiles(options, settings, true),
  open: (split, options, host) =>
    new LineReader(piecesOf(split), options as unknown as LineReaderOptions, host),
};

const checks = {
  ...fileChecks,
  invalid: (value: unknown) => (value === "error" || value === "skip" ? null : '"error" or "skip"'),
  withFile: (value: unknown) => (typeof value === "boolean" ? null : "true or false"),
};

/**
 * The lines of text files, without their ends ("\n" or "\r\n"). `input` is a path, a directory (read with all below
 * it, but for names that begin with "." or "_"), a pattern (`books/*.txt`, `{a,b}.log`), or several of these, read in the
 * order given; each file once. gzip files are told by their content. UTF-8 is checked; a byte order mark is dropped.
 *
 * Fails with INPUT_NOT_FOUND, INPUT_NOT_A_FILE, INPUT_UNREADABLE, INPUT_CHANGED, INPUT_ENCODING, INPUT_CORRUPT,
 * RECORD_TOO_LARGE.
 *
 * @example
 * read.lines("books/*.txt").filter((line) => line.includes("whale")).count();
 */
function read(
  input: string | readonly string[],
  options: LinesOptions & { readonly withFile: true },
): Dataset<[file: string, line: string]>;
function read(input: string | readonly string[], options?: LinesOptions): Dataset<string>;
function read(input: string | readonly string[], options?: LinesOptions): Dataset<unknown> {
  return new Dataset({
    kind: "source",
    source: "lines",
    options: {
      ...checkedOptions("read.lines", options, checks, {
        ...defaultFileOptions,
        invalid: "error",
        withFile: false,
      }),
      input: checkedInput("read.lines", input),
    },
  });
}

export const lines = { source, read };
