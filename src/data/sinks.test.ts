import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryDirectory, testHost, writeSink } from "../../test/kit/io.ts";
import { isShoalError, type ErrorCode } from "../errors.ts";
import { Dataset } from "../plan/dataset.ts";
import { sinkNamed, sinks } from "./sinks.ts";
import { read } from "./sources.ts";

const target = (): string => join(temporaryDirectory(), "part-00000");

async function written(sink: string, records: readonly unknown[]): Promise<string> {
  const file = target();
  await writeSink(sinkNamed(sink)!, file, records);
  return readFileSync(file, "utf8");
}

async function collected(parts: readonly (readonly unknown[])[]): Promise<unknown[]> {
  const directory = temporaryDirectory();
  const files: string[] = [];
  for (const [i, records] of parts.entries()) {
    files.push(join(directory, `${i}`));
    await writeSink(sinkNamed("collect")!, files[i]!, records);
  }
  return (await sinkNamed("collect")!.result!(files, {})) as unknown[];
}

async function refused(sink: string, record: unknown, code: ErrorCode, word: string): Promise<void> {
  const error: unknown = await writeSink(sinkNamed(sink)!, target(), ["fine", record]).catch(
    (thrown: unknown) => thrown,
  );
  expect(isShoalError(error, code), String(error)).toBe(true);
  expect(`${(error as Error).message} ${(error as { hint: string }).hint}`).toContain(word);
}

class Account {
  readonly owner = "ada";
}

describe("write.text", () => {
  it("prints strings as they are, and numbers, bigints and booleans", async () => {
    expect(await written("text", ["a\tb\\", "", "é€😀\0", 1.5, -0, NaN, 10n, true])).toBe(
      "a\tb\\\n\né€😀\0\n1.5\n-0\nNaN\n10\ntrue\n",
    );
    expect(await written("text", [])).toBe("");
  });

  it.each<[unknown, ErrorCode, string]>([
    ["a\nb", "RECORD_INVALID", "write.tsv"],
    ["a\r", "RECORD_INVALID", "write.tsv"],
    [{}, "RECORD_INVALID", "an object"],
    [["a"], "RECORD_INVALID", "an array"],
    [null, "RECORD_INVALID", "null"],
    [undefined, "RECORD_INVALID", "undefined"],
    [() => 1, "RECORD_INVALID", "function"],
    ["x\ud800y", "VALUE_INVALID", "\\ud800 at index 1"],
  ])("refuses case %#", async (record, code, word) => {
    await refused("text", record, code, word);
  });
});

/** The other way round of write.tsv, for its strings. */
const unescape = (cell: string): string =>
  cell.replace(/\\(.)/g, (_all, c: string) => ({ t: "\t", n: "\n", r: "\r" })[c] ?? c);

