// docs/cache.md does not lie: its program is run as it says, each time in a new process.

import { expect, test } from "vitest";
import { runDocument } from "./programs.ts";

test("its program is answered from the cache when it says so, by processes that share it", async () => {
  const { stdout, stderr, expected, commands } = await runDocument("cache.md");
  expect(commands.filter((command) => command === "node program.js")).toHaveLength(4);
  expect(stderr).toBe("");
  expect(stdout).toEqual(expected);
});
