// Bad input and odd input, row by row (RELIABILITY.md §5, "Files"): a clear error that names file and place, or the
// right result, never a hang and never a silent change.

import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  planSource,
  recordsOf,
  runSource,
  sourceOf,
  temporaryDirectory,
  testHost,
} from "../../test/kit/io.ts";
import type { ErrorCode, ShoalError } from "../errors.ts";
import { read } from "./sources.ts";

/** The error of `action`, which must have `code` and name all of `words`. */
async function failure(action: Promise<unknown>, code: ErrorCode, ...words: string[]): Promise<ShoalError> {
  const error = (await action.then(
    () => null,
    (thrown: unknown) => thrown,
  )) as ShoalError | null;
  expect(error, "expected an error").not.toBeNull();
  expect({ code: error!.code, message: error!.message }).toEqual({ code, message: error!.message });
  for (const word of words) expect(error!.message).toContain(word);
  return error!;
}

const write = (directory: string, name: string, contents: string | Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
};

const linesOf = async (
  contents: string | Uint8Array,
  options = {},
  splitBytes: number | null = null,
): Promise<unknown[]> => {
  const directory = temporaryDirectory();
  write(directory, "in.txt", contents);
  return recordsOf(await runSource(read.lines("in.txt", options), directory, splitBytes));
};

describe("texts of all kinds", () => {
  it.each<[string, string | Uint8Array, unknown[]]>([
    ["empty", "", []],
    ["only newlines", "\n\n", ["", ""]],
    ["no final newline", "a\nb", ["a", "b"]],
    ["CRLF", "a\r\nb\r\n", ["a", "b"]],
    ["a lone CR", "a\rb\n", ["a\rb"]],
    ["a byte order mark", "\ufeffa\n\ufeffb", ["a", "\ufeffb"]],
    ["NUL bytes", "a\0b\n", ["a\0b"]],
    ["several gzip members", Buffer.concat([gzipSync("a\nb"), gzipSync("c\nd")]), ["a", "bc", "d"]],
    ["an empty gzip member", Buffer.concat([gzipSync(""), gzipSync("a\n"), gzipSync("")]), ["a"]],
    ["a gzip file padded with zeros", Buffer.concat([gzipSync("a\n"), Buffer.alloc(1000)]), ["a"]],
    ["what only begins like gzip", Buffer.from([0x1f, 0x0a]), ["\x1f"]],
  ])("%s", async (_name, contents, expected) => {
    expect(await linesOf(contents)).toEqual(expected);
    const directory = temporaryDirectory();
    write(directory, "in.txt", contents);
    const [record] = recordsOf(await runSource(read.files("in.txt"), directory)) as [[string, string]];
    const text = record[1].replace(/\r?\n$/, "");
    expect(record[1] === "" ? [] : text.split(/\r?\n/)).toEqual(expected);
  });

  it("latin1 takes each byte for a character", async () => {
    expect(await linesOf(Buffer.from([0xef, 0xbb, 0xbf, 0xe9, 10, 0xff]), { encoding: "latin1" })).toEqual([
      "ï»¿é",
      "ÿ",
    ]);
  });

  it("every split size gives the same lines", async () => {
    const directory = temporaryDirectory();
    const text = "añ\r\n\n€uro\n😀😀\n\nz";
    const { length } = Buffer.from(text);
    write(directory, "a.txt", text);
    write(directory, "b.txt", "");
    write(directory, "c.txt", gzipSync(text));
    const expected = [...text.split(/\r?\n/), ...text.split(/\r?\n/)];
    for (let splitBytes = 1; splitBytes <= length + 1; splitBytes++) {
      const run = await runSource(read.lines("*.txt"), directory, splitBytes);
      expect(recordsOf(run)).toEqual(expected);
      expect(run.host.meter.bytesIn).toBe(run.plan.bytes);
    }
  });
});

