import { expect, test } from "vitest";
import { isShoalError } from "../../errors.ts";
import { parseJobs, planOf } from "./options.ts";

test.each([
  [3, 3],
  ["3", 3],
  ["+2", 6],
  ["-1", 3],
  ["-9", 1],
  ["100%", 4],
  ["50%", 2],
  ["1%", 1],
  ["150%", 6],
  ["-50%", 2],
  [0, 1024],
  ["0", 1024],
])("jobs %j on 4 cores are %i", (value, expected) => {
  expect(parseJobs(value, 4)).toBe(expected);
});

test.each(["", "x", "1.5", "2x", "--1", "+", "%", 70_000, Number.NaN])("jobs %j are refused", (value) => {
  expect(() => parseJobs(value, 4)).toThrow(
    /jobs must be a number from 0 to 65536, or \+N, -N or N% of the cores; received/,
  );
});

test.each([
  [{ retries: -1 }, "retries must be a whole number from 0"],
  [{ timeoutMs: 0 }, "timeoutMs must be a number from 1"],
  [{ timeoutMs: 1, timeoutPercent: 100 }, "both given"],
  [{ delayMs: Number.NaN }, "delayMs must be a number from 0"],
  [{ resume: true as const }, "resume needs a joblog"],
  [{ retryFailed: true }, "retryFailed needs a joblog"],
  [{ joblog: "" }, "joblog must be a file"],
  [{ halt: "now" }, "halt must be never"],
])("%j is refused: %s", (options, message) => {
  expect(() => planOf(options)).toThrow(
    expect.toSatisfy((error) => isShoalError(error, "BAD_OPTION") && error.message.includes(message)),
  );
});

test("a rule in per cent reads ahead, to know how many there are", () => {
  expect(planOf({}).rules.queueMax).toBe(1);
  expect(planOf({ halt: "soon,fail=3" }).rules.queueMax).toBe(1);
  expect(planOf({ halt: "soon,fail=3%" }).rules.queueMax).toBeGreaterThan(1000);
});
