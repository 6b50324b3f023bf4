import { expect, test } from "vitest";
import { simulatePool } from "./pool.ts";
import { idealQueue } from "./queues.ts";
import { highestLoad, p99Ms } from "./tails.ts";
import { quantile, workload, type Service } from "./workload.ts";

const of = (service: Service, load: number) => ({ service, load, slots: 2, calls: 60_000, seed: 1 }) as const;

test("queues are as the theory has them", () => {
  // M/M/1: the response time is exponential, with mean 1 / (1 − load). M/D/1 at low load: little more than the service.
  const single = { ...of("exponential", 0.5), slots: 1, calls: 400_000 };
  expect(p99Ms("ideal", single)).toBeCloseTo(Math.log(100) / 0.5, 0);
  expect(p99Ms("random", { ...single, slots: 2 })).toBeCloseTo(Math.log(100) / 0.5, 0);
  expect(quantile(idealQueue(workload(of("constant", 0.01)), 2), 0.5)).toBe(1000);
});

test("without latency and with one slot the pool is the ideal queue", () => {
  const calls = workload({ ...of("exponential", 0.8), slots: 1 });
  const { responseMicros } = simulatePool(calls, { slots: 1, wakeMicros: 0, tellMicros: 0 });
  const ideal = idealQueue(calls, 1);
  expect(responseMicros.every((micros, call) => Math.abs(micros - ideal[call]!) < 1e-3)).toBe(true);
});

test("all calls come back, and the same seed gives the same times", () => {
  const calls = workload(of("bimodal", 0.9));
  const first = simulatePool(calls, { slots: 2 });
  expect(first.responseMicros.some(Number.isNaN)).toBe(false);
  expect(first.starts).toBe(60_000 + first.revokes - first.kept);
  expect(simulatePool(workload(of("bimodal", 0.9)), { slots: 2 })).toEqual(first);
});

test.each(["exponential", "constant", "bimodal"] as const)("the dispatcher's tail: %s", (service) => {
  for (const slots of [2, 16]) {
    const shape = { ...of(service, 0.85), slots };
    expect(p99Ms("dispatcher", shape)).toBeLessThanOrEqual(1.25 * p99Ms("ideal", shape));
  }
  expect(p99Ms("random", of(service, 0.85))).toBeGreaterThan(1.5 * p99Ms("dispatcher", of(service, 0.85)));
});

test("the highest load is where the p99 passes ten times the mean", () => {
  const shape = { service: "exponential", slots: 2, calls: 60_000, seed: 1 } as const;
  const load = highestLoad("ideal", shape);
  expect(p99Ms("ideal", { ...shape, load })).toBeLessThanOrEqual(10);
  expect(p99Ms("ideal", { ...shape, load: load + 0.002 })).toBeGreaterThan(10);
  expect(highestLoad("dispatcher", shape)).toBeGreaterThan(0.9 * load);
});

/** As connect.ts has it for slots of workers; a round trip takes half a millisecond. */
const far = { farMicros: 250, limits: { heldMicros: 2000, overdueMicros: 2000, heldMax: 64 } };

test.each(["exponential", "bimodal", "rare"] as const)("slots that are far away: %s", (service) => {
  const calls = workload({ ...of(service, 0.8), slots: 8, meanMicros: 200 });
  const { responseMicros, starts, revokes, kept } = simulatePool(calls, { ...far, slots: 8 });
  expect(responseMicros.some(Number.isNaN)).toBe(false);
  expect(starts).toBe(60_000 + revokes - kept);
  // The way there and back; and besides, what is known of a slot is old, and what is taken back takes that way again.
  const ideal = idealQueue(calls, 8);
  expect(quantile(responseMicros, 0.5)).toBeLessThan(quantile(ideal, 0.5) + 1000);
  expect(quantile(responseMicros, 0.99)).toBeLessThan(1.25 * quantile(ideal, 0.99) + 2000);
});

test("slots that are far away: tiny calls wait behind a rare long one for some milliseconds at most", () => {
  for (const load of [0.5, 0.95]) {
    const calls = workload({ service: "rare", meanMicros: 20, load, slots: 16, calls: 100_000, seed: 7 });
    const { responseMicros } = simulatePool(calls, { ...far, slots: 16 });
    const ideal = idealQueue(calls, 16);
    // Some dozen are behind each of the long ones, which take 10 ms.
    expect(quantile(responseMicros, 0.99)).toBeLessThan(quantile(ideal, 0.99) + 6000);
  }
});

test("tiny calls do not wait behind a rare long one while younger ones run elsewhere", () => {
  const shape = { service: "rare", meanMicros: 20, load: 0.95, slots: 16, calls: 200_000, seed: 7 } as const;
  const calls = workload(shape);
  const { responseMicros } = simulatePool(calls, { slots: 16 });
  const ideal = idealQueue(calls, 16);
  const extraMicros = responseMicros.map((micros, call) => micros - ideal[call]!);
  // The long ones take 10 ms. Behind a slot that is overdue nobody waits for more than a part of that.
  expect(quantile(extraMicros, 0.99)).toBeLessThan(2000);
  expect(quantile(responseMicros, 0.99)).toBeLessThan(1.25 * quantile(ideal, 0.99));
});