describe("text that is not UTF-8", () => {
  const bad = Buffer.concat([
    Buffer.from("one\ntwo €\n"),
    Buffer.from([0x61, 0xe9, 0x62]),
    Buffer.from("\nfour\n"),
  ]);

  it("fails with file, line and byte, in every split", async () => {
    for (let splitBytes = 1; splitBytes <= bad.length; splitBytes++) {
      const error = await failure(
        linesOf(bad, {}, splitBytes),
        "INPUT_ENCODING",
        "in.txt",
        "line 3",
        "byte 13",
        "0xe9",
      );
      expect(error.details).toEqual({ file: "in.txt", line: 3, byte: 13 });
    }
  });

  it("fails for whole files with file, line and byte", async () => {
    const directory = temporaryDirectory();
    write(directory, "in.txt", bad);
    await failure(
      runSource(read.files("in.txt"), directory),
      "INPUT_ENCODING",
      "in.txt",
      "line 3",
      "byte 13",
    );
  });

  it("is skipped line by line and counted when the job allows it", async () => {
    const directory = temporaryDirectory();
    write(directory, "in.txt", Buffer.concat([bad, Buffer.from([0xff, 10, 0xed, 0xa0, 0x80])]));
    for (const splitBytes of [1, 5, 1000]) {
      const run = await runSource(read.lines("in.txt", { invalid: "skip" }), directory, splitBytes);
      expect(recordsOf(run)).toEqual(["one", "two €", "four"]);
      expect(run.host.meter).toMatchObject({ recordsIn: 3, skipped: 3 });
    }
  });

  it.each([
    ["overlong", [0xc0, 0xaf]],
    ["overlong of three", [0xe0, 0x80, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["too large", [0xf4, 0x90, 0x80, 0x80]],
    ["a lone continuation", [0x80]],
    ["cut short", [0xe2, 0x82]],
    ["a lead before a lead", [0xf0, 0xf0]],
  ])("is found: %s", async (_name, bytes) => {
    const text = Buffer.concat([Buffer.from("fine\nx"), Buffer.from(bytes)]);
    await failure(linesOf(text), "INPUT_ENCODING", "line 2", "byte 6");
    await failure(
      linesOf(Buffer.concat([text, Buffer.from("\nnext")])),
      "INPUT_ENCODING",
      "line 2",
      "byte 6",
    );
  });

  it("says so when it is UTF-16", async () => {
    await failure(linesOf(Buffer.from("\ufeffhello\n", "utf16le")), "INPUT_ENCODING", "in.txt", "UTF-16");
    await failure(linesOf(Buffer.from([0xfe, 0xff, 0, 0x61])), "INPUT_ENCODING", "UTF-16");
    await failure(
      linesOf(Buffer.from("\ufeffa", "utf16le"), { invalid: "skip" }),
      "INPUT_ENCODING",
      "UTF-16",
    );
  });
});

describe("one record that is too large", () => {
  it.each([1, 16, 1000])(
    "is told with its line, at the limit and not below: recordBytesMax %i",
    async (recordBytesMax) => {
      const fits = `a\n${"x".repeat(recordBytesMax)}\r\nb`;
      expect(await linesOf(fits, { recordBytesMax })).toHaveLength(3);
      expect(await linesOf(gzipSync(fits), { recordBytesMax })).toHaveLength(3);
      for (const end of ["\n", "\r\n", ""]) {
        const tooLarge = `a\n${"x".repeat(recordBytesMax + 1)}${end}`;
        await failure(linesOf(tooLarge, { recordBytesMax }), "RECORD_TOO_LARGE", "line 2 of in.txt");
        await failure(
          linesOf(gzipSync(tooLarge), { recordBytesMax }),
          "RECORD_TOO_LARGE",
          "line 2 of in.txt",
        );
      }
    },
  );

  it("needs bounded memory, however long the line", async () => {
    const directory = temporaryDirectory();
    const path = write(directory, "in.txt", "");
    truncateSync(path, 2 ** 31); // 2 GiB of NUL bytes, sparse
    const before = process.memoryUsage().arrayBuffers;
    const { source, options } = sourceOf(read.lines("in.txt", { recordBytesMax: 4 * 2 ** 20 }));
    const plan = await source.split(options, { splitBytes: null, directory });
    const host = testHost();
    let most = 0;
    const watching = {
      ...host,
      tick: () => void (most = Math.max(most, process.memoryUsage().arrayBuffers)),
    };
    const reader = source.open(plan.splits[0]!, options, watching);
    await failure(
      reader.read(() => {}),
      "RECORD_TOO_LARGE",
      "line 1 of in.txt",
      "more than 4194304",
    );
    most = Math.max(most, process.memoryUsage().arrayBuffers);
    expect(most - before).toBeLessThan(64 * 2 ** 20);
    expect(host.meter.bytesIn).toBeLessThan(16 * 2 ** 20);
  });

  it("is a file for read.files", async () => {
    const directory = temporaryDirectory();
    write(directory, "in.txt", "12345");
    expect(recordsOf(await runSource(read.files("in.txt", { recordBytesMax: 5 }), directory))).toHaveLength(
      1,
    );
    await failure(
      runSource(read.files("in.txt", { recordBytesMax: 4 }), directory),
      "RECORD_TOO_LARGE",
      "in.txt",
      "5 bytes",
    );
    write(directory, "in.txt", gzipSync("12345"));
    await failure(
      runSource(read.files("in.txt", { recordBytesMax: 4 }), directory),
      "RECORD_TOO_LARGE",
      "in.txt",
    );
  });
});

describe("what changes while it is read", () => {
  it.each<[string, (path: string) => void, string]>([
    ["grew", (path) => appendFileSync(path, "more\n"), "bytes"],
    ["shrank", (path) => truncateSync(path, 3), "bytes"],
    ["was rewritten", (path) => utimesSync(path, 1, 1), "written"],
    [
      "was replaced",
      (path) => {
        writeFileSync(`${path}.new`, "same size");
        renameSync(`${path}.new`, path);
      },
      "replaced",
    ],
    ["vanished", (path) => rmSync(path), "gone"],
  ])("before it is opened: it %s", async (_name, change, word) => {
    const directory = temporaryDirectory();
    const path = write(directory, "in.txt", "same size");
    for (const dataset of [read.lines("in.txt"), read.files("in.txt")]) {
      writeFileSync(path, "same size");
      const { source, options } = sourceOf(dataset);
      const plan = await planSource(dataset, directory);
      change(path);
      await failure(
        source.open(plan.splits[0]!, options, testHost()).read(() => {}),
        "INPUT_CHANGED",
        "in.txt",
        word,
      );
    }
  });

  it.each<[string, (path: string) => void]>([
    ["grows", (path) => appendFileSync(path, "more\n")],
    ["shrinks", (path) => truncateSync(path, 100_000)],
    [
      "is written to",
      (path) => {
        const file = openSync(path, "r+");
        writeSync(file, "X", 0);
        closeSync(file);
        utimesSync(path, 1, 1);
      },
    ],
  ])("in the middle: it %s", async (_name, change) => {
    const directory = temporaryDirectory();
    const text = "a line of text\n".repeat(500_000);
    for (const contents of [text, gzipSync(text, { level: 0 })]) {
      const path = write(directory, "in.txt", contents);
      const { source, options } = sourceOf(read.lines("in.txt"));
      const plan = await planSource(read.lines("in.txt"), directory);
      let lines = 0;
      const reading = source.open(plan.splits[0]!, options, testHost()).read(() => {
        if (++lines === 5) change(path);
      });
      await failure(reading, "INPUT_CHANGED", "in.txt");
      expect(lines).toBeGreaterThan(5);
    }
  });
});

describe("what is no file", () => {
  it("FIFOs, devices and sockets fail and never hang", async () => {
    const directory = temporaryDirectory();
    execFileSync("mkfifo", [join(directory, "pipe")]);
    await failure(planSource(read.lines("pipe"), directory), "INPUT_NOT_A_FILE", "pipe", "FIFO");
    await failure(planSource(read.lines("."), directory), "INPUT_NOT_A_FILE", "pipe", "FIFO");
    await failure(planSource(read.lines("p*"), directory), "INPUT_NOT_A_FILE", "pipe", "FIFO");
    await failure(planSource(read.files("/dev/null"), directory), "INPUT_NOT_A_FILE", "/dev/null", "device");
    const server = createServer().listen(join(directory, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    await failure(planSource(read.lines("socket"), directory), "INPUT_NOT_A_FILE", "a socket");
    await new Promise((resolve) => server.close(resolve));
  });

  it("a directory or FIFO that took a file's place after planning fails and does not hang", async () => {
    const directory = temporaryDirectory();
    const path = write(directory, "in.txt", "a\n");
    const plan = await planSource(read.lines("in.txt"), directory);
    rmSync(path);
    mkdirSync(path);
    const asDirectory = sourceOf(read.lines("in.txt"));
    await failure(
      asDirectory.source.open(plan.splits[0]!, asDirectory.options, testHost()).read(() => {}),
      "INPUT_NOT_A_FILE",
      "in.txt",
      "a directory",
    );
    rmdirSync(path);
    execFileSync("mkfifo", [path]);
    const { source, options } = sourceOf(read.lines("in.txt"));
    await failure(
      source.open(plan.splits[0]!, options, testHost()).read(() => {}),
      "INPUT_NOT_A_FILE",
      "in.txt",
      "FIFO",
    );
  });

  it("links to nothing fail, links to files and directories are followed, loops end", async () => {
    const directory = temporaryDirectory();
    write(directory, "a.txt", "a\n");
    symlinkSync("a.txt", join(directory, "b.txt"));
    symlinkSync(".", join(directory, "loop"));
    expect(recordsOf(await runSource(read.lines("."), directory))).toEqual(["a", "a"]);
    symlinkSync("nowhere", join(directory, "c.txt"));
    await failure(planSource(read.lines("."), directory), "INPUT_UNREADABLE", "c.txt", "link to nothing");
  });

  it("unreadable files and directories fail with their names", async () => {
    const directory = temporaryDirectory();
    const path = write(directory, "in.txt", "a\n");
    mkdirSync(join(directory, "closed"));
    const plan = await planSource(read.lines("in.txt"), directory);
    const { source, options } = sourceOf(read.lines("in.txt"));
    chmodSync(directory, 0o755);
    chmodSync(path, 0);
    chmodSync(join(directory, "closed"), 0);
    await asNobody(async () => {
      await failure(
        source.open(plan.splits[0]!, options, testHost()).read(() => {}),
        "INPUT_UNREADABLE",
        "in.txt",
        "permission denied",
      );
      await failure(
        planSource(read.lines("closed"), directory),
        "INPUT_UNREADABLE",
        "closed",
        "permission denied",
      );
      await failure(
        planSource(read.lines("closed/a.txt"), directory),
        "INPUT_UNREADABLE",
        "closed/a.txt",
        "permission denied",
      );
      await failure(
        planSource(read.lines("**/*.x"), directory),
        "INPUT_UNREADABLE",
        "closed",
        "permission denied",
      );
    });
  });
});

/** Root can read everything: gives its rights up while `action` runs. */
async function asNobody(action: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return await action();
  process.seteuid!(65534);
  try {
    await action();
  } finally {
    process.seteuid!(0);
  }
}

describe("damaged gzip files", () => {
  const text = Array.from({ length: 120 }, (_, i) => `line ${i} of a text that is compressed`).join("\n");
  const first = gzipSync(text.slice(0, 2000));
  const whole = Buffer.concat([first, gzipSync(text.slice(2000))]);

  it("truncated anywhere", async () => {
    const directory = temporaryDirectory();
    for (let length = 3; length < whole.length; length++) {
      if (length === first.length) continue; // the first member alone is a good file
      write(directory, "in.gz", whole.subarray(0, length));
      await failure(runSource(read.lines("in.gz"), directory), "INPUT_CORRUPT", "in.gz", "truncated");
    }
  });

  it("with any bit flipped in data, checksums and lengths", async () => {
    const directory = temporaryDirectory();
    const header = (at: number): boolean => at < 10 || (at >= first.length && at < first.length + 10);
    let found = 0;
    for (let at = 0; at < whole.length; at++) {
      if (header(at)) continue; // time stamp and the like, which nothing protects
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      write(directory, "in.gz", damaged);
      const outcome = await runSource(read.lines("in.gz"), directory).then(
        recordsOf,
        (error: ShoalError) => error,
      );
      if (Array.isArray(outcome)) expect(outcome.join("\n"), `byte ${at}`).toBe(text);
      else {
        expect(outcome).toMatchObject({ code: "INPUT_CORRUPT", details: { file: "in.gz" } });
        found++;
      }
    }
    expect(found).toBeGreaterThan(whole.length - 40);
  });

  it.each([
    ["garbage", "garbage"],
    ["zeros, then garbage", "\0\0\0garbage"],
    ["zeros and one byte far away", `${"\0".repeat(200_000)}x`],
  ])("followed by %s", async (_name, tail) => {
    await failure(linesOf(Buffer.concat([gzipSync("a\n"), Buffer.from(tail)])), "INPUT_CORRUPT", "in.txt");
  });

  it("bombs, with what to do if they are none", async () => {
    const bomb = gzipSync(Buffer.alloc(70 * 2 ** 20, `${"x".repeat(1023)}\n`));
    const error = await failure(linesOf(bomb), "INPUT_CORRUPT", "in.txt", "250 : 1");
    expect(error.hint).toContain("expansionMax");
    const directory = temporaryDirectory();
    write(directory, "in.gz", bomb);
    const [record] = recordsOf(await runSource(read.files("in.gz", { expansionMax: 2000 }), directory)) as [
      [string, string],
    ];
    expect(record[1]).toHaveLength(70 * 2 ** 20);
  });
});

describe("names", () => {
  it("with spaces, newlines, quotes, leading dashes, emoji and characters of globs", async () => {
    const directory = temporaryDirectory();
    const names = [
      "a b",
      "new\nline",
      `quo"te's`,
      "-rf",
      "😀",
      "[id]",
      "{a,b}",
      "*",
      "a?c",
      "back\\slash",
      "%41",
      "é",
      "#x",
    ];
    for (const name of names) write(directory, name, `${name.replace("\n", " ")}\n`);
    for (const name of names) {
      const [[found, contents]] = recordsOf(await runSource(read.files(name), directory)) as [
        [string, string],
      ];
      expect([found, contents]).toEqual([name, `${name.replace("\n", " ")}\n`]);
    }
    const all = recordsOf(await runSource(read.files("."), directory)) as [string, string][];
    expect(all.map(([name]) => name)).toEqual(
      [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    const url = recordsOf(
      await runSource(read.files(pathToFileURL(join(directory, "%41")).href), directory),
    ) as [string, string][];
    expect(url).toEqual([[join(directory, "%41"), "%41\n"]]);
  });

  it("that are not UTF-8 on disk", async () => {
    const directory = temporaryDirectory();
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xe9])]), "a\n");
    await failure(planSource(read.lines("."), directory), "INPUT_UNREADABLE", "not valid UTF-8");
  });
});

describe("read", () => {
  it.each<[string, () => unknown, string, string]>([
    ["a number for a path", () => read.lines(1 as never), "PLAN_INVALID", "received 1"],
    ["a URL object", () => read.lines(new URL("file:///x") as never), "PLAN_INVALID", "href"],
    ["a list with a hole", () => read.files(["a", undefined] as never), "PLAN_INVALID", "received undefined"],
    ["an unknown option", () => read.lines("a", { encodign: "utf8" } as never), "PLAN_INVALID", "encodign"],
    ["an unknown encoding", () => read.lines("a", { encoding: "utf16" } as never), "PLAN_INVALID", '"utf16"'],
    ["a size of 0", () => read.lines("a", { recordBytesMax: 0 }), "PLAN_INVALID", "received 0"],
    [
      "a size beyond strings",
      () => read.lines("a", { recordBytesMax: 2 ** 31 }),
      "PLAN_INVALID",
      "recordBytesMax",
    ],
    ["options that are none", () => read.lines("a", 7 as never), "PLAN_INVALID", "received 7"],
    ["values that are no array", () => read.values("abc" as never), "PLAN_INVALID", "string"],
    [
      "values that are no data",
      () => read.values([1, 2, 3, { user: { save() {} } }]),
      "VALUE_INVALID",
      "values[3].user.save: function",
    ],
    ["perTask 0", () => read.values([1], { perTask: 0 }), "PLAN_INVALID", "perTask"],
  ])("refuses %s when the plan is built", (_name, build, code, word) => {
    let error: unknown;
    try {
      build();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toContain(word);
  });

  it("lines(…, { withFile: true }) names the file of each line", async () => {
    const directory = temporaryDirectory();
    write(directory, "a", "1\n");
    write(directory, "b", "2");
    expect(recordsOf(await runSource(read.lines(["b", "a"], { withFile: true }), directory))).toEqual([
      ["b", "2"],
      ["a", "1"],
    ]);
  });

  it("values come in order, in splits that depend on their number alone, each a copy", async () => {
    for (const [n, tasks] of [
      [0, 1],
      [1, 1],
      [64, 64],
      [65, 33],
      [1000, 63],
    ] as const) {
      const values = Array.from({ length: n }, (_, i) => ({ i }));
      const run = await runSource(read.values(values), "/");
      expect(recordsOf(run)).toEqual(values);
      expect(run.plan.splits).toHaveLength(tasks);
      expect(run.host.meter).toMatchObject({ recordsIn: n, bytesIn: run.plan.bytes });
    }
    const dataset = read.values([{ list: [1] }], { perTask: 1 });
    for (let attempt = 0; attempt < 2; attempt++) {
      const [record] = recordsOf(await runSource(dataset, "/")) as [{ list: number[] }];
      expect(record).toEqual({ list: [1] });
      record.list.push(2);
    }
  });
});
