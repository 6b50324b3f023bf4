// A connection to the cluster's NATS server: messages, the bucket, the object stores, and how all of that is tried again.
//
// Not here: what the messages mean. Owner of: the client, whether NATS is away.

import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm, type Bucket, type KV } from "@nats-io/kv";
import { Objm, type ObjectInfo, type ObjectStore } from "@nats-io/obj";
import { connect, PermissionViolationError, type NatsConnection } from "@nats-io/transport-node";
import { setTimeout as wait } from "node:timers/promises";
import { ShoalError } from "../../errors.ts";
import { inboxOf } from "./roles.ts";
import { parseClusterUrl, redacted, Subjects } from "./subjects.ts";

/** What must be the same on both sides of every wire. A worker of another one takes no part. */
export const protocolVersion = 1;

const connectTimeoutMs = 3000;
/** JetStream may be without a leader for a while: what it is asked is asked again for so long. */
const patienceMs = 30_000;
const listingMs = 3000;
const freshMs = 86_400_000;
const closingMs = 2000;

export type Message = Readonly<Record<string, unknown>>;

export class ClusterConnection {
  readonly url: string;
  readonly subjects: Subjects;
  private readonly nc: NatsConnection;
  private readonly stores = new Map<string, Promise<ObjectStore>>();
  private bucket: Promise<KV> | null = null;
  private awaySince: number | null = null;
  /** What the server did not allow last. */
  private denied: { readonly at: number; readonly what: string } | null = null;
  /** Told when NATS goes away or comes back. */
  onAway: (isAway: boolean) => void = () => {};

  /** `isPatient`: waits for a server that is not there yet. Errors: BAD_OPTION, CLUSTER_UNREACHABLE, CLUSTER_REFUSED. */
  static async open(url: string, name: string, isPatient = false): Promise<ClusterConnection> {
    const address = parseClusterUrl(url);
    const subjects = new Subjects(address.cluster);
    const options = {
      servers: [...address.servers],
      name,
      timeout: connectTimeoutMs,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      pingInterval: 5000,
      waitOnFirstConnect: isPatient,
      // Answers come to subjects that only this role may listen to (roles.ts).
      ...(address.user === null
        ? {}
        : { user: address.user, pass: address.password ?? "", inboxPrefix: inboxOf(address.user) }),
      ...(address.tls ? { tls: {} } : {}),
    };
    let nc: NatsConnection;
    try {
      nc = await connect(options);
    } catch (error) {
      throw unreachable(url, error);
    }
    const connection = new ClusterConnection(url, subjects, nc);
    try {
      await (await jetstreamManager(nc)).getAccountInfo();
    } catch (error) {
      if (!isPatient && /JetStream.*not enabled/i.test(String(error)) && !isRetryable(error)) {
        await nc.close();
        throw unreachable(url, error);
      }
    }
    return connection;
  }

  private constructor(url: string, subjects: Subjects, nc: NatsConnection) {
    this.url = url;
    this.subjects = subjects;
    this.nc = nc;
    void this.watch();
  }

  /** Milliseconds since NATS went away; null: it is there. */
  get awayMs(): number | null {
    return this.awaySince === null ? null : performance.now() - this.awaySince;
  }

  /** Largest message, in bytes. */
  get payloadMax(): number {
    return this.nc.info?.max_payload ?? 1 << 20;
  }

  publish(subject: string, bytes: Uint8Array | string): void {
    // While NATS is away messages are held back by the client; the sessions say again what gets lost all the same.
    if (!this.nc.isClosed()) this.nc.publish(subject, bytes);
  }

