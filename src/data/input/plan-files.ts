// Looks at the files that a source reads, and cuts them. Shared by the sources that read files.

import type { Options } from "../../plan/nodes.ts";
import { inTurns } from "../../base/in-turns.ts";
import { newMeter, type SplitPlan, type SplitSettings } from "../contract.ts";
import { cutFiles, defaultSplitBytes, toSplit } from "./cut.ts";
import type { FileRef } from "./file.ts";
import { findInput } from "./find.ts";
import { isGzip } from "./gunzip.ts";
import { openInput } from "./open.ts";

/** `options.input` are the patterns. With `canCut`, files larger than a split are cut, unless they are gzip files. */
export async function planFiles(
  options: Options,
  settings: SplitSettings,
  canCut: boolean,
): Promise<SplitPlan> {
  const { files, roots } = await findInput(
    options["input"] as readonly string[],
    settings.directory,
    settings.mounts,
  );
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const splitBytes = settings.splitBytes ?? defaultSplitBytes(bytes);
  // the magic bytes of smaller files are seen when they are read: they are one split, gzip or not
  const large = canCut ? files.filter(({ size }) => size > splitBytes) : [];
  const whole = new Set<FileRef>();
  await inTurns(large, looksAtOnce, async (file) => void ((await looksLikeGzip(file)) && whole.add(file)));
  const splits = cutFiles(files, splitBytes, canCut ? (file) => !whole.has(file) : () => false);
  return {
    splits: splits.map((pieces) => toSplit(pieces, settings)),
    files: files.length,
    bytes,
    roots,
  };
}

const looksAtOnce = 16;

async function looksLikeGzip(ref: FileRef): Promise<boolean> {
  const file = openInput(ref, newMeter(), 3);
  try {
    const magic = new Uint8Array(3);
    return isGzip(magic, 0, await file.read(magic, 0, 3, 0));
  } finally {
    file.close();
  }
}
