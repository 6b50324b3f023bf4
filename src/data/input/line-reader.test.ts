import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryDirectory, testHost } from "../../../test/kit/io.ts";
import type { TaskHost } from "../contract.ts";
import type { Piece } from "./cut.ts";
import { LineReader, type LineReaderOptions } from "./line-reader.ts";

const options: LineReaderOptions = {
  encoding: "utf8",
  invalid: "error",
  recordBytesMax: 1 << 20,
  expansionMax: 250,
  withFile: false,
};

/** The dumb twin: the lines whose first byte lies in [from, to), from the whole text in memory. */
function twin(bytes: Buffer, from: number, to: number): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const found = bytes.indexOf(10, at);
    const end = found === -1 ? bytes.length : found;
    if (at >= from && at < to) {
      const isCrLf = found > at && bytes[found - 1] === 13;
      const hasMark = at === 0 && bytes.subarray(0, 3).equals(Buffer.from("\ufeff"));
      const first = hasMark ? 3 : at;
      if (first < end || found !== -1) lines.push(bytes.toString("utf8", first, isCrLf ? end - 1 : end));
    }
    at = end + 1;
  }
  return lines;
}

function pieceOf(path: string, from?: number, to?: number): Piece {
  const { size, mtimeMs, ino } = statSync(path);
  return { file: { name: "in.txt", path, size, mtimeMs, ino }, from: from ?? 0, to: to ?? size };
}

async function readPiece(piece: Piece, bufferBytes: number, host: TaskHost = testHost()): Promise<string[]> {
  const lines: string[] = [];
  await new LineReader([piece], options, host, bufferBytes).read((line) => void lines.push(line as string));
  return lines;
}

const texts: readonly [string, string][] = [
  ["nothing", ""],
  ["only line ends", "\n\n\n"],
  ["only CRLF", "\r\n\r\n"],
  ["no final newline", "a\nbc"],
  ["blank lines and multi-byte characters", "añ\n\n€uro\n😀😀\n\nz\n"],
  ["CRLF and lone CR", "one\r\ntwo\rstill two\r\n\r\nthree\r"],
  ["CR at the end of the file", "a\n\r"],
  ["a mark", "\ufeffone\ntwo\n"],
  ["a mark and a line end", "\ufeff\n\ufeffx"],
  ["only a mark", "\ufeff"],
  ["NUL bytes", "a\0b\n\0\n"],
];