  /** Returns how to end it. */
  subscribe(subject: string, take: (bytes: Uint8Array, subject: string, reply: Reply) => void): () => void {
    const subscription = this.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) take(message.data, message.subject, (answer) => void message.respond(answer));
      },
    });
    return () => subscription.unsubscribe();
  }

  /** One answer. Rejects with CLUSTER_FAILED if none comes in time. */
  async request(subject: string, bytes: string, timeoutMs: number): Promise<Uint8Array> {
    try {
      return (await this.nc.request(subject, bytes, { timeout: timeoutMs })).data;
    } catch (error) {
      throw new ShoalError("CLUSTER_FAILED", `no answer on ${subject} within ${timeoutMs} ms`, {
        cause: error,
      });
    }
  }

  /** All answers that come within that time, or with a pause of `stallMs` between two. */
  async requestAll(
    subject: string,
    bytes: string,
    maxWaitMs: number,
    stallMs: number,
  ): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = [];
    const replies = await this.nc.requestMany(subject, bytes, {
      strategy: "stall",
      maxWait: maxWaitMs,
      stall: stallMs,
    } as never);
    try {
      for await (const message of replies) answers.push(message.data);
    } catch {
      // nobody listens: no answers
    }
    return answers;
  }

  /** A number that no other caller of this cluster gets, ever: by compare-and-set. */
  async nextNumber(key: string): Promise<number> {
    for (;;) {
      const found = await this.getKey(key);
      const next = Number(found?.text ?? 0) + 1;
      if ((await this.setKey(key, String(next), found?.revision ?? null)) !== null) return next;
    }
  }

  /** Of a key of the bucket; null: there is none. */
  async getKey(key: string): Promise<Keyed | null> {
    return await this.patiently(`reading ${key}`, async () => {
      const entry = await (await this.openBucket()).get(key);
      return entry === null || entry.operation !== "PUT"
        ? null
        : { text: entry.string(), revision: entry.revision };
    });
  }

  /** By compare-and-set: `revision` null makes the key. Null: somebody else was first; else its new revision. */
  async setKey(key: string, text: string, revision: number | null): Promise<number | null> {
    return await this.patiently(`writing ${key}`, async () => {
      const bucket = await this.openBucket();
      try {
        return await (revision === null ? bucket.create(key, text) : bucket.update(key, text, revision));
      } catch (error) {
        if (isConflict(error)) return null;
        throw error;
      }
    });
  }

  async deleteKey(key: string): Promise<void> {
    await this.patiently(`deleting ${key}`, async () => (await this.openBucket()).purge(key));
  }

  /** Tells of each key of that pattern, now and whenever it changes; null: it is gone. Returns how to end it. */
  async watchKeys(pattern: string, tell: (key: string, text: string | null) => void): Promise<() => void> {
    const changes = await this.patiently(`watching ${pattern}`, async () =>
      (await this.openBucket()).watch({ key: pattern }),
    );
    void (async () => {
      for await (const entry of changes) tell(entry.key, entry.operation === "PUT" ? entry.string() : null);
    })();
    return () => changes.stop();
  }

  /** Names of the keys of the bucket that begin so. */
  async keysOf(prefix: string): Promise<string[]> {
    return await this.patiently(`listing ${prefix}`, async () => {
      const bucket = await this.openBucket();
      const list = async (): Promise<string[]> => {
        const found: string[] = [];
        for await (const key of await bucket.keys(`${prefix}>`)) found.push(key);
        return found;
      };
      // The client reads keys by a consumer of its own, and waits for ever where its first message was lost.
      const names = await within(listingMs, list());
      if (names === undefined) throw new Error(`timeout: no list within ${listingMs} ms`);
      return names;
    });
  }

  async putObject(store: string, name: string, bytes: Uint8Array): Promise<void> {
    await this.patiently(`putting ${name} into ${store}`, async () => {
      const objects = await this.openStore(store);
      const found = await objects.info(name);
      // What is put again after a day counts as new, so that it is not swept under whoever uses it.
      if (found?.size === bytes.length && Date.now() - Date.parse(found.mtime) < freshMs) return;
      await objects.putBlob({ name }, bytes);
    });
  }

  /** Null: there is none. */
  async getObject(store: string, name: string): Promise<Uint8Array | null> {
    return await this.patiently(`getting ${name} from ${store}`, async () =>
      (await this.openStore(store)).getBlob(name),
    );
  }

  async deleteObjects(store: string, prefix: string): Promise<void> {
    const objects = await this.openStore(store);
    for (const found of await objects.list())
      if (found.name.startsWith(prefix)) await this.drop(store, found);
  }

  async deleteObject(store: string, name: string): Promise<void> {
    await this.patiently(`deleting ${name} of ${store}`, async () => {
      const found = await (await this.openStore(store)).info(name);
      if (found !== null) await this.drop(store, found);
    });
  }

  async listObjects(store: string): Promise<{ readonly name: string; readonly changedAt: number }[]> {
    const objects = await this.patiently(`listing ${store}`, async () =>
      (await this.openStore(store)).list(),
    );
    return objects.map(({ name, mtime }) => ({ name, changedAt: Date.parse(mtime) }));
  }

  /** Of keys that were deleted some time ago nothing is kept, not even that they were there. */
  async forgetDeletedKeys(): Promise<void> {
    await this.patiently("tidying the bucket", async () => {
      const bucket = (await this.openBucket()) as KV & Pick<Bucket, "purgeDeletes">;
      await within(listingMs, bucket.purgeDeletes());
    });
  }

  /** What was published has left, or NATS is away. */
  async flush(): Promise<void> {
    await within(closingMs, this.nc.flush());
  }

  /** A server that does not answer keeps nobody. */
  async close(): Promise<void> {
    await within(closingMs, this.nc.close());
  }

  /** What another file does with the client, tried again like everything here. */
  async use<T>(what: string, act: (nc: NatsConnection) => Promise<T>): Promise<T> {
    return await this.patiently(what, () => act(this.nc));
  }

  /** Does it again, with growing pauses, while what fails may succeed later. CLUSTER_FAILED, CLUSTER_REFUSED. */
  private async patiently<T>(what: string, act: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const until = began + patienceMs;
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
      try {
        return await act();
      } catch (error) {
        if (error instanceof ShoalError) throw error;
        if (this.denied !== null && this.denied.at >= began) {
          const message = `the NATS server does not allow this role ${this.denied.what} (${what})`;
          throw new ShoalError("CLUSTER_REFUSED", message, { cause: error });
        }
        if (this.nc.isClosed() || !isRetryable(error) || performance.now() > until) {
          throw new ShoalError("CLUSTER_FAILED", `${what} failed: ${textOf(error)}`, { cause: error });
        }
      }
      await wait(pauseMs, undefined, { ref: false });
    }
  }

  /** Whole, where the client would leave a note that there was an object of that name, for ever. */
  private async drop(store: string, { name, nuid }: ObjectInfo): Promise<void> {
    const { streams } = await jetstreamManager(this.nc, { checkAPI: false });
    const coded = Buffer.from(name).toString("base64url");
    const padded = coded.padEnd(Math.ceil(coded.length / 4) * 4, "=");
    for (const subject of [`M.${padded}`, `C.${nuid}`])
      await streams.purge(`OBJ_${store}`, { filter: `$O.${store}.${subject}` });
  }

  private async openBucket(): Promise<KV> {
    this.bucket ??= new Kvm(this.nc).create(this.subjects.bucket, { history: 1 });
    try {
      return await this.bucket;
    } catch (error) {
      this.bucket = null;
      throw error;
    }
  }

  private async openStore(name: string): Promise<ObjectStore> {
    const opening = this.stores.get(name) ?? new Objm(this.nc).create(name);
    this.stores.set(name, opening);
    try {
      return await opening;
    } catch (error) {
      this.stores.delete(name);
      throw error;
    }
  }

  private async watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") {
        this.awaySince ??= performance.now();
        this.onAway(true);
      } else if (status.type === "reconnect") {
        this.awaySince = null;
        this.onAway(false);
      } else if (status.type === "error" && status.error instanceof PermissionViolationError) {
        const { operation, subject } = status.error;
        this.denied = { at: performance.now(), what: `a ${operation} on ${subject}` };
      }
    }
  }
}

