// The published output equals that of a sequential run, part by part; nothing is published of a job that did not succeed.

import { must, type Checker } from "./checker.ts";

/** `published`: null if nothing was. Both by part, as values that tell whether the bytes are the same. */
export const sequentialOutput = (
  published: () => readonly (string | number)[] | null,
  expected: () => readonly (string | number)[],
): Checker => ({
  name: "sequential-output",
  end({ outcome }) {
    const parts = published();
    if (outcome?.kind !== "succeeded") return;
    must(parts !== null, () => "the job succeeded, and there is no output");
    const due = expected();
    must(parts.length === due.length, () => `the output has ${parts.length} parts, not ${due.length}`);
    due.forEach((part, i) => must(parts[i] === part, () => `part ${i} is ${parts[i]}, not ${part}`));
  },
});
