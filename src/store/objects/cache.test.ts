import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ObjectCache } from "./cache.ts";

let directory: string;
beforeEach(() => void (directory = mkdtempSync(path.join(tmpdir(), "shoal-cache-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const files = (): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
const piece = (n: number, bytes = 1000): Buffer => Buffer.alloc(bytes, n);

test("what was kept is found, by every cache of the directory, by its name and size only", () => {
  new ObjectCache(directory, 2 ** 20).keep("a", piece(1));
  const other = new ObjectCache(directory, 2 ** 20);
  expect(other.find("a", 1000)).toEqual(piece(1));
  expect(other.find("b", 1000)).toBeNull();
  expect(other.find("a", 999)).toBeNull();
  expect(other.find("a", 1000)).toBeNull(); // a size that is wrong once is a damaged file
});

test("a byte that has flipped, and a file that was cut off, are not found", () => {
  const cache = new ObjectCache(directory, 2 ** 20);
  for (let at = 0; at < 1004; at += 17) {
    cache.keep("a", piece(1));
    const [file] = files();
    const bytes = readFileSync(file!);
    bytes[at]! ^= 4;
    writeFileSync(file!, bytes);
    expect(cache.find("a", 1000)).toBeNull();
    expect(files()).toEqual([]);
  }
  cache.keep("a", piece(1));
  writeFileSync(files()[0]!, readFileSync(files()[0]!).subarray(0, 500));
  expect(cache.find("a", 1000)).toBeNull();
});

test("it is bounded: what was used longest ago goes first", () => {
  const cache = new ObjectCache(directory, 100_000);
  for (let i = 0; i < 90; i++) cache.keep(`p${i}`, piece(i));
  for (const [i, file] of files().entries()) utimesSync(file, 1000 + i, 1000 + i);
  expect(cache.find("p5", 1000)).not.toBeNull();
  for (let i = 90; i < 140; i++) cache.keep(`p${i}`, piece(i));
  const kept = files().reduce((sum, file) => sum + statSync(file).size, 0);
  expect(kept).toBeLessThan(100_000 + 64 * 1004);
  expect(cache.find("p5", 1000)).toEqual(piece(5));
  const left = Array.from({ length: 90 }, (_, i) => cache.find(`p${i}`, 1000)).filter(
    (found) => found !== null,
  );
  expect(left.length).toBeLessThan(60);
  for (let i = 90; i < 140; i++) expect(cache.find(`p${i}`, 1000)).toEqual(piece(i));
});

test("no bytes, and no directory: nothing is kept, and nothing fails", () => {
  new ObjectCache(directory, 0).keep("a", piece(1));
  expect(files()).toEqual([]);
  writeFileSync(path.join(directory, "file"), "");
  const nowhere = new ObjectCache(path.join(directory, "file"), 2 ** 20);
  nowhere.keep("a", piece(1));
  expect(nowhere.find("a", 1000)).toBeNull();
});
