import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isShoalError } from "../../errors.ts";
import type { JournalRecord } from "../../protocol/journal.ts";
import { PastFold } from "../../protocol/past.ts";
import {
  encodeFrames,
  encodeHeader,
  encodeMark,
  frameHeaderBytes,
  headerBytes,
  parseSegment,
} from "./frames.ts";
import { Journal, type JournalOptions, type SegmentFile } from "./journal.ts";
import { readJournal } from "./read.ts";

const lab = mkdtempSync(path.join(os.tmpdir(), "shoal-journal-"));
afterAll(() => rmSync(lab, { recursive: true, force: true }));
let directories = 0;
const newDirectory = (): string => path.join(lab, `d${++directories}`, "journal");

const record = (id: number, text = ""): JournalRecord => ({
  kind: "entry",
  entry: {
    id,
    at: id,
    cause: null,
    machine: "coordinator",
    type: "event",
    body: { kind: "CancelRequested", reason: text },
  },
});

async function read(directory: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const one of readJournal(directory)) records.push(one);
  return records;
}

async function open(
  directory: string,
  options?: JournalOptions,
): Promise<{ journal: Journal; found: number }> {
  let found = 0;
  const journal = await Journal.open(directory, () => void found++, options);
  return { journal, found };
}

/** A journal with these records in its directory. */
async function written(records: readonly JournalRecord[], options?: JournalOptions): Promise<string> {
  const directory = newDirectory();
  const { journal } = await open(directory, options);
  for (const one of records) journal.append(one);
  await journal.close();
  expect(journal.failure).toBeNull();
  return directory;
}

const only = (directory: string): string => path.join(directory, readdirSync(directory)[0]!);

/** How a reading ended: its records, or the error's code and offset. */
async function ending(
  directory: string,
): Promise<{ records: JournalRecord[] } | { code: string; offset: unknown }> {
  try {
    return { records: await read(directory) };
  } catch (error) {
    if (!isShoalError(error)) throw error;
    return { code: error.code, offset: error.details["offset"] };
  }
}

