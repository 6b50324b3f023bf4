import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { planFiles } from "../../data/input/plan-files.ts";
import type { PreparedJob } from "../../protocol/run.ts";
import { jobKey } from "../job-key.ts";
import { splitHash, splitHashes, splitKey } from "./split-keys.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), "shoal-splits-"));
  for (const [name, text] of Object.entries({ a: "one\n", b: "two\n", c: "three\n" })) write(name, text);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(path.join(directory, name), text);
const splits = async (splitBytes = 6): Promise<PreparedJob["splits"]> =>
  (await planFiles({ input: ["*"] }, { splitBytes, directory }, true)).splits;
const keys = async (splitBytes?: number): Promise<string[]> => (await splits(splitBytes)).map(splitKey);
const hashes = async (splitBytes?: number): Promise<(string | null)[]> =>
  await Promise.all((await splits(splitBytes)).map(splitHash));
const touch = (name: string): void =>
  utimesSync(path.join(directory, name), new Date(), new Date(Date.now() + 5000));

test("the key is the same for the same files, wherever their directory is, and another for each split", async () => {
  const before = await keys();
  expect(new Set(before).size).toBe(3);
  expect(await keys()).toEqual(before);
  const moved = `${directory}-moved`;
  renameSync(directory, moved);
  const there = (await planFiles({ input: ["*"] }, { splitBytes: 6, directory: moved }, true)).splits.map(
    splitKey,
  );
  renameSync(moved, directory);
  expect(there).toEqual(before);
});

test("content, size, time, name and range change the key; content and name change the hash, time does not", async () => {
  const [key, hash] = [await keys(), await hashes()];
  touch("b");
  expect((await keys())[1]).not.toBe(key[1]);
  expect(await hashes()).toEqual(hash);
  write("b", "tow\n");
  expect((await hashes())[1]).not.toBe(hash[1]);
  expect((await hashes())[0]).toBe(hash[0]);
  renameSync(path.join(directory, "a"), path.join(directory, "aa"));
  expect((await keys())[0]).not.toBe(key[0]);
  expect((await hashes())[0]).not.toBe(hash[0]);
  expect(new Set(await keys(2)).size).toBe((await splits(2)).length);
});

test("parts of files and large ones have no hash, nor one that has changed since it was planned", async () => {
  expect(await hashes(2)).toEqual((await splits(2)).map(() => null));
  const planned = await splits();
  write("c", "other\n");
  expect(await splitHash(planned[2]!)).toBeNull();
  write("big", "x".repeat(9 * 2 ** 20));
  const [big] = (await splits(2 ** 30)).slice(-1);
  expect(await splitHash(big!)).toBeNull();
});

test("values in the plan have a key and no hash", async () => {
  const values = (data: unknown): PreparedJob["splits"][number] => ({ label: "values", bytes: 3, data });
  expect(splitKey(values([0, 4]))).not.toBe(splitKey(values([4, 8])));
  expect(await splitHash(values([0, 4]))).toBeNull();
});

test("hashes are made while they are wanted, and not of what is known or cannot be read", async () => {
  const planned = await splits();
  const all: number[] = [];
  rmSync(path.join(directory, "b"));
  for await (const [task] of splitHashes(planned, new Map([[0, "known"]]), () => true)) all.push(task);
  expect(all).toEqual([2]);
  for await (const _ of splitHashes(planned, new Map(), () => false)) expect.unreachable();
});

test("a command's key: the same for the same job and output, whatever the parameters; of values, with them", () => {
  const key = (more: Partial<Parameters<typeof jobKey>[0]> = {}, name = "wc"): string =>
    jobKey({
      description: { name, file: path.join(directory, "jobs/wc.ts"), parameters: [] },
      parameters: { limit: 1 },
      output: path.join(directory, "out"),
      directory,
      ...more,
    });
  expect(key()).toMatch(/^wc-[0-9a-f]{10}$/);
  expect(key({ parameters: { limit: 2 } })).toBe(key());
  expect(key({ output: path.join(directory, "other") })).not.toBe(key());
  expect(key({}, "wc#2")).not.toBe(key());
  expect(key({ output: null })).not.toBe(key());
  expect(key({ output: null, parameters: { limit: 2 } })).not.toBe(key({ output: null }));
  expect(key({}, "../häßlich name")).toMatch(/^-h-lich-name-[0-9a-f]{10}$/);
});
