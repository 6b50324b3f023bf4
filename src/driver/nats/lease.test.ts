import { afterEach, expect, test, vi } from "vitest";
import type { ClusterConnection, Keyed } from "./connection.ts";
import { Lease, LeaseWatch } from "./lease.ts";

const key = "lease.s1";
const times = { renewMs: 1, holdMs: 10_000, takeMs: 20_000 };

/** A bucket of one key, as ClusterConnection shows it. */
class Bucket {
  kept: Keyed | null = null;
  writes = 0;
  /** Before a write is answered. */
  meanwhile = async (): Promise<void> => {};
  /** Writes from this one on are tried twice: what stored the first was not able to say so. */
  unheardFrom = Infinity;

  async getKey(): Promise<Keyed | null> {
    return this.kept;
  }

  async setKey(_key: string, text: string, revision: number | null): Promise<number | null> {
    const isUnheard = ++this.writes >= this.unheardFrom;
    if ((this.kept?.revision ?? null) !== revision) return null;
    const written = (revision ?? 0) + 1;
    this.kept = { text, revision: written };
    await this.meanwhile();
    return isUnheard ? null : written;
  }
}

let lease: Lease | null = null;
const lost = vi.fn();
afterEach(() => {
  lease?.stop();
  lost.mockReset();
});

async function take(bucket: Bucket, watch = new LeaseWatch()): Promise<Lease | null> {
  return await Lease.take(bucket as unknown as ClusterConnection, key, "w1", watch, lost, 0, times);
}

const renewalsOf = (bucket: Bucket): number =>
  (JSON.parse(bucket.kept!.text) as { renewals: number }).renewals;

test("a lease was lost to a renewal of its own, whose answer a server that died had not sent", async () => {
  const bucket = new Bucket();
  bucket.unheardFrom = 1;
  lease = await take(bucket);
  expect(lease).not.toBeNull();
  await vi.waitUntil(() => renewalsOf(bucket) >= 3);
  expect(lost).not.toHaveBeenCalled();
});

test("what another has taken is lost", async () => {
  const bucket = new Bucket();
  lease = await take(bucket);
  bucket.kept = { text: JSON.stringify({ holder: "w2", epoch: 2, renewals: 0 }), revision: 99 };
  await vi.waitUntil(() => lost.mock.calls.length === 1);
});

test("a lease that was given up in the middle of a renewal was free only when it was stale", async () => {
  const bucket = new Bucket();
  lease = await take(bucket);
  let answer = (): void => {};
  const isAsked = new Promise<void>((asked) => {
    bucket.meanwhile = () => {
      asked();
      return new Promise<void>((resolve) => (answer = resolve));
    };
  });
  await isAsked;
  bucket.meanwhile = async () => {};
  const released = lease!.release();
  answer();
  await released;
  expect(lost).not.toHaveBeenCalled();
  lease = await take(bucket);
  expect(lease?.epoch).toBe(2);
});