describe("what was appended", () => {
  test("is read again, in order, also what JSON escapes and what is not ASCII", async () => {
    const records = [
      record(1, 'a\n"\u2028é漢🐟'),
      record(2, ""),
      record(3, "x".repeat(300_000)),
      record(4, "\ud800"),
    ];
    expect(await read(await written(records))).toEqual(records);
  });

  test("is continued by the next who opens it, and seen by who reads meanwhile", async () => {
    const directory = await written([record(1), record(2)]);
    const { journal, found } = await open(directory);
    expect(found).toBe(2);
    journal.append(record(3));
    journal.write();
    expect(await read(directory)).toHaveLength(3);
    journal.append(record(4));
    await journal.durable();
    expect(await read(directory)).toHaveLength(4);
    await journal.close();
  });

  test("is written at the end of the turn without being asked", async () => {
    const directory = newDirectory();
    const { journal } = await open(directory);
    journal.append(record(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read(directory)).toHaveLength(1);
    await journal.close();
  });

  test("goes over many segments, each whole", async () => {
    const records = Array.from({ length: 200 }, (_, i) => record(i, "x".repeat(i)));
    const directory = newDirectory();
    const { journal } = await open(directory, { segmentBytes: 4096 });
    for (const one of records) {
      journal.append(one);
      journal.write();
    }
    await journal.close();
    expect(readdirSync(directory).length).toBeGreaterThan(4);
    expect(await read(directory)).toEqual(records);
    const again = await open(directory, { segmentBytes: 4096 });
    expect(again.found).toBe(200);
    again.journal.append(record(200));
    await again.journal.close();
    expect(await read(directory)).toHaveLength(201);
  });

  test("a directory that is not there has no records", async () => {
    expect(await read(newDirectory())).toEqual([]);
  });

  test("a record that is too large breaks it: nothing can be left out", async () => {
    const directory = newDirectory();
    const { journal } = await open(directory);
    journal.append(record(1));
    journal.write();
    journal.append(record(2, "x".repeat(65 * 2 ** 20)));
    journal.append(record(3));
    await journal.close();
    expect(journal.failure).toMatchObject({
      code: "JOURNAL_FAILED",
      message: expect.stringContaining("too large"),
    });
    expect(await read(directory)).toEqual([record(1)]);
  });
});

describe("a base segment", () => {
  test("stands for all before it, at once and after the earlier ones were dropped", async () => {
    const directory = await written([record(1), record(2)]);
    const { journal } = await open(directory);
    journal.startOver();
    journal.append(record(3));
    journal.write();
    expect(readdirSync(directory)).toHaveLength(2);
    expect(await read(directory)).toEqual([record(3)]);
    await journal.dropEarlier();
    expect(readdirSync(directory)).toEqual(["journal-000002.log"]);
    await journal.close();
    expect(await read(directory)).toEqual([record(3)]);
  });

  test("can be begun without reading what was there", async () => {
    const directory = await written([record(1), record(2)]);
    writeFileSync(only(directory), "rubbish");
    const journal = await Journal.startOver(directory);
    journal.append(record(3));
    await journal.close();
    expect(await read(directory)).toEqual([record(3)]);
  });

  test("that was cut off in its header does not count", async () => {
    const directory = await written([record(1), record(2)]);
    for (const bytes of [0, 1, 8, headerBytes - 1]) {
      writeFileSync(path.join(directory, "journal-000002.log"), encodeHeader(true).subarray(0, bytes));
      expect(await read(directory)).toHaveLength(2);
    }
    const { journal, found } = await open(directory);
    expect(found).toBe(2);
    journal.append(record(3));
    await journal.close();
    expect(await read(directory)).toHaveLength(3);
  });

  test("a segment that is missing is damage", async () => {
    const directory = newDirectory();
    const { journal } = await open(directory, { segmentBytes: 100 });
    for (let i = 0; i < 5; i++) {
      journal.append(record(i, "x".repeat(100)));
      journal.write();
    }
    await journal.close();
    for (const name of ["journal-000001.log", "journal-000003.log"]) {
      const kept = readFileSync(path.join(directory, name));
      rmSync(path.join(directory, name));
      expect(await ending(directory)).toMatchObject({ code: "JOURNAL_DAMAGED" });
      writeFileSync(path.join(directory, name), kept);
    }
    expect(await read(directory)).toHaveLength(5);
  });
});

describe("damage is never read as data", () => {
  const records = Array.from({ length: 6 }, (_, i) => record(i, `record number ${i}`));

  /** All with SHOAL_THOROUGH=1; `npm run chaos:flips` draws some of them, too. */
  const step = process.env["SHOAL_THOROUGH"] === "1" ? 1 : 3;

  test("bits flipped: refused, or in the last record: that record is lost", async () => {
    const file = only(await written(records));
    const bytes = readFileSync(file);
    const lastAt = bytes.length - encodeFrames([JSON.stringify(records[5])]).length;
    const directory = newDirectory();
    mkdirSync(directory, { recursive: true });
    let refused = 0;
    let inEarlier = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += step) {
      inEarlier += Number(bit >> 3 < lastAt);
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path.join(directory, "journal-000001.log"), flipped);
      const end = await ending(directory);
      if ("records" in end) {
        expect(bit >> 3, `bit ${bit}`).toBeGreaterThanOrEqual(lastAt);
        expect(end.records).toEqual(records.slice(0, 5));
      } else {
        expect(["JOURNAL_DAMAGED", "STATE_NEWER"]).toContain(end.code);
        expect(bit >> 3).toBeLessThan(lastAt);
        refused++;
      }
    }
    expect(refused).toBe(inEarlier);
  });

  test("cut off anywhere: the whole records before are there, and it can be continued", async () => {
    const source = only(await written(records));
    const bytes = readFileSync(source);
    for (let length = 0; length <= bytes.length; length += length < bytes.length - 10 ? step : 1) {
      const directory = newDirectory();
      mkdirSync(directory, { recursive: true });
      writeFileSync(path.join(directory, "journal-000001.log"), bytes.subarray(0, length));
      const before = await read(directory);
      expect(before).toEqual(records.slice(0, before.length));
      const { journal, found } = await open(directory);
      expect(found).toBe(before.length);
      expect(journal.torn?.bytes ?? 0).toBe(journal.torn === null ? 0 : length - journal.torn.offset);
      journal.append(record(99));
      await journal.close();
      expect(await read(directory)).toEqual([...before, record(99)]);
    }
    expect((await read(path.dirname(source))).length).toBe(6);
  });

  test("in a segment that is not the last: refused with file and offset, also in its last record", async () => {
    const directory = newDirectory();
    const { journal } = await open(directory, { segmentBytes: 100 });
    for (let i = 0; i < 3; i++) {
      journal.append(record(i, "x".repeat(100)));
      journal.write();
    }
    await journal.close();
    const first = path.join(directory, "journal-000001.log");
    truncateSync(first, statSync(first).size - 1);
    await expect(read(directory)).rejects.toThrow(`${first}, byte ${headerBytes}`);
    await expect(open(directory)).rejects.toMatchObject({
      code: "JOURNAL_DAMAGED",
      details: { file: first, offset: headerBytes },
    });
  });

  test("a newer format is refused as such", async () => {
    const directory = await written(records);
    const bytes = readFileSync(only(directory));
    encodeHeader(true, 7).copy(bytes);
    writeFileSync(only(directory), bytes);
    await expect(read(directory)).rejects.toMatchObject({ code: "STATE_NEWER" });
  });
});

