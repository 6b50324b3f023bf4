// The simulation in `npm test`: some hundred seeds, each twice; seeds that failed once; and that planted bugs are found.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { Answer, Order } from "./batch.ts";
import { runBatch } from "./batch.ts";
import { bundleWith } from "./hunt.ts";
import { mutations } from "./mutations/list.ts";
import { plant } from "./mutations/mutation.ts";
import { regressions } from "./regressions.ts";
import { runSeed } from "./run-seed.ts";
import { describeSwarm, reproduce } from "./show.ts";
import { story } from "./story.ts";
import { rareMarks } from "./tally.ts";

const seeds = 300;

describe("simulated clusters", () => {
  test(`${seeds} seeds under faults: nothing is violated, each goes the same twice, and much goes wrong`, () => {
    const { found, tally } = runBatch({ from: 1, seeds, isTwice: true });
    expect(found.map(({ seed, checker, message }) => `${checker}: ${message}\n${reproduce(seed)}`)).toEqual(
      [],
    );
    expect(rareMarks(tally)).toEqual([]);
  }, 300_000);

  test.each(regressions)("once failed: $name", ({ swarm }) => {
    expect(runSeed(swarm.seed, swarm).violation).toBeNull();
  });

  test("a story has the task's attempts, causes before effects, and the options it is from", () => {
    const run = runSeed(5);
    const lines = [...story(run, 0)];
    expect(lines.some((line) => /AssignAttempt t0\.\d+ to w\d+/.test(line))).toBe(true);
    expect(lines.some((line) => line.includes("AssignAttempt t1."))).toBe(false);
    const shown = lines
      .map((line) => /^ *\d+ +(\d+) +(\d+) +(\d+|-) +(.*)/.exec(line))
      .filter((match) => match !== null)
      .map(([, lamport, entry, cause, what]) => ({
        lamport: Number(lamport),
        entry,
        cause: cause!,
        what: what!,
      }));
    const lamports = shown.map(({ lamport }) => lamport);
    expect(lamports.length).toBeGreaterThan(5);
    expect(lamports).toEqual([...lamports].sort((a, b) => a - b));
    const seen = new Set(["-"]);
    for (const { entry, cause, what } of shown) {
      if (/ t0\.\d+ (at|to|on)/.test(what)) expect(seen.has(cause), what).toBe(true);
      seen.add(entry!);
    }
    expect(describeSwarm(run.swarm)[0]).toBe("seed 5");
  });
});

describe("planted bugs", () => {
  const root = process.cwd();
  const labs: string[] = [];
  afterAll(() => {
    for (const lab of labs) rmSync(lab, { recursive: true, force: true });
  });

  test("there are at least 25, each can be planted, and no two have one name", () => {
    expect(mutations.length).toBeGreaterThanOrEqual(25);
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
    for (const mutation of mutations) {
      const source = readFileSync(path.join(root, mutation.file), "utf8");
      expect(plant(mutation, source), mutation.name).not.toBe(source);
    }
  });

  test("a text that is not there, or is there twice, is an error", () => {
    const mutation = { name: "x", bug: "", file: "a.ts", find: "b", replace: "c" };
    expect(() => plant(mutation, "a")).toThrow("0 times");
    expect(() => plant(mutation, "b b")).toThrow("2 times");
    expect(plant(mutation, "a b a")).toBe("a c a");
  });

  // The whole hunt is `npm run sim -- --mutations`; here are those that show within a few seeds.
  const quick = [
    ["late-loser-counts", null],
    ["duplicate-discards-winner", null],
    ["lost-outputs-not-remade", null],
    ["attempt-id-reused", null],
    ["checksum-skipped", "sequential-output"],
    ["effect-without-cause", "causality"],
  ] as const;

  test.each(quick)("%s is found", async (name, checker) => {
    mkdirSync(path.join(root, "tmp"), { recursive: true });
    const lab = mkdtempSync(path.join(root, "tmp", "sim-test-"));
    labs.push(lab);
    const bundle = path.join(lab, `${name}.mjs`);
    await bundleWith(
      mutations.find((mutation) => mutation.name === name)!,
      "test/sim/batch.ts",
      bundle,
    );
    const planted = (await import(pathToFileURL(bundle).href)) as {
      runBatch(order: Order, stopsEarly: boolean): Answer;
    };
    const { found } = planted.runBatch({ from: 1, seeds: 200, isTwice: false }, true);
    expect(found).toHaveLength(1);
    if (checker !== null) expect(found[0]!.checker).toBe(checker);
  });
});
