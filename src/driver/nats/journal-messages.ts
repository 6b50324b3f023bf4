// The stream in which the journals of submitted jobs are, message by message.
//
// Not here: what the messages mean (journal-stream.ts).

import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import type { ClusterConnection } from "./connection.ts";
import { isConflict, isMissingStream, textOf } from "./nats-errors.ts";
import { asking, streamsOf } from "./streams.ts";

const appendTimeoutMs = 3000;

/** Bytes of a journal's segment: all that was written at once, or the piece of it that `place` tells, as "2/3". */
export interface JournalMessage {
  readonly segment: string;
  readonly place: string;
  readonly bytes: Uint8Array;
}

/** Makes the stream, if it is not there. */
export async function openJournals(connection: ClusterConnection): Promise<void> {
  const { subjects, replicas } = connection;
  const name = subjects.journals;
  await connection.makeStream(name, async (nc) => {
    const streams = await streamsOf(nc);
    await streams.add({ name, subjects: [subjects.journal("*")], num_replicas: replicas });
  });
}

/**
 * Appends to a job's journal, if its last message is `last`; `id` tells one that is tried again from another. Returns the
 * number of the message; null: somebody else has appended.
 */
export async function appendJournal(
  connection: ClusterConnection,
  job: string,
  last: number,
  { id, segment, place, bytes }: JournalMessage & { readonly id: string },
): Promise<number | null> {
  return await connection.use(`appending to the journal of ${job}`, async (nc) => {
    const told = headers();
    told.set("segment", segment);
    told.set("place", place);
    try {
      const options = { headers: told, msgID: id, expect: { lastSubjectSequence: last } };
      const subject = connection.subjects.journal(job);
      const { seq } = await jetstream(nc, { ...asking, timeout: appendTimeoutMs }).publish(
        subject,
        bytes,
        options,
      );
      return seq;
    } catch (error) {
      if (isConflict(error)) return null;
      throw error;
    }
  });
}

/** Deletes a job's journal. */
export async function purgeJournal(connection: ClusterConnection, job: string): Promise<void> {
  const { journals } = connection.subjects;
  await connection.use(`deleting the journal of ${job}`, async (nc) => {
    const streams = await streamsOf(nc);
    try {
      await streams.purge(journals, { filter: connection.subjects.journal(job) });
    } catch (error) {
      if (!isMissingStream(error)) throw error;
    }
  });
}

/** The messages of a job's journal, in order, from number `first` on. */
export async function* readJournal(
  connection: ClusterConnection,
  job: string,
  first: number,
): AsyncGenerator<JournalMessage & { readonly seq: number }> {
  const { journals } = connection.subjects;
  const subject = connection.subjects.journal(job);
  for (let from = first; ;) {
    const message = await connection.use(`reading the journal of ${job}`, async (nc) => {
      const streams = await streamsOf(nc);
      try {
        return await streams.getMessage(journals, { seq: from, next_by_subj: subject } as never);
      } catch (error) {
        if (/message not found|no message found/i.test(textOf(error))) return null;
        throw error;
      }
    });
    if (message === null) return;
    const { seq, header, data } = message;
    const told = header as typeof header | undefined;
    yield { seq, segment: told?.get("segment") ?? "", place: told?.get("place") ?? "", bytes: data };
    from = seq + 1;
  }
}
