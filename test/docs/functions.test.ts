// docs/functions.md does not lie: its program is run, and prints what it says.

import { expect, test } from "vitest";
import { runDocument } from "./programs.ts";

test("its program prints what it says", async () => {
  const { stdout, stderr, expected, commands } = await runDocument("functions.md");
  expect(commands).toEqual(["node program.js"]);
  expect(stderr).toBe("");
  expect(stdout).toEqual(expected);
});
