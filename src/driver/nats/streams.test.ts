import type { NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StreamMaker } from "./streams.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const there = { config: {}, state: {}, cluster: { leader: "n1" } };
const missing = { error: { code: 404, err_code: 10059, description: "stream not found" } };

/** Of several servers, or one: what they answer when they are asked for the nth time. */
function servers(answersTo: (nth: number) => readonly object[], isCluster = true): NatsConnection {
  let asked = 0;
  const next = (): Buffer[] => answersTo(asked++).map((answer) => Buffer.from(JSON.stringify(answer)));
  const fake = {
    info: isCluster ? { cluster: "three" } : {},
    options: { inboxPrefix: "_INBOX" },
    request: async () => {
      const [data] = next();
      if (data === undefined) throw new Error("timeout");
      return { data, json: () => JSON.parse(data.toString()) as unknown };
    },
    requestMany: async (_subject: string, _data: string, { maxWait }: { maxWait: number }) => {
      await vi.advanceTimersByTimeAsync(maxWait);
      return next().map((data) => ({ data }));
    },
  };
  return fake as unknown as NatsConnection;
}

test("a stream was made a second time, on the word of a leader that had just been restarted", async () => {
  const make = vi.fn(async () => {});
  // The stream's own leader is chosen meanwhile, and its answer comes after the other's.
  const maker = new StreamMaker(servers((nth) => (nth < 8 ? [missing] : [missing, there])));
  await maker.make("journals", make);
  expect(make).not.toHaveBeenCalled();
});

test("what is missing for long is made, and the next one at once", async () => {
  const make = vi.fn(async () => {});
  const maker = new StreamMaker(servers(() => [missing]));
  const began = performance.now();
  await maker.make("journals", make);
  expect(performance.now() - began).toBeGreaterThanOrEqual(5000);
  expect(make).toHaveBeenCalledOnce();
  const before = performance.now();
  await maker.make("results", make);
  expect(performance.now() - before).toBeLessThan(1000);
  expect(make).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(60_000);
  const later = performance.now();
  await maker.make("bundles", make);
  expect(performance.now() - later).toBeGreaterThanOrEqual(5000);
});

test("while nobody leads, nothing is made", async () => {
  const make = vi.fn(async () => {});
  const maker = new StreamMaker(servers((nth) => (nth < 10 ? [missing] : [])));
  await expect(maker.make("journals", make)).rejects.toThrow("no leader tells");
  await expect(maker.make("journals", make)).rejects.toThrow("timeout");
  expect(make).not.toHaveBeenCalled();
});

test("a server that is alone knows what it has", async () => {
  const make = vi.fn(async () => {});
  await new StreamMaker(servers(() => [missing], false)).make("journals", make);
  expect(make).toHaveBeenCalledOnce();
  await new StreamMaker(servers(() => [there], false)).make("journals", make);
  expect(make).toHaveBeenCalledOnce();
});
