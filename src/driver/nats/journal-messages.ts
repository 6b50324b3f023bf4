// The stream in which the journals of submitted jobs are, message by message.
//
// Not here: what the messages mean (journal-stream.ts).

import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { ClusterConnection } from "./connection.ts";
import { isConflict, isMissingStream } from "./nats-errors.ts";
import { asking, nextMessage, streamsOf } from "./streams.ts";

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
  const append = async (nc: NatsConnection): Promise<number | null> => {
    const told = headers();
    told.set("segment", segment);
    told.set("place", place);
    try {
      const options = { headers: told, msgID: id, expect: { lastSubjectSequence: last } };
      const subject = connection.subjects.journal(job);
      const asked = jetstream(nc, { ...asking, timeout: appendTimeoutMs });
      return (await asked.publish(subject, bytes, options)).seq;
    } catch (error) {
      if (isConflict(error)) return null;
      throw error;
    }
  };
  return await connection.use(`appending to the journal of ${job}`, append, true);
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

/** Messages that are asked for at once, as long as a job's are neighbours in the stream. */
const windowMax = 32;

/**
 * The messages of a job's journal, in order, from number `first` on. Several are asked for at once: of each number the
 * next that is the job's, so that nothing between two is missed, whoever else appends to the stream.
 */
export async function* readJournal(
  connection: ClusterConnection,
  job: string,
  first: number,
): AsyncGenerator<JournalMessage & { readonly seq: number }> {
  let window = 1;
  for (let from = first; ;) {
    const asked = Array.from({ length: window }, (_, n) => messageOf(connection, job, from + n));
    const before = from;
    for (const message of await Promise.all(asked)) {
      // What has been appended since then is behind the answers that lack it: it would not be in order.
      if (message === null) return;
      if (message.seq < from) continue;
      yield message;
      from = message.seq + 1;
    }
    window = from - before <= 2 * window ? Math.min(windowMax, window * 2) : 1;
  }
}

/** The job's next message from that number on; null: there is none yet. */
async function messageOf(
  connection: ClusterConnection,
  job: string,
  from: number,
): Promise<(JournalMessage & { readonly seq: number }) | null> {
  const { journals } = connection.subjects;
  const message = await connection.use(`reading the journal of ${job}`, async (nc) =>
    nextMessage(await streamsOf(nc), journals, connection.subjects.journal(job), from),
  );
  if (message === null) return null;
  const { seq, header, data } = message;
  const told = header as typeof header | undefined;
  return { seq, segment: told?.get("segment") ?? "", place: told?.get("place") ?? "", bytes: data };
}
