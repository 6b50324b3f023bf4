// A connection to the cluster's NATS server: messages, the bucket, the object stores, and how all of that is tried again.
//
// Not here: what the messages mean. Owner of: the client, whether NATS is away.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm, type Bucket, type KV } from "@nats-io/kv";
import { Objm, type ObjectStore } from "@nats-io/obj";
import { PermissionViolationError, type NatsConnection } from "@nats-io/transport-node";
import { setTimeout as wait } from "node:timers/promises";
import { ShoalError } from "../../errors.ts";
import { parseClusterUrl, redacted, type ClusterAddress } from "./address.ts";
import { isConflict, isFull, isRetryable, toldOf, unreachable } from "./nats-errors.ts";
import { reach } from "./reach.ts";
import { deleteObject, deleteObjects, keysIn, listObjects, readObject, type StoredObject } from "./stored.ts";
import { asking, StreamMaker, streamsOf } from "./streams.ts";
import { Subjects } from "./subjects.ts";
import { within } from "./within.ts";

/** What must be the same on both sides of every wire. A worker of another one takes no part. */
export const protocolVersion = 1;

/** JetStream may be without a leader for a while: what it is asked is asked again for so long. */
const patienceMs = 30_000;
/** A store that is full stays so until somebody makes room: most of what is asked of it is not asked for as long. */
const fullPatienceMs = 2000;
/** A stream whose leader has just died, or is about to be chosen, does not answer at all. */
const keyMs = 1000;
/** Between two attempts: what is chosen meanwhile is found soon. */
const pauseMaxMs = 250;
const tidyMs = 3000;
const freshMs = 86_400_000;
const closingMs = 2000;

export type Message = Readonly<Record<string, unknown>>;

export class ClusterConnection {
  readonly url: string;
  readonly address: ClusterAddress;
  readonly subjects: Subjects;
  private readonly nc: NatsConnection;
  private readonly maker: StreamMaker;
  private readonly stores = new Map<string, Promise<ObjectStore>>();
  private bucket: Promise<KV> | null = null;
  /** When the bucket was made, as its server says. */
  private bucketMade: string | null = null;
  private awaySince: number | null = null;
  /** What the server did not allow last. */
  private denied: { readonly at: number; readonly what: string } | null = null;
  /** Told when NATS goes away or comes back. */
  onAway: (isAway: boolean) => void = () => {};
  /** Told when the bucket is not the one that was there: the server's store is another, and has forgotten everything. */
  onForgotten: () => void = () => {};

  /** `isPatient`: waits for a server that is not there yet. Errors: BAD_OPTION, CLUSTER_UNREACHABLE, CLUSTER_REFUSED. */
  static async open(url: string, name: string, isPatient = false): Promise<ClusterConnection> {
    const address = parseClusterUrl(url);
    const nc = await reach(address, url, name, isPatient);
    // Whoever takes anybody off loopback would hand code to strangers, and theirs to us.
    if (!address.isLocal && address.tls && nc.info?.auth_required !== true) {
      await nc.close();
      throw new ShoalError("CLUSTER_REFUSED", `the NATS server at ${redacted(url)} takes anybody`, {
        hint: "Off loopback it must ask for credentials: `shoal cluster init --host` makes a configuration.",
      });
    }
    try {
      if (!isPatient) await jetstreamManager(nc); // it asks for the account
    } catch (error) {
      if (/JetStream.*not enabled/i.test(String(error)) && !isRetryable(error)) {
        await nc.close();
        throw unreachable(url, error);
      }
    }
    return new ClusterConnection(url, address, nc);
  }

