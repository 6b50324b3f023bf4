// A connection to a cluster without a server: what is said on it is kept, and whoever has subscribed can be spoken to.
// It has what receivers use of the real one (driver/nats/connection.ts).

import type { ClusterConnection, Keyed, Reply } from "../../../src/driver/nats/connection.ts";
import { Subjects } from "../../../src/driver/nats/subjects.ts";

type Take = (bytes: Uint8Array, subject: string, reply: Reply) => void;

export interface Said {
  readonly subject: string;
  readonly bytes: Uint8Array;
}

export class Wire {
  readonly subjects = new Subjects("fuzz");
  readonly payloadMax = 1 << 20;
  readonly awayMs = null;
  onAway = (): void => {};
  said: Said[] = [];
  /** Values of the bucket. */
  readonly keys = new Map<string, Keyed>();
  /** What `requestAll` is answered. */
  answers: Uint8Array[] = [];
  /** What the next uses of the client give. */
  uses: unknown[] = [];
  private readonly takers = new Map<string, Take>();
  private readonly watchers: ((key: string, text: string | null) => void)[] = [];
  private revision = 0;

  get connection(): ClusterConnection {
    return this as unknown as ClusterConnection;
  }

  /** Somebody says this to whoever listens. Returns the answer, if there is one. */
  give(subject: string, bytes: Uint8Array): string | null {
    let answer: string | null = null;
    for (const [pattern, take] of this.takers) {
      const isIt =
        pattern === subject || (pattern.endsWith(".*") && subject.startsWith(pattern.slice(0, -1)));
      if (isIt) take(bytes, subject, (text) => (answer = text));
    }
    return answer;
  }

  /** What was said on subjects that begin so, and forgets it. */
  taken(prefix: string): Uint8Array[] {
    const found = this.said.filter(({ subject }) => subject.startsWith(prefix)).map(({ bytes }) => bytes);
    this.said = [];
    return found;
  }

  /** Somebody changes a key of the bucket. */
  change(key: string, text: string): void {
    this.keys.set(key, { text, revision: ++this.revision });
    for (const tell of this.watchers) tell(key, text);
  }

  publish(subject: string, bytes: Uint8Array | string): void {
    this.said.push({ subject, bytes: typeof bytes === "string" ? Buffer.from(bytes) : bytes });
  }

  subscribe(subject: string, take: Take): () => void {
    this.takers.set(subject, take);
    return () => {
      if (this.takers.get(subject) === take) this.takers.delete(subject);
    };
  }

  requestAll(
    _subject: string,
    _bytes: string,
    _times: unknown,
    tell: (answer: Uint8Array) => boolean,
  ): Promise<void> {
    this.answers.some(tell);
    return Promise.resolve();
  }

  getKey(key: string): Promise<Keyed | null> {
    const found = this.keys.get(key);
    // Leases are renewed all the time.
    if (found !== undefined && key.startsWith("lease."))
      this.keys.set(key, { ...found, revision: ++this.revision });
    return Promise.resolve(found ?? null);
  }

  setKey(key: string, text: string): Promise<number> {
    this.change(key, text);
    return Promise.resolve(this.revision);
  }

  keysOf(prefix: string): Promise<string[]> {
    return Promise.resolve([...this.keys.keys()].filter((key) => key.startsWith(prefix)));
  }

  watchKeys(_pattern: string, tell: (key: string, text: string | null) => void): Promise<() => void> {
    this.watchers.push(tell);
    return Promise.resolve(() => {});
  }

  nextNumber(): Promise<number> {
    return Promise.resolve(++this.revision);
  }

  getObject(): Promise<null> {
    return Promise.resolve(null);
  }

  use(): Promise<unknown> {
    return Promise.resolve(this.uses.shift() ?? null);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