/** A value of the bucket, and the number of its last change. */
export interface Keyed {
  readonly text: string;
  readonly revision: number;
}

/** Undefined: not in time. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const inTime = new AbortController();
  const late = wait(ms, undefined, { signal: inTime.signal }).catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    inTime.abort();
  }
}

export type Reply = (answer: string) => void;

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Somebody else was first. */
export const isConflict = (error: unknown): boolean =>
  /wrong last sequence|key exists|10071/i.test(textOf(error)) ||
  (error as { code?: unknown } | null)?.code === 10071;

/** No leader at the moment, no answer in time, somebody else was first, the connection broke: it can succeed later. */
function isRetryable(error: unknown): boolean {
  const name = error instanceof Error ? error.name : "";
  const text = textOf(error);
  return (
    /Timeout|NoResponders|Disconnect|JetStreamNotEnabled|RequestError|ClosedConnection/i.test(name) ||
    /timeout|no responders|not available|temporarily|no leader|disconnect|not enabled|503|408/i.test(text)
  );
}

function unreachable(url: string, error: unknown): ShoalError {
  const text = textOf(error);
  const where = redacted(url);
  if (/authorization|permission|credential/i.test(text)) {
    return new ShoalError("CLUSTER_REFUSED", `the NATS server at ${where} refuses: ${text}`, {
      cause: error,
    });
  }
  if (/jetstream/i.test(text)) {
    return new ShoalError("CLUSTER_UNREACHABLE", `the NATS server at ${where} runs without JetStream`, {
      cause: error,
      hint: "Start it with -js, or jetstream {} in its configuration.",
    });
  }
  return new ShoalError("CLUSTER_UNREACHABLE", `no NATS server answers at ${where}: ${text}`, {
    cause: error,
  });
}
