import { expect, test } from "vitest";
import fc from "fast-check";
import { MemoryCurve } from "./memory-curve.ts";

const sample = (at: number) => ({ at, heapBytes: at, bufferBytes: 0, rssBytes: 0 });

test("at most 60 samples, in order, the first and the latest among them, and none far from its neighbours", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 2000 }), (steps) => {
      const curve = new MemoryCurve();
      let at = 0;
      const times = steps.map((step) => (at += step));
      for (const time of times) curve.add(sample(time));
      const kept = curve.samples().map((one) => one.at);
      expect(kept.length).toBeLessThanOrEqual(60);
      expect(kept).toEqual([...kept].sort((a, b) => a - b));
      expect(new Set(kept).size).toBe(kept.length);
      expect(kept[0]).toBe(times[0]);
      expect(kept.at(-1)).toBe(at);
      const gapMax = Math.max(...kept.slice(1).map((time, i) => time - kept[i]!), 0);
      expect(gapMax).toBeLessThanOrEqual(Math.max(1000, (at - times[0]!) / 8 + 1000));
    }),
  );
});

test("a cleared curve begins anew", () => {
  const curve = new MemoryCurve();
  for (let at = 0; at < 500; at++) curve.add(sample(at));
  curve.clear();
  expect(curve.samples()).toEqual([]);
  curve.add(sample(7));
  curve.add(sample(8));
  expect(curve.samples()).toEqual([sample(7), sample(8)]);
});
