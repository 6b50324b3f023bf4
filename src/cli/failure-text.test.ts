import { describe, expect, it } from "vitest";
import { InvariantError } from "../base/assert.ts";
import { fromErrorData, ShoalError, toErrorData } from "../errors.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { failureLines } from "./failure-text.ts";

const boom = (): Error => {
  const error = new TypeError("boom", { cause: new Error("first") });
  error.stack = [
    "TypeError: boom",
    "    at parse (file:///home/me/my%20jobs/lib.ts:7:11)",
    "    at node:internal/process/task_queues:95:5",
    `    at Attempt.run (${new URL("../executor/attempt.js", import.meta.url).href}:10:2)`,
    "    at <anonymous>",
  ].join("\n");
  error.cause = Object.assign(new Error("first"), { status: 404, stack: "Error: first" });
  return error;
};

describe("failureLines", () => {
  it("tells message, the user's frames, causes with their properties, what was kept and what to do", () => {
    const message = "TypeError: boom at lib.ts:7:11, while processing line 1032 of books/a.txt";
    const error = new ShoalError("USER_ERROR", message, {
      cause: boom(),
      details: { kept: "the old output", record: { file: "books/a.txt", unit: "line", at: 1032 } },
    });
    const expected = [
      `error USER_ERROR: ${message}`,
      "    at parse (/home/me/my jobs/lib.ts:7:11)",
      "    caused by Error: first",
      '      {"status":404}',
      "kept: the old output",
      "hint: Correct the function at the line named.",
    ];
    expect(failureLines(error)).toEqual(expected);
    // The same after it has crossed a thread.
    expect(failureLines(fromErrorData(toErrorData(error)))).toEqual(expected);
  });

  it("names the places that the message does not", () => {
    const error = new ShoalError("USER_ERROR", "boom", {
      details: {
        program: { file: "lib.ts", line: 7, column: 11 },
        record: { file: "a\n.txt", unit: "line", at: 3 },
      },
    });
    expect(failureLines(error).slice(1, 3)).toEqual(["  at lib.ts:7:11", "  at line 3 of a\\n.txt"]);
  });

  it("shows shoal's own frames only for debugging", () => {
    const error = new ShoalError("USER_ERROR", "it failed", { cause: boom() });
    expect(failureLines(error).join("\n")).not.toContain("attempt.js");
    expect(failureLines(error, { debug: true }).join("\n")).toContain("attempt.js");
  });

  it("calls a bug a bug, whatever was thrown", () => {
    const bug = failureLines(new InvariantError("I1", "broken", ["t1.1 ran"]));
    expect(bug[0]).toBe("internal error: InvariantError: I1 broken: broken");
    expect(bug.at(-1)).toContain("SHOAL_DEBUG=1");
    expect(failureLines("just text")[0]).toContain("just text");
    expect(failureLines(undefined)[0]).toContain("internal error");
  });

  it("is bounded and harmless, however long, deep or hostile the error is", () => {
    let deep: Error = new Error("the root");
    for (let i = 0; i < 100; i++) deep = new Error(`level ${i} \u001b[2J`, { cause: deep });
    const error = new ShoalError("USER_ERROR", `${"long ".repeat(10_000)}${"line\n".repeat(1000)}`, {
      cause: deep,
      hint: "a\u0007b",
    });
    const lines = failureLines(error);
    expect(lines.length).toBeLessThan(120);
    expect(lines.join("\n").length).toBeLessThan(20_000);
    // oxlint-disable-next-line no-control-regex -- what must not come out
    expect(lines.join("")).not.toMatch(/[\u0000-\u0008\u001b\u0007]/);
    const manyLines = failureLines(new ShoalError("BUNDLE_FAILED", "line\n".repeat(200)));
    expect(manyLines.length).toBeLessThan(50);
  });

  it("does not end in a loop of causes", () => {
    const a: Error = new Error("a");
    const b = new Error("b", { cause: a });
    a.cause = b;
    a.stack = b.stack = "";
    const lines = failureLines(new ShoalError("USER_ERROR", "it failed", { cause: a }));
    expect(lines.filter((line) => line.includes("caused by"))).toHaveLength(6);
    expect(lines).toContain(`${"  ".repeat(7)}… and further causes`);
  });
});

describe("exitCodeOf", () => {
  it.each([
    ["BAD_OPTION", 2],
    ["BAD_PARAMETER", 2],
    ["JOB_NOT_FOUND", 2],
    ["NOT_A_JOB", 2],
    ["BUNDLE_FAILED", 2],
    ["PLAN_INVALID", 2],
    ["INPUT_NOT_FOUND", 3],
    ["INPUT_CORRUPT", 3],
    ["RECORD_TOO_LARGE", 3],
    ["OUTPUT_NOT_EMPTY", 4],
    ["OUTPUT_FAILED", 4],
    ["USER_ERROR", 1],
    ["POISON_TASK", 1],
    ["STATE_LOCKED", 1],
    ["CANCELLED", 130],
    ["INTERNAL", 70],
  ] as const)("%s is %i", (code, expected) => expect(exitCodeOf(new ShoalError(code, ""))).toBe(expected));

  it("sees through what was tried in vain to input and output, and nothing else", () => {
    const exhausted = (cause: unknown) => exitCodeOf(new ShoalError("ATTEMPTS_EXHAUSTED", "", { cause }));
    expect(exhausted(new ShoalError("INPUT_CHANGED", ""))).toBe(3);
    expect(exhausted(new ShoalError("OUTPUT_FAILED", ""))).toBe(4);
    expect(exhausted(new ShoalError("CANCELLED", ""))).toBe(1);
    expect(exhausted(new Error("x"))).toBe(1);
    expect(exitCodeOf(new Error("x"))).toBe(70);
    expect(exitCodeOf(null)).toBe(70);
  });
});
