// Which workers are there, as they say themselves: each makes a key of the bucket when it comes, and deletes it when it
// goes. By these who asks all workers knows for whose answer to wait (held.ts), and when nobody else is going to answer.
//
// A hint, and nothing else is decided by it: one that was killed has its key until somebody notices (its job's
// coordinator, the next worker in its place, or who asked in vain twice), and is waited for like one that is slow.

import type { NatsConnection } from "@nats-io/transport-node";
import type { WorkerId } from "../../base/ids.ts";
import type { ClusterConnection } from "./connection.ts";
import { forgetKey } from "./stored.ts";
import { within } from "./within.ts";

const prefix = "here.";

/** Settles when it is known, so that whoever asks from then on waits for this worker. Rejects as setKey does. */
export async function sayPresent(connection: ClusterConnection, worker: WorkerId): Promise<void> {
  await connection.setKey(prefix + worker, "", null);
}

/** It is gone, and will not be heard of again. Never rejects: whoever asks in vain says it again. */
export async function sayGone(connection: ClusterConnection, worker: string): Promise<void> {
  const { bucket } = connection.subjects;
  const act = (nc: NatsConnection): Promise<void> => forgetKey(nc, bucket, prefix + worker);
  await connection.use(`forgetting ${worker}`, act).catch(() => {});
}

/** Ids of workers; null: not known within that time, or none has said anything. */
export async function presentWorkers(connection: ClusterConnection, ms: number): Promise<Set<string> | null> {
  const keys = await within(ms, connection.keysOf(prefix)).catch(() => undefined);
  if (keys === undefined || keys.length === 0) return null;
  return new Set(keys.map((key) => key.slice(prefix.length)));
}
