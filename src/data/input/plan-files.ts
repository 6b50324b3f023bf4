// Looks at the files that a source reads, and cuts them. Shared by the sources that read files.

import type { Options } from "../../plan/nodes.ts";
import { newMeter, type SplitPlan, type SplitSettings } from "../contract.ts";
import { cutFiles, defaultSplitBytes, toSplit } from "./cut.ts";
import { InputFile, type FileRef } from "./file.ts";
import { findInput } from "./find.ts";
import { isGzip } from "./gunzip.ts";

/** `options.input` are the patterns. With `canCut`, files larger than a split are cut, unless they are gzip files. */
export async function planFiles(
  options: Options,
  settings: SplitSettings,
  canCut: boolean,
): Promise<SplitPlan> {
  const { files, roots } = await findInput(options["input"] as readonly string[], settings.directory);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const splitBytes = settings.splitBytes ?? defaultSplitBytes(bytes);
  // the magic bytes of smaller files are seen when they are read: they are one split, gzip or not
  const splits = cutFiles(files, splitBytes, canCut ? (file) => !looksLikeGzip(file) : () => false);
  return {
    splits: splits.map((pieces) => toSplit(pieces, settings.directory)),
    files: files.length,
    bytes,
    roots,
  };
}

function looksLikeGzip(ref: FileRef): boolean {
  const file = InputFile.open(ref, newMeter());
  try {
    const magic = new Uint8Array(3);
    return isGzip(magic, 0, file.read(magic, 0, 3, 0));
  } finally {
    file.close();
  }
}
