import { expect, test } from "vitest";
import { suspect } from "./suspect.ts";

const one = (heldBytes: number, { isFresh = true, startedAt = 0 as number | null } = {}) => ({
  heldBytes,
  isFresh,
  startedAt,
});

test("the slot that was measured to hold most of it", () => {
  const culprit = one(900);
  expect(suspect([one(50), culprit, one(60)], 1000)).toEqual({ one: culprit, isGuess: false });
});

test("a slot that holds it and runs nothing any more", () => {
  const culprit = one(900, { startedAt: null });
  expect(suspect([one(50), culprit], 1000)).toEqual({ one: culprit, isGuess: false });
});

test("nobody measured holds it: of those that cannot be measured, the one that runs longest, as a guess", () => {
  const culprit = one(10, { isFresh: false, startedAt: 3 });
  expect(suspect([one(50), one(500, { isFresh: false, startedAt: 7 }), culprit], 1000)).toEqual({
    one: culprit,
    isGuess: true,
  });
});

test("all but one are measured and hold little: that one holds it, which is no guess", () => {
  const culprit = one(10, { isFresh: false, startedAt: 3 });
  expect(suspect([one(50), culprit], 1000)).toEqual({ one: culprit, isGuess: false });
});

test("all are measured and hold little (native code may hold it): the largest that runs something, as a guess", () => {
  const culprit = one(60);
  expect(suspect([one(50), culprit, one(100, { startedAt: null })], 100_000)).toEqual({
    one: culprit,
    isGuess: true,
  });
});

test("nothing runs, and nobody holds it: no slot is to blame", () => {
  expect(suspect([one(1, { startedAt: null })], 1000)).toBeNull();
  expect(suspect([], 1000)).toBeNull();
});
