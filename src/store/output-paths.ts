// The names of everything that an output directory's life involves. Pure: the client and every slot build the same
// paths from plain data.
//
//   <parent>/<name>/                              the output: part-00000 … and the marker .shoal.json
//   <parent>/.<name>.shoal-<run>/                 staging, beside it: on the same file system, so that rename is enough
//     owner.json                                  which process it belongs to
//     attempts/<attempt>/part-00000               what one attempt writes, where only it can
//     new/                                        the output to be, assembled from the winners
//     old/                                        what was in its place, from the swap until it is deleted

import { join } from "node:path";

export const markerFile = ".shoal.json";
export const ownerFile = "owner.json";
export const markerFormat = 1;

/** "part-00007". */
export const partName = (index: number): string => `part-${String(index).padStart(5, "0")}`;

/** The file in which `attempt` writes part `index`. Its folder is made by whoever writes it. */
export const stagedPart = (staging: string, attempt: string, index: number): string =>
  join(attemptDirectory(staging, attempt), partName(index));

export const attemptDirectory = (staging: string, attempt: string): string =>
  join(staging, "attempts", attempt);

export const newDirectory = (staging: string): string => join(staging, "new");
export const oldDirectory = (staging: string): string => join(staging, "old");

export const stagingPrefix = (name: string): string => `.${name}.shoal-`;