describe("what a dead machine leaves", () => {
  const payloads = ['{"a":1}', `{"b":"${"x".repeat(3000)}"}`, '{"c":3}'];
  const parse = (bytes: Buffer): { count: number; end: ReturnType<typeof parseSegment> } => {
    let count = 0;
    return { end: parseSegment(bytes, { isLast: true, take: () => void count++ }), count };
  };

  test("a page of the last writes that never came to disk is torn, if nothing says that it was durable", () => {
    const bytes = Buffer.concat([encodeHeader(true), encodeFrames(payloads)]);
    const second = headerBytes + frameHeaderBytes + payloads[0]!.length;
    bytes.fill(0, second + 100, second + 100 + 1024);
    expect(parse(bytes)).toEqual({ count: 1, end: { kind: "torn", offset: second } });
  });

  test("the same is damage where a later mark says that it was durable", () => {
    const frames = encodeFrames(payloads);
    const bytes = Buffer.concat([
      encodeHeader(true),
      frames,
      encodeFrames([encodeMark(headerBytes + frames.length), '{"d":4}']),
    ]);
    expect(parse(bytes)).toEqual({ count: 4, end: { kind: "whole" } });
    const second = headerBytes + frameHeaderBytes + payloads[0]!.length;
    bytes.fill(0, second + 100, second + 100 + 1024);
    expect(parse(bytes)).toMatchObject({ count: 1, end: { kind: "damaged", offset: second } });
  });

  test("zeros at the end are torn", () => {
    const bytes = Buffer.concat([encodeHeader(true), encodeFrames(payloads), Buffer.alloc(5000)]);
    expect(parse(bytes)).toEqual({ count: 3, end: { kind: "torn", offset: bytes.length - 5000 } });
    expect(parse(Buffer.alloc(4096))).toEqual({ count: 0, end: { kind: "torn", offset: 0 } });
  });
});

/** A file that fails at one of its calls, counted over all of them; and counts what was asked of it. */
function failing(at: number, code: string): { options: JournalOptions; asked: string[]; errors: string[] } {
  const asked: string[] = [];
  const errors: string[] = [];
  const step = (what: string): void => {
    asked.push(what);
    if (asked.length === at) throw Object.assign(new Error(`${code}: from the test`), { code });
  };
  const openFile = (): SegmentFile => ({
    write: (bytes) => {
      step("write");
      return bytes.length > 64 ? bytes.length >> 1 : bytes.length;
    },
    async sync() {
      step("sync");
    },
    syncNow: () => step("sync"),
    close: () => {},
  });
  return { options: { openFile, onBroken: (error) => void errors.push(error.message) }, asked, errors };
}

