import fc from "fast-check";
import { expect, test } from "vitest";
import { batchMax, BatchSize } from "./batch-size.ts";

test("begins with one item, and grows eightfold at most towards 50 ms", () => {
  const size = new BatchSize(null);
  const sizes: number[] = [];
  for (let n = 0; n < 6; n++) {
    sizes.push(size.size);
    size.learn(size.size, size.size * 20); // 20 µs each: 2,500 of them take 50 ms
  }
  expect(sizes).toEqual([1, 8, 64, 512, 2500, 2500]);
});

test("items of 50 ms and more go one by one", () => {
  const size = new BatchSize(null);
  for (const micros of [50_000, 80_000, 1_000_000]) {
    size.learn(1, micros);
    expect(size.size).toBe(1);
  }
});

test("shrinks at once when items become slow, and comes back", () => {
  const size = new BatchSize(null);
  for (let n = 0; n < 8; n++) size.learn(size.size, size.size * 20);
  expect(size.size).toBe(2500);
  size.learn(100, 100 * 10_000);
  expect(size.size).toBeLessThan(25);
  for (let n = 0; n < 40; n++) size.learn(size.size, size.size * 20);
  expect(size.size).toBeGreaterThan(2000);
});

test("a fixed size is kept, whatever is learnt", () => {
  const size = new BatchSize(17);
  expect(size.size).toBe(17);
  size.learn(17, 1e9);
  expect(size.size).toBe(17);
});

test("an empty batch teaches nothing", () => {
  const size = new BatchSize(null);
  size.learn(0, 1000);
  expect(size.size).toBe(1);
});

test("always a whole number from 1 to 4,096, at most eight times the largest batch before", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.double({ min: 0, max: 1e9, noNaN: true }))),
      (lessons) => {
        const size = new BatchSize(null);
        let largest = 1;
        for (const [items, micros] of lessons) {
          size.learn(items, micros);
          largest = Math.max(largest, items);
          expect(Number.isInteger(size.size)).toBe(true);
          expect(size.size).toBeGreaterThanOrEqual(1);
          expect(size.size).toBeLessThanOrEqual(Math.min(batchMax, largest * 8));
        }
      },
    ),
  );
});
