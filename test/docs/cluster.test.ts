// docs/cluster.md does not lie: its program is run, and prints what it says.

import { expect, test } from "vitest";
import { freePort, natsEnv } from "../kit/nats.ts";
import { runDocument } from "./programs.ts";

test("its program prints what it says", async () => {
  const port = String(await freePort());
  const { stdout, stderr, expected, commands } = await runDocument("cluster.md", { "4333": port }, natsEnv());
  expect(commands).toHaveLength(5);
  expect(stderr).toBe("");
  expect(stdout).toEqual(expected);
});