describe("write.tsv", () => {
  it.each<[unknown, string]>([
    [["key", 1], "key\t1"],
    [["a\tb\nc\rd\\e", "", "\\N"], "a\\tb\\nc\\rd\\\\e\t\t\\\\N"],
    [[null, undefined], "\\N\t\\N"],
    [[-0, NaN, Infinity, 1e21, 0.1], "-0\tNaN\tInfinity\t1e+21\t0.1"],
    [[12n, true], "12\ttrue"],
    [[new Date(0)], "1970-01-01T00:00:00.000Z"],
    [["k", ["a", { b: "x\ty" }]], 'k\t["a",{"b":"x\\\\ty"}]'],
    ["scalar", "scalar"],
    [7, "7"],
    [null, "\\N"],
    [{ a: 1 }, '{"a":1}'],
    [["😀", "__proto__"], "😀\t__proto__"],
  ])("prints case %#", async (record, line) => {
    expect(await written("tsv", [record])).toBe(`${line}\n`);
  });

  it.each<[unknown, ErrorCode, string]>([
    [["k", () => 1], "VALUE_INVALID", "record[1]: function"],
    [["k", { user: { save() {} } }], "VALUE_INVALID", "record[1].user.save: function"],
    [["k", Symbol("s")], "VALUE_INVALID", "record[1]: Symbol(s)"],
    [["k", new Account()], "VALUE_INVALID", "record[1]: an instance of Account"],
    [["k", 1, new Map()], "VALUE_INVALID", "record[2]: an instance of Map"],
    [["k", [NaN]], "VALUE_INVALID", "record[1][0]: NaN"],
    [["k", new Date(NaN)], "VALUE_INVALID", "record[1]"],
    [["\udfff"], "VALUE_INVALID", "record[0]"],
    [[], "RECORD_INVALID", "empty array"],
    [Promise.resolve(1), "VALUE_INVALID", "record: a Promise"],
  ])("refuses case %#", async (record, code, word) => {
    await refused("tsv", record, code, word);
  });

  it("prints different strings differently, each on one line, and back", async () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "\t", "\n", "\r", "\\", "t", "N", "é", "😀", "\0", "\u2028"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(text, { minLength: 1, maxLength: 3 }), { minLength: 1 }),
        async (records) => {
          const lines = (await written("tsv", records)).split("\n");
          expect(lines.pop()).toBe("");
          expect(lines.map((line) => line.split("\t").map(unescape))).toEqual(records);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("counts records and bytes, over many flushes", async () => {
    const file = target();
    const host = await writeSink(
      sinkNamed("tsv")!,
      file,
      Array.from({ length: 200_000 }, (_, i) => [`key ${i} €`, i]),
    );
    const text = readFileSync(file);
    expect(text.toString().split("\n")).toHaveLength(200_001);
    expect(host.meter).toMatchObject({ recordsOut: 200_000, bytesOut: text.length });
  });
});

describe("collect", () => {
  it("gives the records of all tasks in order, as they were", async () => {
    const cyclic: unknown[] = [1];
    cyclic.push(cyclic);
    const records = [
      undefined,
      null,
      -0,
      NaN,
      10n,
      "\ud800",
      new Date(5),
      new Map([["a", new Set([1])]]),
      new Uint8Array([1, 2]),
      Buffer.from("x"),
      cyclic,
      { __proto__: null, a: [] },
      /x/g,
      [1, "two"],
    ];
    const result = await collected([records.slice(0, 5), [], records.slice(5)]);
    expect(result).toEqual(records);
    expect(Object.is(result[2], -0)).toBe(true);
    expect(Buffer.isBuffer(result[9])).toBe(true);
    expect((result[10] as unknown[])[1]).toBe(result[10]);
  });

  it("gives back any plain data", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.anything({
            withMap: true,
            withSet: true,
            withDate: true,
            withBigInt: true,
            withTypedArray: true,
          }),
        ),
        async (records) => {
          expect(await collected([records])).toEqual(records);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("keeps keys that bite as plain data", async () => {
    const record: unknown = JSON.parse('{"__proto__":{"polluted":1},"constructor":2}');
    const [result] = await collected([[record]]);
    expect(Object.keys(result as object)).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it("takes each record as it is when it is pushed, whatever is done to it later", async () => {
    const file = target();
    const writer = await sinkNamed("collect")!.open(file, {}, testHost());
    const flat: unknown[] = [0];
    const deep = { n: { i: 0 } };
    for (let i = 0; i < 100; i++) {
      flat[0] = deep.n.i = i;
      await writer.push(flat);
      await writer.push(deep);
    }
    await writer.finish();
    expect(await sinkNamed("collect")!.result!([file], {})).toEqual(
      Array.from({ length: 100 }, (_, i) => [[i], { n: { i } }]).flat(),
    );
  });

  it("has the same file for the same records, of any sizes", async () => {
    const records = Array.from({ length: 3000 }, (_, i) => (i % 7 === 0 ? "x".repeat(i * 100) : [i, "y"]));
    expect(await collected([records])).toEqual(records);
    const [a, b] = [target(), target()];
    for (const file of [a, b]) await writeSink(sinkNamed("collect")!, file, records);
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
  });

  it.each<[unknown, string]>([
    [[1, { user: { save() {} } }], "record[1].user.save: function"],
    [new Account(), "an instance of Account"],
    [{ a: Promise.resolve() }, "record.a: a Promise"],
    [Object.assign([1], { f() {} }), "could not be cloned"],
    [new Proxy({}, {}), "could not be cloned"],
  ])("refuses case %#", async (record, word) => {
    await refused("collect", record, "VALUE_INVALID", word);
  });

  it("finds every damaged byte and every truncation of a result file", async () => {
    const file = target();
    await writeSink(
      sinkNamed("collect")!,
      file,
      Array.from({ length: 40 }, (_, i) => [`key ${i}`, i]),
    );
    const good = readFileSync(file);
    const read = (bytes: Buffer): Promise<unknown> => {
      writeFileSync(file, bytes);
      return sinkNamed("collect")!.result!([file], {});
    };
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1 << (at % 8);
      await expect(read(bad), `byte ${at}`).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
    }
    const whole = (await read(good)) as unknown[];
    for (let length = 1; length < good.length; length++) {
      const result = await read(good.subarray(0, length)).catch(() => null);
      // a file that ends where a frame does looks whole: files are only read when they were finished
      if (result !== null) expect((result as unknown[]).length).toBeLessThan(whole.length);
    }
  });
});

describe("count", () => {
  it("adds up the records of all tasks", async () => {
    const directory = temporaryDirectory();
    const files = [3, 0, 5].map((n, i) => ({ n, file: join(directory, `${i}`) }));
    for (const { n, file } of files)
      await writeSink(
        sinkNamed("count")!,
        file,
        Array.from({ length: n }, () => undefined),
      );
    expect(
      await sinkNamed("count")!.result!(
        files.map(({ file }) => file),
        {},
      ),
    ).toBe(8);
    writeFileSync(files[1]!.file, "");
    await expect(
      sinkNamed("count")!.result!(
        files.map(({ file }) => file),
        {},
      ),
    ).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  });
});

describe("every sink", () => {
  const names = sinks.map(({ name }) => name);

  it.each(names)("%s never writes into a file that exists, and closes what it opened", async (name) => {
    const file = target();
    writeFileSync(file, "old");
    await expect(writeSink(sinkNamed(name)!, file, [])).rejects.toMatchObject({
      code: "OUTPUT_FAILED",
      message: expect.stringContaining(file),
    });
    expect(readFileSync(file, "utf8")).toBe("old");
    const open = (): number => readdirSync("/proc/self/fd").length;
    const before = open();
    const directory = temporaryDirectory();
    for (let i = 0; i < 20; i++) {
      const writer = await sinkNamed(name)!.open(join(directory, `${i}`), {}, testHost());
      await writer.push("x");
      if (i % 2 === 0) await writer.finish();
      await writer.abort();
    }
    expect(open()).toBe(before);
  });

  it.each(names)("%s tells a full disk", async (name) => {
    const directory = temporaryDirectory();
    const disk = join(directory, "disk");
    mkdirSync(disk);
    if (!mountSmallDisk(disk)) return; // mounting needs root: elsewhere the row is shown by the tests that run as root
    writeFileSync(join(disk, "filler"), Buffer.alloc(60 * 1024));
    const file = join(disk, "part-00000");
    const writer = await sinkNamed(name)!.open(file, {}, testHost());
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 2000; i++) await writer.push(`record ${i} ${"x".repeat(100)}`);
      writeFileSync(join(disk, "last"), "");
      execFileSync("sh", ["-c", `head -c 100000 /dev/zero > "${disk}/last" || true`], { stdio: "ignore" });
      await writer.finish();
    };
    await expect(fill()).rejects.toMatchObject({
      code: "OUTPUT_FAILED",
      message: expect.stringContaining("disk is full"),
      details: { path: file, reason: "ENOSPC" },
    });
    await writer.abort();
  });
});

function mountSmallDisk(path: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", path], { stdio: "ignore" });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync("umount", [path]));
  return true;
}

describe("the methods of the sinks", () => {
  it("end a plan", () => {
    const lines = read.lines("in.txt");
    expect(lines.write.text("out").node).toEqual({
      kind: "sink",
      parent: lines.node,
      sink: "text",
      options: { output: "out" },
    });
    expect(lines.write.tsv("out").node).toMatchObject({ sink: "tsv", options: { output: "out" } });
    expect(lines.collect().node).toMatchObject({ sink: "collect", options: {} });
    expect(lines.count().node).toMatchObject({ sink: "count" });
    expect(lines).toBeInstanceOf(Dataset);
  });

  it.each([
    ["", "an empty string"],
    [undefined, "undefined"],
    [5, "number"],
  ])("refuse the output %j", (output, word) => {
    expect(() => read.lines("in.txt").write.tsv(output as string)).toThrow(word);
    expect(() => read.lines("in.txt").write.text(output as string)).toThrow(word);
    expect(existsSync("undefined")).toBe(false);
  });
});
