import fc from "fast-check";
import { expect, test } from "vitest";
import { RunningMedian } from "./running-median.ts";

test("is the middle of what came, sorted; of an even count the lower of the two", () => {
  const numbers = fc.array(fc.integer({ min: -50, max: 1_000_000 }), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(numbers, (values) => {
      const median = new RunningMedian();
      const sorted: number[] = [];
      for (const value of values) {
        median.add(value);
        sorted.push(value);
        sorted.sort((a, b) => a - b);
        expect(median.median).toBe(sorted[Math.floor((sorted.length - 1) / 2)]);
        expect(median.size).toBe(sorted.length);
      }
    }),
    { numRuns: 500 },
  );
});

test("of nothing is no number", () => {
  expect(new RunningMedian().median).toBeNaN();
});
