import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { bytesOf } from "./bytes.ts";
import { EachInputs, type InputOptions, type InputSource } from "./inputs.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-inputs-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function all(sources: readonly InputSource[], options: InputOptions = {}): Promise<string[]> {
  const jobs: string[] = [];
  for await (const args of new EachInputs(sources, options)) jobs.push(args.join(" "));
  return jobs;
}

const values = (...items: string[]): InputSource => ({ values: items });
const linked = (...items: string[]): InputSource => ({ values: items, isLinked: true });
const stream = (...chunks: (string | Uint8Array)[]): InputSource => ({
  stream: Readable.from(chunks, { objectMode: true }),
});

describe("sources (as GNU parallel combines them)", () => {
  test("are combined; the last changes first", async () => {
    expect(await all([values("1", "2"), values("a", "b", "c")])).toEqual([
      "1 a",
      "1 b",
      "1 c",
      "2 a",
      "2 b",
      "2 c",
    ]);
    expect(
      await all([values("a"), values("1", "2"), values("3", "4"), linked("5", "6"), values("7")]),
    ).toEqual(["a 1 3 5 7", "a 1 4 6 7", "a 2 3 5 7", "a 2 4 6 7"]);
  });

  test("that are linked go along up to the shortest", async () => {
    expect(await all([values("1", "2", "3"), linked("5", "6")])).toEqual(["1 5", "2 6"]);
    expect(await all([values("1", "2"), linked("5", "6"), linked("x", "y", "z")])).toEqual([
      "1 5 x",
      "2 6 y",
    ]);
  });

  test("one of which is empty give nothing", async () => {
    expect(await all([values("1", "2"), values()])).toEqual([]);
    expect(await all([values("1", "2"), linked()])).toEqual([]);
    expect(await all([])).toEqual([]);
  });

  test("know how many jobs there are, unless they must be read for it", () => {
    const count = (sources: InputSource[], maxArgs = 1): number | null =>
      new EachInputs(sources, { maxArgs }).count;
    expect(count([values("1", "2"), values("a", "b", "c")])).toBe(6);
    expect(count([values("1", "2", "3"), linked("5", "6")])).toBe(2);
    expect(count([values("1", "2", "3", "4", "5")], 2)).toBe(3);
    expect(count([values("1"), stream("a")])).toBeNull();
    expect(count([])).toBe(0);
  });

  test("are cut into jobs of several arguments", async () => {
    expect(await all([values("1", "2", "3", "4", "5")], { maxArgs: 2 })).toEqual(["1 2", "3 4", "5"]);
    expect(await all([values("1", "2", "3"), values("a", "b")], { maxArgs: 2 })).toEqual([
      "1 a 1 b",
      "2 a 2 b",
      "3 a 3 b",
    ]);
  });

  test("an endless first one is read only as far as it is asked for", async () => {
    let made = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) yield `${made++}\n`;
      })(),
      { highWaterMark: 1 },
    );
    const jobs = new EachInputs([{ stream: endless }, values("a", "b")])[Symbol.asyncIterator]();
    for (const expected of ["0 a", "0 b", "1 a"]) expect((await jobs.next()).value?.join(" ")).toBe(expected);
    expect(made).toBeLessThan(10);
  });
});

describe("lines", () => {
  test("are the same however the bytes come in pieces", async () => {
    const texts = fc.array(
      fc.string({ unit: fc.constantFrom("a", "é", "💀", "\r", "\t", "\udce9", " "), maxLength: 6 }),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(
        texts,
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (lines, hasEnd, cuts) => {
          // A last line that is empty and has no end is none.
          const expected = !hasEnd && lines.at(-1) === "" ? lines.slice(0, -1) : lines;
          const bytes = bytesOf(lines.join("\n") + (hasEnd && lines.length > 0 ? "\n" : ""));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const length = cuts[i % cuts.length]!;
            chunks.push(bytes.subarray(at, at + length));
            at += length;
          }
          expect(await all([stream(...chunks)])).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("end as is said", async () => {
    expect(await all([stream("a\0b\nc\0")], { delimiter: "\0" })).toEqual(["a", "b\nc"]);
    expect(await all([stream("a,b\n,c")], { delimiter: "," })).toEqual(["a", "b\n", "c"]);
    expect(await all([stream("")])).toEqual([]);
    expect(await all([stream("\n")])).toEqual([""]);
  });

  test("of files, several times", async () => {
    const file = path.join(directory, "list");
    writeFileSync(file, "x\ny\n");
    expect(await all([{ file }, { file }])).toEqual(["x x", "x y", "y x", "y y"]);
    expect(await all([{ file }, { file, isLinked: true }])).toEqual(["x x", "y y"]);
  });

  test.each([
    ["a file that is not there", () => ({ file: path.join(directory, "none") }), "INPUT_NOT_FOUND"],
    ["a directory", () => ({ file: directory }), "INPUT_UNREADABLE"],
    ["a NUL byte", () => stream("a\nb\0c\n"), "INPUT_CORRUPT"],
    [
      "a line without end",
      () => stream(...Array<Buffer>(70).fill(Buffer.alloc(65_536, 97))),
      "RECORD_TOO_LARGE",
    ],
  ])("%s is refused", async (_what, source, code) => {
    await expect(all([source()])).rejects.toMatchObject({ code });
  });

  test("a read that waits ends when the inputs are closed", async () => {
    const waiting = new PassThrough();
    const inputs = new EachInputs([{ stream: waiting }]);
    const next = inputs[Symbol.asyncIterator]().next();
    inputs.close();
    expect((await next).done).toBe(true);
    expect(waiting.destroyed).toBe(true);
  });
});
