// The key of a command: the same command finds what it did before. A changed program or changed input must find it too,
// to see that they have changed; so must changed parameters of a job that writes files, since there is one output
// directory and one job at work on it. A job that gives a value has nothing else to tell one from the other.

import { createHash } from "node:crypto";
import path from "node:path";
import type { ParameterValue } from "../plan/job.ts";
import type { JobDescription } from "../protocol/run.ts";

export interface KeyOf {
  readonly description: JobDescription;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** The output directory, absolute, or null. */
  readonly output: string | null;
  /** Paths are taken relative to this, so that a project can be moved with its state. */
  readonly directory: string;
}

/** "wordcount-1a2b3c4d5e". */
export function jobKey({ description, parameters, output, directory }: KeyOf): string {
  const file = path.relative(directory, description.file);
  const what = output === null ? ["value", parameters] : ["output", path.relative(directory, output)];
  const hash = createHash("sha256")
    .update(JSON.stringify([file, description.name, ...what]))
    .digest("hex")
    .slice(0, 10);
  const name = description.name.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 40);
  return `${name}-${hash}`;
}