  private constructor(url: string, address: ClusterAddress, nc: NatsConnection) {
    this.url = url;
    this.address = address;
    this.subjects = new Subjects(address.cluster);
    this.nc = nc;
    this.maker = new StreamMaker(nc);
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

  /**
   * Copies of what is made on the servers: as the address says; else three where the servers form a cluster. What is
   * there already keeps those that it has.
   */
  get replicas(): number {
    return this.address.replicas ?? (this.nc.info?.cluster === undefined ? 1 : 3);
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

  /**
   * Tells of all answers that come within that time, or with a pause of `stallMs` between two, until `tell` says that
   * it was the last.
   */
  async requestAll(
    subject: string,
    bytes: string,
    { maxWaitMs, stallMs }: { readonly maxWaitMs: number; readonly stallMs: number },
    tell: (answer: Uint8Array) => boolean,
  ): Promise<void> {
    const options = { strategy: "stall", maxWait: maxWaitMs, stall: stallMs } as never;
    const replies = await this.nc.requestMany(subject, bytes, options);
    try {
      for await (const { data } of replies) if (tell(data)) break;
    } catch {
      // nobody listens: no answers
    }
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

  /** Names of the keys of the bucket that begin so, with a dot at the end; some may be deleted. */
  async keysOf(prefix: string): Promise<string[]> {
    return await this.patiently(`listing ${prefix}`, async () => {
      await this.openBucket();
      return await keysIn(this.nc, this.subjects.bucket, prefix);
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
      readObject(this.nc, store, await this.openStore(store), name),
    );
  }

  async deleteObjects(store: string, prefix: string): Promise<void> {
    await this.patiently(`deleting ${prefix} from ${store}`, async () => {
      await this.openStore(store);
      await deleteObjects(this.nc, store, prefix);
    });
  }

  async deleteObject(store: string, name: string): Promise<void> {
    await this.patiently(`deleting ${name} from ${store}`, async () => {
      await this.openStore(store);
      await deleteObject(this.nc, store, name);
    });
  }

  async listObjects(store: string): Promise<readonly StoredObject[]> {
    return await this.patiently(`listing ${store}`, async () =>
      listObjects(this.nc, store, await this.openStore(store)),
    );
  }

  /** Of keys that were deleted some time ago nothing is kept, not even that they were there. */
  async forgetDeletedKeys(): Promise<void> {
    await this.patiently("tidying the bucket", async () => {
      const bucket = (await this.openBucket()) as KV & Pick<Bucket, "purgeDeletes">;
      await within(tidyMs, bucket.purgeDeletes());
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

  /** What another file does with the client, tried again like everything here; `waitsForRoom`: as long if the store is full. */
  async use<T>(what: string, act: (nc: NatsConnection) => Promise<T>, waitsForRoom = false): Promise<T> {
    return await this.patiently(what, () => act(this.nc), waitsForRoom);
  }

  /** Does it again, with growing pauses, while what fails may succeed later. CLUSTER_FAILED, CLUSTER_REFUSED. */
  private async patiently<T>(what: string, act: () => Promise<T>, waitsForRoom = false): Promise<T> {
    const began = performance.now();
    const isCluster = this.nc.info?.cluster !== undefined;
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, pauseMaxMs)) {
      try {
        return await act();
      } catch (error) {
        if (error instanceof ShoalError) throw error;
        if (this.denied !== null && this.denied.at >= began) {
          const message = `the NATS server does not allow this role ${this.denied.what} (${what})`;
          throw new ShoalError("CLUSTER_REFUSED", message, { cause: error });
        }
        const patience = isFull(error, isCluster) && !waitsForRoom ? fullPatienceMs : patienceMs;
        if (this.nc.isClosed() || !isRetryable(error) || performance.now() > began + patience) {
          const { text, ...hint } = toldOf(error, isCluster);
          throw new ShoalError("CLUSTER_FAILED", `${what} failed: ${text}`, { cause: error, ...hint });
        }
      }
      await wait(pauseMs, undefined, { ref: false });
    }
  }

  /** Makes a stream, unless it is there. */
  async makeStream(name: string, make: (nc: NatsConnection) => Promise<unknown>): Promise<void> {
    await this.patiently(`opening ${name}`, () => this.maker.make(name, () => make(this.nc)));
  }

  private async openBucket(): Promise<KV> {
    this.bucket ??= this.findBucket();
    try {
      return await this.bucket;
    } catch (error) {
      this.bucket = null;
      throw error;
    }
  }

  private async findBucket(): Promise<KV> {
    const { bucket } = this.subjects;
    const buckets = new Kvm(jetstream(this.nc, { ...asking, timeout: keyMs }));
    // Read from its leader only (`allow_direct`): a copy may not have yet what was written a moment ago.
    const options = { history: 1, replicas: this.replicas, allow_direct: false };
    const stream = `KV_${bucket}`;
    const told = await this.maker.make(stream, () => buckets.create(bucket, options));
    const created = told ?? (await (await streamsOf(this.nc)).info(stream)).created;
    const isAnother = this.bucketMade !== null && this.bucketMade !== created;
    this.bucketMade = created;
    if (isAnother) this.onForgotten();
    return await buckets.open(bucket, { allow_direct: false });
  }

  /** What was there before may be gone with the server's store. */
  private findBucketAgain(): void {
    if (this.bucketMade === null) return;
    this.bucket = null;
    this.stores.clear();
    this.patiently("opening the bucket again", () => this.openBucket()).catch(() => {}); // whoever needs it is told
  }

  private async openStore(name: string): Promise<ObjectStore> {
    const opening = this.stores.get(name) ?? this.findStore(name);
    this.stores.set(name, opening);
    try {
      return await opening;
    } catch (error) {
      this.stores.delete(name);
      throw error;
    }
  }

  private async findStore(name: string): Promise<ObjectStore> {
    const stores = new Objm(jetstream(this.nc, asking));
    await this.maker.make(`OBJ_${name}`, () => stores.create(name, { replicas: this.replicas }));
    return await stores.open(name, false);
  }

  private async watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") {
        this.awaySince ??= performance.now();
        this.onAway(true);
      } else if (status.type === "reconnect") {
        this.awaySince = null;
        this.onAway(false);
        this.findBucketAgain();
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

export type Reply = (answer: string) => void;
