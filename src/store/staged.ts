// What one attempt writes for an output, on its way to where it is staged: a directory's files are written there; those of
// a store are written here, and sent when they are whole.

import { rmSync } from "node:fs";
import type { AttemptId } from "../base/ids.ts";
import type { Place } from "../protocol/place.ts";
import { stagedPart } from "./output-paths.ts";
import { stagedKey } from "./objects/names.ts";
import { resultFile } from "./scratch.ts";

export interface StagedFile {
  /** Where it is written. */
  readonly file: string;
  /** To be called when it is written. STORE_FAILED, STORE_REFUSED. */
  send(signal: AbortSignal): Promise<void>;
}

export function stagedFile(staging: Place, scratch: string, attempt: AttemptId, part: number): StagedFile {
  if (staging.kind === "file") {
    return { file: stagedPart(staging.path, attempt, part), send: () => Promise.resolve() };
  }
  const file = resultFile(scratch, attempt);
  return {
    file,
    send: async (signal) => {
      const { storeOf } = await import("./objects/stores.ts");
      await storeOf(staging).upload(stagedKey(staging.key, attempt, part), file, signal);
      rmSync(file, { force: true });
    },
  };
}
