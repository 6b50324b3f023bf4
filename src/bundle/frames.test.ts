import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { firstUserFrame, parseFrame, userFrames, userStack } from "./frames.ts";

const hash = "0123456789abcdef".repeat(4);
const own = path.resolve(import.meta.dirname, "../executor/task.ts");
const dist = path.resolve(import.meta.dirname, "../../dist/executor/task.js");

const stack = [
  "TypeError: boom",
  "  at the second line of the message",
  "    at parse (/p/node_modules/dep/index.js:3:4)",
  "    at Array.map (<anonymous>)",
  "    at new Foo (/p/lib (copy)/job.ts:7:13)",
  "    at async /p/other.ts:1:2",
  `    at file:///p/.shoal/bundles/${hash}.mjs:9:1`,
  "    at /p/shoal-runtime:shoal:3:9",
  `    at async runTask (${own}:10:5)`,
  `    at async Slot.run (${pathToFileURL(dist).href}:10:5)`,
  "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
].join("\n");

test.each([
  ["    at fn (/p/job.ts:7:13)", "/p/job.ts", 7, 13],
  ["    at /p/job.ts:7:13", "/p/job.ts", 7, 13],
  ["    at async /p/job.ts:7:13", "/p/job.ts", 7, 13],
  ["    at async Object.fn [as alias] (/p/job.ts:7:13)", "/p/job.ts", 7, 13],
  ["    at fn (file:///p/a%20b/%23.ts:7:13)", "/p/a b/#.ts", 7, 13],
  ["    at fn (/p/a (1)/job.ts:7:13)", "/p/a (1)/job.ts", 7, 13],
  ["    at node:internal/main:1:2", "node:internal/main", 1, 2],
])("%s names a place", (line, file, number, column) => {
  expect(parseFrame(line)).toEqual({ file, line: number, column });
});

test.each([
  "Error: at fn (/p/job.ts:7:13)",
  "    at Array.map (<anonymous>)",
  "    at async Promise.all (index 0)",
  "    at eval (eval at run (/p/job.ts:7:13), <anonymous>:1:1)",
  "",
])("%s names no place", (line) => {
  expect(parseFrame(line)).toBeNull();
});

test("the user's frames are those that are neither node's nor shoal's", () => {
  expect(userFrames(stack)).toEqual([
    { file: "/p/node_modules/dep/index.js", line: 3, column: 4 },
    { file: "/p/lib (copy)/job.ts", line: 7, column: 13 },
    { file: "/p/other.ts", line: 1, column: 2 },
  ]);
});

test("the first user frame is in the program, else in a dependency, else there is none", () => {
  expect(firstUserFrame(stack)).toEqual({ file: "/p/lib (copy)/job.ts", line: 7, column: 13 });
  expect(firstUserFrame("Error\n    at a (/p/node_modules/d/i.js:1:2)")?.file).toBe("/p/node_modules/d/i.js");
  expect(firstUserFrame("Error: none\n    at node:internal/x:1:2")).toBeNull();
});

test("the user's stack keeps the message and the user's frames", () => {
  expect(userStack(stack).split("\n")).toEqual([0, 1, 2, 4, 5].map((i) => stack.split("\n")[i]));
});
