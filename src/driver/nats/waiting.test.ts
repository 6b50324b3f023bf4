import { expect, test } from "vitest";
import { whyAlone } from "./waiting.ts";

const at = (job: string, isDraining = false) => ({ run: `run of ${job}`, job, isDraining });
const free = { run: null, isDraining: false };

test.each([
  ["no worker has joined yet: start some with `shoal worker`", []],
  ["no worker has joined yet: start some with `shoal worker`", [at("s1"), free]],
  ["waits for workers: the only one is at work on s1", [at("s1")]],
  ["waits for workers: all 2 are at work on s1", [at("s1"), at("s1"), at("s2", true)]],
  ["waits for workers: all 3 are at work on s1 and s2", [at("s2"), at("s1"), at("s1")]],
  [
    "waits for workers: all 6 are at work on s1, s2, s3, s4 and 2 more",
    ["s1", "s2", "s3", "s4", "s5", "s6"].map((job) => at(job)),
  ],
  ["waits for workers: those that are there are leaving, start some with `shoal worker`", [at("s1", true)]],
  ["waits for workers: the only one is at work on j1", [{ run: "j1", isDraining: false }]],
  // It is about to join.
  ["no worker has joined yet: start some with `shoal worker`", [{ run: "own", isDraining: false }]],
])("%s", (text, workers) => {
  expect(whyAlone(workers, "own")).toBe(text);
});
