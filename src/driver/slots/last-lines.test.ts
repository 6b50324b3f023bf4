import { expect, test } from "vitest";
import { LastLines } from "./last-lines.ts";

test("the last twenty lines, whatever the pieces in which they came", () => {
  const lines = new LastLines();
  for (let i = 0; i < 30; i++) {
    lines.add(`line `);
    lines.add(`${i}\n`);
  }
  expect(lines.lines()).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i + 10}`));
  lines.add("no end\nyet");
  expect(lines.lines().slice(-2)).toEqual(["no end", "yet"]);
  expect(lines.lines()).toHaveLength(20);
});

test("a line without an end is cut, and does not grow", () => {
  const lines = new LastLines();
  for (let i = 0; i < 1000; i++) lines.add("x".repeat(1000));
  expect(lines.lines()).toEqual([`${"x".repeat(300)}…`]);
});
