import { expect, test } from "vitest";
import { memoryLimits } from "./memory-limits.ts";

const gibi = 2 ** 30;

test("small budgets: limits are those of a slot at rest, and far above the budget", () => {
  expect(memoryLimits({ slots: 2, memoryBytes: gibi / 4, usableBytes: 24 * gibi })).toEqual({
    bufferBytes: gibi,
    processBytes: 1.5 * gibi,
    totalBytes: 3.25 * gibi,
  });
});

test("large budgets: four times a slot's share, and never more than nine tenths of the machine", () => {
  const { bufferBytes, totalBytes } = memoryLimits({
    slots: 2,
    memoryBytes: 6 * gibi,
    usableBytes: 24 * gibi,
  });
  expect(bufferBytes).toBe(12 * gibi);
  expect(totalBytes).toBe(Math.floor(0.9 * 24 * gibi));
});
