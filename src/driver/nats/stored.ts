// What is kept in buckets and object stores, read and deleted message by message, each asked of its stream. The client's own
// ways make a consumer for it, which lives on one server and is lost with it, and whose first message may be.
//
// Not here: what is tried again (connection.ts), the names (subjects.ts).

import type { ObjectStore } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { createHash } from "node:crypto";
import { textOf } from "./nats-errors.ts";
import { streamsOf } from "./streams.ts";

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
    const wanted = { seq: from, next_by_subj: `$O.${store}.C.${info.nuid}` };
    const message = await streams.getMessage(`OBJ_${store}`, wanted as never).catch((error: unknown) => {
      if (/not found|no message found|404/i.test(textOf(error))) return null;
      throw error;
    });
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
  for (const { name } of await objectsIn(nc, store)) {
    const info = await objects.info(name);
    if (info !== null && !info.deleted) found.push({ name, changedAt: Date.parse(info.mtime) });
  }
  return found;
}

/** Those whose names begin so. */
export async function deleteObjects(
  nc: NatsConnection,
  store: string,
  objects: ObjectStore,
  prefix: string,
): Promise<void> {
  for (const { name } of await objectsIn(nc, store)) {
    if (name.startsWith(prefix)) await deleteObject(nc, store, objects, name);
  }
}

/** Nothing of it stays, where the client would leave a note that there was an object of that name. */
export async function deleteObject(
  nc: NatsConnection,
  store: string,
  objects: ObjectStore,
  name: string,
): Promise<void> {
  const stream = `OBJ_${store}`;
  const streams = await streamsOf(nc);
  const info = await objects.info(name);
  if (info === null) return;
  await streams.purge(stream, { filter: `$O.${store}.C.${info.nuid}` });
  const coded = Buffer.from(name).toString("base64url");
  await streams.purge(stream, {
    filter: `$O.${store}.M.${coded.padEnd(Math.ceil(coded.length / 4) * 4, "=")}`,
  });
}

async function objectsIn(nc: NatsConnection, store: string): Promise<{ readonly name: string }[]> {
  const before = `$O.${store}.M.`;
  return (await subjectsIn(nc, `OBJ_${store}`, `${before}>`)).map((subject) => ({
    name: Buffer.from(subject.slice(before.length), "base64url").toString("utf8"),
  }));
}

async function subjectsIn(nc: NatsConnection, stream: string, filter: string): Promise<string[]> {
  const streams = await streamsOf(nc);
  const { state } = await streams.info(stream, { subjects_filter: filter });
  return Object.keys(state.subjects ?? {});
}
