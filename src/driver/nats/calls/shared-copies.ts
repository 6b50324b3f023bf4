// Shared memory of clients at a worker: once for all slots of a client, asked for when the first call refers to it, by one of
// the leases whose calls wait for it. It is there until the client lets go of it, or has no lease here any more.
//
// Owner of: the copies, who has asked for one.

/** A lease, as far as this goes. */
export interface Waiter {
  /** Asks its client for it. */
  want(number: number): void;
  /** Something has come: calls that waited for it may begin. */
  sharedCame(): void;
  /** Whether one of its calls waits for it. */
  waitsFor(number: number): boolean;
}

interface Client {
  readonly leases: Set<Waiter>;
  readonly copies: Map<number, SharedArrayBuffer>;
  /** Asked for, and by whom. */
  readonly asked: Map<number, Waiter>;
}

export class SharedCopies {
  private readonly clients = new Map<string, Client>();

  begin(name: string, lease: Waiter): void {
    const client = this.clients.get(name) ?? { leases: new Set(), copies: new Map(), asked: new Map() };
    this.clients.set(name, client);
    client.leases.add(lease);
  }

  end(name: string, lease: Waiter): void {
    const client = this.clients.get(name);
    if (client === undefined) return;
    client.leases.delete(lease);
    if (client.leases.size === 0) return void this.clients.delete(name);
    for (const [number, asked] of client.asked) {
      if (asked !== lease) continue;
      client.asked.delete(number);
      for (const other of client.leases) if (other.waitsFor(number)) this.want(name, number, other);
    }
  }

  get(name: string, number: number): SharedArrayBuffer | null {
    return this.clients.get(name)?.copies.get(number) ?? null;
  }

  /** It will come, once. */
  want(name: string, number: number, lease: Waiter): void {
    const client = this.clients.get(name)!;
    if (client.asked.has(number)) return;
    client.asked.set(number, lease);
    lease.want(number);
  }

  put(name: string, number: number, bytes: Uint8Array): void {
    const client = this.clients.get(name);
    if (client === undefined) return;
    const memory = new SharedArrayBuffer(bytes.length);
    new Uint8Array(memory).set(bytes);
    client.copies.set(number, memory);
    client.asked.delete(number);
    for (const lease of client.leases) lease.sharedCame();
  }

  drop(name: string, number: number): void {
    this.clients.get(name)?.copies.delete(number);
  }
}