describe("the lines of a split", () => {
  it.each(texts)("are those that begin in it, for every split of: %s", async (_name, text) => {
    const path = join(temporaryDirectory(), "in.txt");
    const bytes = Buffer.from(text);
    writeFileSync(path, bytes);
    for (const bufferBytes of [4, 7, 1024]) {
      for (let from = 0; from <= bytes.length; from++) {
        for (let to = from; to <= bytes.length; to++) {
          if (from === to && bytes.length > 0) continue;
          const lines = await readPiece(pieceOf(path, from, to), bufferBytes);
          expect(lines, `bytes ${from} to ${to}, buffer ${bufferBytes}`).toEqual(twin(bytes, from, to));
        }
      }
    }
  });

  it("are all lines once, in order, for any text, cut anywhere", async () => {
    const path = join(temporaryDirectory(), "in.txt");
    const unit = fc.constantFrom(
      "a",
      "é",
      "€",
      "😀",
      "\n",
      "\n",
      "\r\n",
      "\r",
      " ",
      "\0",
      "long enough to cross a buffer ",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(unit, { maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 4, max: 64 }),
        async (units, splitBytes, bufferBytes) => {
          const bytes = Buffer.from(units.join(""));
          writeFileSync(path, bytes);
          const lines: string[] = [];
          for (let from = 0; from < bytes.length; from += splitBytes) {
            lines.push(
              ...(await readPiece(
                pieceOf(path, from, Math.min(bytes.length, from + splitBytes)),
                bufferBytes,
              )),
            );
          }
          expect(lines).toEqual(twin(bytes, 0, bytes.length));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("are the same from a gzip file", async () => {
    const path = join(temporaryDirectory(), "in.txt");
    for (const [, text] of texts) {
      writeFileSync(path, gzipSync(text));
      for (const bufferBytes of [4, 1024])
        expect(await readPiece(pieceOf(path), bufferBytes)).toEqual(twin(Buffer.from(text), 0, Infinity));
    }
  });

  it("are metered: each byte and record once, whatever was read beyond the split", async () => {
    const path = join(temporaryDirectory(), "in.txt");
    const text = "first\nsecond €\nthird line\n\nlast".repeat(50);
    writeFileSync(path, text);
    const { size } = statSync(path);
    const host = testHost();
    for (let from = 0; from < size; from += 10)
      await readPiece(pieceOf(path, from, Math.min(size, from + 10)), 16, host);
    expect(host.meter).toMatchObject({ bytesIn: size, recordsIn: text.split("\n").length, skipped: 0 });
  });
});

describe("a reader", () => {
  it("waits for each promise before the next line", async () => {
    const path = join(temporaryDirectory(), "in.txt");
    writeFileSync(path, "1\n2\n\u00e9\n4\n5");
    const order: string[] = [];
    await new LineReader([pieceOf(path)], options, testHost(), 4).read(async (line) => {
      order.push(`begin ${String(line)}`);
      await Promise.resolve();
      order.push(`end ${String(line)}`);
    });
    expect(order).toEqual(["1", "2", "é", "4", "5"].flatMap((line) => [`begin ${line}`, `end ${line}`]));
  });

  it("knows the line number of the line pushed last, in every split", async () => {
    const path = join(temporaryDirectory(), "in.txt");
    const text = "one\n\nthree\r\nfour €\nfive\n\nseven";
    writeFileSync(path, text);
    const all = text.split(/\r?\n/);
    const size = statSync(path).size;
    for (let splitBytes = 1; splitBytes <= size; splitBytes++) {
      for (let from = 0; from < size; from += splitBytes) {
        const reader = new LineReader(
          [pieceOf(path, from, Math.min(size, from + splitBytes))],
          options,
          testHost(),
          8,
        );
        await reader.read(async (line) => {
          const position = await reader.position();
          expect(position).toMatchObject({ file: "in.txt", unit: "line" });
          expect(all[(position.at as number) - 1]).toBe(line);
        });
      }
    }
  });

  it("counts line numbers within each file of a pack, gzip or not", async () => {
    const directory = temporaryDirectory();
    const pieces = ["a\nb\n", "c\n", "", "d\ne"].map((text, i) => {
      const path = join(directory, `${i}`);
      writeFileSync(path, i === 3 ? gzipSync(text) : text);
      return { ...pieceOf(path), file: { ...pieceOf(path).file, name: `${i}` } };
    });
    const reader = new LineReader(pieces, { ...options, withFile: true }, testHost());
    const seen: unknown[] = [];
    await reader.read(async (record) => void seen.push([record, (await reader.position()).at]));
    expect(seen).toEqual([
      [["0", "a"], 1],
      [["0", "b"], 2],
      [["1", "c"], 1],
      [["3", "d"], 1],
      [["3", "e"], 2],
    ]);
  });

  it("stops when the job is cancelled", async () => {
    const path = join(temporaryDirectory(), "in.txt");
    writeFileSync(path, "x\n".repeat(200_000));
    let ticks = 0;
    const host: TaskHost = {
      ...testHost(),
      tick() {
        if (++ticks === 4) throw new Error("cancelled");
      },
    };
    let lines = 0;
    await expect(new LineReader([pieceOf(path)], options, host).read(() => void lines++)).rejects.toThrow(
      "cancelled",
    );
    expect(lines).toBeLessThan(200_000);
  });
});
