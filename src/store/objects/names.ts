// The names of everything that an output in a store involves (outputs.ts). Pure.
//
//   <output>/part-00000 … .shoal.json               the output, as in a directory
//   <output>/.shoal-<run>/owner.json                whose staging it is
//   <output>/.shoal-<run>/<attempt>/part-00000      what one attempt has written
//   <output>/.shoal-commit.json                     a commit that is decided, and not yet carried out

import { markerFile, ownerFile, partName } from "../output-paths.ts";

export const commitName = ".shoal-commit.json";
export const stagingName = /^\.shoal-([^/]+)$/;

export const keyBelow = (directory: string, ...names: readonly string[]): string =>
  [directory, ...names].join("/");

export const stagingKey = (output: string, run: string): string => keyBelow(output, `.shoal-${run}`);
export const ownerKey = (staging: string): string => keyBelow(staging, ownerFile);
export const attemptKey = (staging: string, attempt: string): string => keyBelow(staging, attempt);
export const stagedKey = (staging: string, attempt: string, part: number): string =>
  keyBelow(staging, attempt, partName(part));
export const commitKey = (output: string): string => keyBelow(output, commitName);
export const markerKey = (output: string): string => keyBelow(output, markerFile);
export const partKey = (output: string, part: number): string => keyBelow(output, partName(part));