describe("a disk that fails", () => {
  test("a failed sync is never tried again: the journal is broken, and says so once", async () => {
    const broken = failing(0, "EIO");
    const { journal } = await open(newDirectory(), {
      ...broken.options,
      openFile: (name, isNew) => {
        const file = broken.options.openFile!(name, isNew);
        return {
          ...file,
          sync: async () => {
            broken.asked.push("sync");
            throw Object.assign(new Error("EIO: from the test"), { code: "EIO" });
          },
        };
      },
    });
    journal.append(record(1));
    const first = journal.durable();
    const other = journal.durable();
    await expect(first).rejects.toMatchObject({ code: "JOURNAL_FAILED", details: { reason: "EIO" } });
    await expect(other).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    journal.append(record(2));
    await expect(journal.durable()).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    await journal.close();
    expect(broken.asked.filter((what) => what === "sync")).toHaveLength(1);
    expect(broken.errors).toHaveLength(1);
  });

  test.each([2, 3, 4, 5, 6])(
    "a write that fails at call %i breaks it; nothing is written after",
    async (at) => {
      const rig = failing(at, "ENOSPC");
      const { journal } = await open(newDirectory(), rig.options);
      for (let i = 0; i < 5 && journal.failure === null; i++) {
        journal.append(record(i));
        journal.write();
      }
      expect(journal.failure).toMatchObject({ code: "JOURNAL_FAILED", details: { reason: "ENOSPC" } });
      expect(rig.errors).toHaveLength(1);
      journal.append(record(9));
      journal.write();
      expect(rig.asked).toHaveLength(at);
      await journal.close();
    },
  );

  test("one sync covers all that were waiting, and all that was appended while another ran is in the next", async () => {
    const gates: (() => void)[] = [];
    let syncs = 0;
    const openFile = (): SegmentFile => ({
      write: (bytes) => bytes.length,
      sync: () => {
        syncs++;
        return new Promise((resolve) => gates.push(resolve));
      },
      syncNow: () => {},
      close: () => {},
    });
    const { journal } = await open(newDirectory(), { openFile });
    const done: number[] = [];
    const wait = (n: number): Promise<void> => {
      journal.append(record(n));
      return journal.durable().then(() => void done.push(n));
    };
    const all = [wait(1), wait(2), wait(3)];
    await Promise.resolve();
    expect(syncs).toBe(1);
    gates[0]!();
    await all[0];
    all.push(wait(4));
    expect(syncs).toBe(2);
    gates[1]!();
    await Promise.all(all.slice(0, 3));
    gates[2]?.();
    await Promise.all(all);
    expect(done).toEqual([1, 2, 3, 4]);
    expect(syncs).toBe(3);
    await journal.close();
  });
});

test("opening makes the directory and its parents", async () => {
  const directory = newDirectory();
  const { journal } = await open(directory);
  await journal.close();
  expect(existsSync(directory)).toBe(true);
});

test("a journal of format 1, as it was written in 2026, is read as it was meant", async () => {
  const directory = newDirectory();
  mkdirSync(directory, { recursive: true });
  const fixture = new URL("../../../test/fixtures/journal-format-1.log", import.meta.url);
  writeFileSync(path.join(directory, "journal-000001.log"), readFileSync(fixture));
  const fold = new PastFold();
  const kinds: string[] = [];
  for await (const one of readJournal(directory)) {
    kinds.push(one.kind);
    fold.take(one);
  }
  expect(kinds).toEqual(["opened", "entry", "entry", "entry", "hashed", "closed"]);
  expect(fold.past()).toMatchObject({
    opened: { run: "j20261120-104501-k3f9a2", incarnation: 1, version: "0.1.0" },
    finished: new Map([[0, { attempt: "t0.1", figures: { bytesOut: 2 } }]]),
    used: new Map([[0, 1]]),
    hashes: new Map([[0, "h"]]),
    closed: { kind: "cancelled", reason: "Ctrl-C é" },
    lastEntry: 3,
  });
});
