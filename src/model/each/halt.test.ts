import { describe, expect, test } from "vitest";
import { isShoalError } from "../../errors.ts";
import { exitStatusOf } from "./exit-status.ts";
import { isHaltReached, parseHalt } from "./halt.ts";

test.each([
  ["now,fail=1", { when: "now", why: "fail", amount: 1, isPercent: false }],
  ["soon,success=3%", { when: "soon", why: "success", amount: 3, isPercent: true }],
  ["soon,done=10", { when: "soon", why: "done", amount: 10, isPercent: false }],
  ["soon,fail=2.5%", { when: "soon", why: "fail", amount: 2.5, isPercent: true }],
  ["never", null],
  ["0", null],
  ["1", { when: "soon", why: "fail", amount: 1, isPercent: false }],
  ["2", { when: "now", why: "fail", amount: 1, isPercent: false }],
  ["-1", { when: "soon", why: "success", amount: 1, isPercent: false }],
  ["-2", { when: "now", why: "success", amount: 1, isPercent: false }],
  ["30%", { when: "soon", why: "fail", amount: 30, isPercent: true }],
])("%s", (text, rule) => {
  expect(parseHalt(text)).toEqual(rule);
});

test.each([
  "",
  "foo",
  "now",
  "now,fail",
  "now,fail=",
  "now,fail=0",
  "now,fail=-1",
  "later,fail=1",
  "now,fail=101%",
  "now,fail=1 ",
])("%j is refused, with what was received and expected", (text) => {
  expect(() => parseHalt(text)).toThrow(
    expect.toSatisfy(
      (error) =>
        isShoalError(error, "BAD_OPTION") &&
        error.message.includes(JSON.stringify(text)) &&
        error.message.includes("never"),
    ),
  );
});

describe("a rule is reached", () => {
  const at = (rule: string, succeeded: number, failed: number, total: number | null): boolean =>
    isHaltReached(parseHalt(rule)!, { succeeded, failed, total });

  test("by the jobs that it counts", () => {
    expect(at("now,fail=2", 9, 1, 20)).toBe(false);
    expect(at("now,fail=2", 9, 2, null)).toBe(true);
    expect(at("now,success=9", 9, 0, null)).toBe(true);
    expect(at("now,done=10", 5, 5, null)).toBe(true);
  });

  test("by their share of all, once all are known", () => {
    expect(at("soon,fail=30%", 0, 3, null)).toBe(false);
    expect(at("soon,fail=30%", 0, 2, 10)).toBe(false);
    expect(at("soon,fail=30%", 0, 3, 10)).toBe(true);
    expect(at("soon,fail=1%", 0, 0, 0)).toBe(false);
  });
});

test.each([
  // rule, succeeded, failed, total, halted by, status: as GNU parallel 20221122 exited
  ["never", 3, 0, 3, null, 0],
  ["never", 3, 2, 5, null, 2],
  ["never", 0, 100, 100, null, 100],
  ["never", 0, 101, 101, null, 101],
  ["never", 0, 5000, 5000, null, 101],
  ["now,fail=1", 0, 1, 4, { exitCode: 3, signal: 0 }, 3],
  ["now,fail=1", 0, 1, 4, { exitCode: null, signal: 9 }, 137],
  ["soon,fail=1", 0, 2, 4, { exitCode: 2, signal: 0 }, 2],
  ["now,fail=2", 1, 2, 5, { exitCode: 4, signal: 0 }, 2],
  ["now,fail=50", 0, 2, 2, null, 2],
  ["now,success=1", 1, 1, 4, { exitCode: 0, signal: 0 }, 0],
  ["now,success=1", 0, 4, 4, null, 4],
  ["now,done=2", 1, 1, 5, { exitCode: 0, signal: 0 }, 1],
  ["now,fail=30%", 2, 3, 10, { exitCode: 5, signal: 0 }, 30],
  ["soon,fail=1%", 0, 1, 10, { exitCode: 2, signal: 0 }, 10],
  ["soon,success=30%", 2, 8, 10, null, 80],
  ["soon,success=30%", 3, 1, 10, { exitCode: 0, signal: 0 }, 0],
  ["soon,done=30%", 1, 2, 10, { exitCode: 4, signal: 0 }, 20],
  ["soon,fail=50%", 999, 1, 1000, null, 1],
])("exit status: %s, %i succeeded, %i failed of %s", (rule, succeeded, failed, total, by, status) => {
  expect(exitStatusOf(parseHalt(rule), { succeeded, failed, total }, by)).toBe(status);
});
