import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { defaultLimits } from "../../core/types.ts";
import { jobId } from "../../base/ids.ts";
import { objectPieces } from "../../data/input/object-pieces.ts";
import { ObjectCache, pieceDigest } from "../../store/objects/cache.ts";
import type { DriverJob } from "../driver.ts";
import { Copies, copiesText, textOf } from "./copies.ts";

const MiB = 2 ** 20;
const mounts = { mounts: [], stores: { s3: { endpoint: "http://127.0.0.1:1", region: null } } };
/** A piece of `s3://lake/<name>` as it travels. */
const split = (name: string, size: number, from: number, to: number) => ({
  label: name,
  bytes: to - from,
  data: { directory: "/", mounts, pieces: [[`s3://lake/${name}`, size, 0, 0, from, to, '"e1"']] },
});
const splits = [
  split("a", 2.5 * MiB, 0, 1.5 * MiB),
  split("a", 2.5 * MiB, 1.5 * MiB, 2.5 * MiB),
  split("b", 100, 0, 100),
  split("empty", 0, 0, 0),
];
const nameOf = (object: string, size: number, from: number): string =>
  JSON.stringify(["s3", "http://127.0.0.1:1", "lake", object, '"e1"', from, Math.min(size, from + MiB)]);

const job = {
  spec: {
    id: jobId("j1"),
    limits: defaultLimits,
    stages: [
      { name: "values", tasks: 2, reads: [], output: "blocks" },
      { name: "read", tasks: 4, reads: [], output: "blocks" },
    ],
  },
  pieces: (stage: number, index: number) => (stage === 1 ? objectPieces(splits[index]!) : []),
} as unknown as DriverJob;

test("what a worker's cache has of the input is found by task, in bytes", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "shoal-copies-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const cache = new ObjectCache(directory, 100 * MiB);
  cache.keep(nameOf("a", 2.5 * MiB, MiB), Buffer.alloc(MiB));
  cache.keep(nameOf("a", 2.5 * MiB, 2 * MiB), Buffer.alloc(MiB / 2));
  cache.keep(nameOf("b", 100, 0), Buffer.alloc(100));
  cache.keep("something else", Buffer.alloc(1));
  writeFileSync(path.join(directory, "not a folder"), "");
  // The second piece of "a" is in two splits; the third is half a piece.
  expect(Copies.of(job)!.heldBy(copiesText(cache))).toEqual([
    [2, MiB],
    [3, 1.5 * MiB],
    [4, 100],
  ]);
});

test("an empty cache, and one that is not there, have nothing; a text that is none is none", () => {
  const copies = Copies.of(job)!;
  expect(copies.heldBy(copiesText(new ObjectCache("/nowhere/at/all", 100)))).toEqual([]);
  expect(copies.heldBy("%%%")).toEqual([]);
  expect(copies.heldBy(textOf(Uint32Array.of(pieceDigest(nameOf("b", 100, 0)))).slice(0, 3))).toEqual([]);
});

test("a job that reads no objects asks nobody", () => {
  expect(Copies.of({ spec: job.spec } as unknown as DriverJob)).toBeNull();
  expect(objectPieces({ data: [0, 7] })).toEqual([]);
  expect(objectPieces({ data: { directory: "/", pieces: [["a.txt", 5, 1, 2, 0, 5]] } })).toEqual([]);
});
