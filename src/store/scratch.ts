// The names of files that attempts write in a run's directory (job-directory.ts). Pure: the client and every slot build
// the same paths from plain data.

import { join } from "node:path";

/** The file that the attempt writes blocks into. */
export const blockFile = (scratch: string, attempt: string): string => join(scratch, "blocks", attempt);

/** The file in which an attempt hands records to the client. */
export const resultFile = (scratch: string, attempt: string): string => join(scratch, "results", attempt);
