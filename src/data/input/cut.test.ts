import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planSource, recordsOf, runSource, temporaryDirectory } from "../../../test/kit/io.ts";
import { read } from "../sources.ts";
import { cutFiles, defaultSplitBytes, piecesOf, toSplit } from "./cut.ts";
import type { FileRef } from "./file.ts";

const MiB = 2 ** 20;
const file = (size: number, i: number): FileRef => ({
  name: `f${i}`,
  path: `/in/f${i}`,
  size,
  mtimeMs: 1.5,
  ino: i,
});

describe("cutFiles", () => {
  it("covers every byte of every file once, in order, in splits that are not too large", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { maxLength: 40 }),
        fc.integer({ min: 1, max: 120 }),
        (sizes, splitBytes) => {
          const files = sizes.map(file);
          const splits = cutFiles(files, splitBytes, ({ ino }) => ino % 5 !== 0);
          const pieces = splits.flat();
          let at = 0;
          for (const [i, piece] of pieces.entries()) {
            const previous = pieces[i - 1];
            expect(piece.from).toBe(previous?.file === piece.file ? previous.to : 0);
            if (piece.from === 0) expect(piece.file).toBe(files[at++]);
            if (pieces[i + 1]?.file !== piece.file) expect(piece.to).toBe(piece.file.size);
          }
          expect(at).toBe(files.length);
          for (const split of splits) {
            const bytes = split.reduce((sum, { from, to }) => sum + to - from, 0);
            if (split.length > 1 || split[0]!.file.ino % 5 !== 0)
              expect(bytes).toBeLessThanOrEqual(splitBytes);
          }
          for (let i = 1; i < splits.length; i++) {
            // consecutive small files are together: no two neighbours would fit into one split
            const both = [...splits[i - 1]!, ...splits[i]!];
            const isSmall = both.every(({ file: { size } }) => size <= splitBytes);
            if (isSmall)
              expect(both.reduce((sum, { from, to }) => sum + to - from, 0)).toBeGreaterThan(splitBytes);
          }
        },
      ),
    );
  });

  it("cuts a large file into pieces of equal size", () => {
    const sizes = cutFiles([file(1000, 1)], 300, () => true).map(([piece]) => piece!.to - piece!.from);
    expect(sizes).toEqual([250, 250, 250, 250]);
  });

  it("survives its way through JSON", () => {
    const pieces = [
      { file: file(10, 1), from: 0, to: 10 },
      { file: file(30, 2), from: 10, to: 20 },
    ];
    expect(piecesOf(JSON.parse(JSON.stringify(toSplit(pieces, { directory: "/in" }))))).toEqual(pieces);
  });
});

describe("the default size of a split", () => {
  it.each([
    [0, MiB],
    [MiB / 2, MiB],
    [4 * MiB, 2 * MiB],
    [256 * MiB, 16 * MiB],
    [1024 * MiB, 32 * MiB],
    [2 ** 40, 64 * MiB],
  ])("of %i bytes of input is %i", (inputBytes, splitBytes) => {
    expect(defaultSplitBytes(inputBytes)).toBe(splitBytes);
  });
});

describe("splits of files", () => {
  it("never cut gzip files, whatever they are called", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "a"), gzipSync("x\n".repeat(1000), { level: 0 }));
    writeFileSync(join(directory, "b.gz"), "y\n".repeat(1000));
    const plan = await planSource(read.lines("*"), directory, 500);
    expect(plan.splits.map(({ label }) => label)).toEqual([
      "a",
      "b.gz 0 B to 500 B",
      "b.gz 500 B to 1000 B",
      "b.gz 1000 B to 1.46 KiB",
      "b.gz 1.46 KiB to 1.95 KiB",
    ]);
    expect(recordsOf(await runSource(read.lines("*"), directory, 500))).toHaveLength(2000);
  });

  it("are few for 100,000 files, which are all read", async () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 100; i++) {
      mkdirSync(join(directory, `d${i}`));
      for (let j = 0; j < 1000; j++)
        writeFileSync(join(directory, `d${i}/f${j}.txt`), i === 50 && j === 7 ? "found\n" : "");
    }
    for (const pattern of [".", "**/*.txt"]) {
      const plan = await planSource(read.lines(pattern), directory);
      expect(plan.files).toBe(100_000);
      expect(plan.splits.length).toBeLessThanOrEqual(32);
    }
    expect(recordsOf(await runSource(read.lines("**"), directory))).toEqual(["found"]);
  });
});
