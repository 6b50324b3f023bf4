// Reading a journal that may be written at the same time: never changes it. A torn tail is where it ends.

import type { JournalRecord } from "../../protocol/journal.ts";
import { readSegments, recordOf } from "./segments.ts";

/**
 * The records of the journal in `directory` (JobEntry.journal), oldest first. For those of a live job: all that were
 * written when they were read. JOURNAL_DAMAGED with file and offset, STATE_NEWER; nothing for a directory that is not there.
 */
export async function* readJournal(directory: string): AsyncGenerator<JournalRecord> {
  for await (const payloads of readSegments(directory))
    for (const payload of payloads) yield recordOf(payload);
}
