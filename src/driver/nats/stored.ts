// What is kept in buckets and object stores, read and deleted message by message, each asked of its stream. The client's own
// ways make a consumer for it, which lives on one server and is lost with it, and whose first message may be.
//
// Not here: what is tried again (connection.ts), the names (subjects.ts).

import type { ObjectStore } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { createHash } from "node:crypto";
import { inTurns } from "../../base/in-turns.ts";
import { nextMessage, streamsOf, unlessGone } from "./streams.ts";

/** Keys of a bucket that begin so; some of them may be deleted. `prefix` ends with a dot. */
export async function keysIn(nc: NatsConnection, bucket: string, prefix: string): Promise<string[]> {
  const subjects = await subjectsIn(nc, `KV_${bucket}`, `$KV.${bucket}.${prefix}>`);
  return subjects.map((subject) => subject.slice(`$KV.${bucket}.`.length));
}

/** Nothing of it stays, so that keysIn does not find it; and whoever watches the bucket is not told. */
export async function forgetKey(nc: NatsConnection, bucket: string, key: string): Promise<void> {
  const streams = await streamsOf(nc);
  await streams.purge(`KV_${bucket}`, { filter: `$KV.${bucket}.${key}` });
}

/** Null: there is none. Throws if it is not there as a whole: it is being replaced, or copied to another server. */
export async function readObject(
  nc: NatsConnection,
  store: string,
  objects: ObjectStore,
  name: string,
): Promise<Uint8Array | null> {
  const info = await objects.info(name);
  if (info === null || info.deleted) return null;
  const streams = await streamsOf(nc);
  const chunks: Uint8Array[] = [];
  let from = 1;
  while (chunks.length < info.chunks) {
    const message = await nextMessage(streams, `OBJ_${store}`, chunksOf(store, info.nuid), from);
    if (message === null) throw new Error(`${name} is not available as a whole`);
    chunks.push(message.data);
    from = message.seq + 1;
  }
  const bytes = Buffer.concat(chunks);
  const digest = createHash("sha256").update(bytes).digest("base64url");
  if (info.digest.replace(/^SHA-256=/i, "").replace(/=+$/, "") !== digest) {
    throw new Error(`${name} is not what its digest says`);
  }
  return bytes;
}

/** Objects that are asked for at once: each takes several round trips. */
export const objectsAtOnce = 16;

export interface StoredObject {
  readonly name: string;
  /** Unix milliseconds. */
  readonly changedAt: number;
}

export async function listObjects(
  nc: NatsConnection,
  store: string,
  objects: ObjectStore,
): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  await inTurns(await objectsIn(nc, store), objectsAtOnce, async (name) => {
    const info = await objects.info(name);
    if (info !== null && !info.deleted) found.push({ name, changedAt: Date.parse(info.mtime) });
  });
  return found;
}

/** Those whose names begin so. */
export async function deleteObjects(nc: NatsConnection, store: string, prefix: string): Promise<void> {
  const names = (await objectsIn(nc, store)).filter((name) => name.startsWith(prefix));
  await inTurns(names, objectsAtOnce, (name) => deleteObject(nc, store, name));
}

const chunksOf = (store: string, nuid: string): string => `$O.${store}.C.${nuid}`;

/** Of so few chunks each is deleted for itself. */
const chunksOneByOne = 4;

/**
 * Nothing of it stays, where the client would leave a note that there was an object of that name. A purge looks at every
 * message of the store, so that thousands of small objects are deleted message by message.
 */
export async function deleteObject(nc: NatsConnection, store: string, name: string): Promise<void> {
  const stream = `OBJ_${store}`;
  const streams = await streamsOf(nc);
  const coded = Buffer.from(name).toString("base64url");
  const subject = `$O.${store}.M.${coded.padEnd(Math.ceil(coded.length / 4) * 4, "=")}`;
  const note = await unlessGone(streams.getMessage(stream, { last_by_subj: subject }));
  if (note === null) return;
  const { nuid, chunks } = note.json<{ readonly nuid: string; readonly chunks: number }>();
  if (chunks > chunksOneByOne) await streams.purge(stream, { filter: chunksOf(store, nuid) });
  else {
    for (let n = 0, from = 1; n < chunks; n++) {
      const chunk = await nextMessage(streams, stream, chunksOf(store, nuid), from);
      if (chunk === null) break;
      await unlessGone(streams.deleteMessage(stream, chunk.seq, false));
      from = chunk.seq + 1;
    }
  }
  await unlessGone(streams.deleteMessage(stream, note.seq, false));
}

async function objectsIn(nc: NatsConnection, store: string): Promise<string[]> {
  const before = `$O.${store}.M.`;
  return (await subjectsIn(nc, `OBJ_${store}`, `${before}>`)).map((subject) =>
    Buffer.from(subject.slice(before.length), "base64url").toString("utf8"),
  );
}

async function subjectsIn(nc: NatsConnection, stream: string, filter: string): Promise<string[]> {
  const streams = await streamsOf(nc);
  const { state } = await streams.info(stream, { subjects_filter: filter });
  return Object.keys(state.subjects ?? {});
}
