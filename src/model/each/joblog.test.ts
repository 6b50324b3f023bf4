import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { textOf } from "./bytes.ts";
import { JoblogFile, readJoblog } from "./joblog-file.ts";
import { isSuccess, joblogHead, joblogLine, parseJoblog, type JoblogEntry } from "./joblog.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-joblog-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => path.join(directory, name);

const entry: JoblogEntry = {
  seq: 1,
  startedAt: 1_795_183_294_971,
  runtimeMs: 30,
  receivedBytes: 2,
  exitCode: 0,
  signal: 0,
  command: "echo 0; exit 0",
};

/** Written by GNU parallel 20221122. */
const theirs =
  "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n" +
  "1\t:\t1795183294.971\t     0.030\t0\t2\t0\t0\techo 0; exit 0\n" +
  "2\t:\t1795183296.404\t     0.635\t0\t2\t-1\t15\techo 5; sleep 5\n" +
  "3\t:\t1795183297.493\t     0.000\t0\t4\t3\t0\techo a\0echo 0\n" +
  "2\t:\t1795183299.404\t     0.001\t0\t2\t0\t0\techo 5; sleep 5\n";

test("a line is GNU parallel's, byte for byte", () => {
  expect(joblogLine(entry).toString()).toBe(theirs.split("\n")[1] + "\n");
  expect(joblogHead).toBe(theirs.split("\n")[0] + "\n");
});

test("GNU parallel's joblog is read; the later line of a job counts", () => {
  const { entries, wholeBytes } = parseJoblog("log", Buffer.from(theirs));
  expect(wholeBytes).toBe(theirs.length);
  expect([...entries.values()].map((it) => [it.seq, isSuccess(it), it.command])).toEqual([
    [1, true, "echo 0; exit 0"],
    [2, true, "echo 5; sleep 5"],
    [3, false, "echo a\necho 0"],
  ]);
});

test("what is written is read back, newlines, tabs and foreign bytes included", () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme" }).map((it) => it.replaceAll("\0", "")),
    fc.constantFrom("a\nb\n", "\t\t", "é\r", textOf(Buffer.from([0xe9, 0x0a, 0xff]))),
  );
  const entries = fc.array(
    fc.record({
      seq: fc.integer({ min: 1, max: 1e9 }),
      startedAt: fc.integer({ min: 0, max: 2e12 }),
      runtimeMs: fc.integer({ min: 0, max: 1e9 }),
      receivedBytes: fc.nat(),
      exitCode: fc.integer({ min: -1, max: 255 }),
      signal: fc.integer({ min: 0, max: 64 }),
      command: text,
    }),
  );
  fc.assert(
    fc.property(entries, (all) => {
      const bytes = Buffer.concat([Buffer.from(joblogHead), ...all.map(joblogLine)]);
      const close = (it: JoblogEntry): JoblogEntry => ({
        ...it,
        startedAt: Math.round(it.startedAt),
        runtimeMs: Math.round(it.runtimeMs),
      });
      const expected = new Map(all.map((it) => [it.seq, it]));
      const read = [...parseJoblog("log", bytes).entries].map(([seq, it]) => [seq, close(it)]);
      expect(new Map(read as [number, JoblogEntry][])).toEqual(expected);
    }),
  );
});

describe("the file", () => {
  test("torn off at any byte, keeps its whole lines and goes on after them", () => {
    const whole = Buffer.from(theirs.split("\n").slice(0, 3).join("\n"));
    for (let length = 0; length <= whole.length; length += length < 70 ? 7 : 1) {
      const file = at("torn");
      writeFileSync(file, whole.subarray(0, length));
      const before = readJoblog(file)!;
      const log = new JoblogFile(file, before);
      log.append({ ...entry, seq: 9 });
      log.close();
      const lines = readFileSync(file, "latin1").split("\n");
      expect(lines[0]).toBe(joblogHead.trimEnd());
      expect(lines.at(-2)).toMatch(/^9\t/);
      const kept = whole.subarray(0, length).toString().split("\n").slice(1, -1);
      expect(lines.slice(1, -2)).toEqual(kept);
    }
  });

  test("is begun anew where nothing is continued", () => {
    writeFileSync(at("old"), theirs);
    new JoblogFile(at("old"), null).close();
    expect(readFileSync(at("old"), "utf8")).toBe(joblogHead);
  });

  test("that is not there is none", () => {
    expect(readJoblog(at("nothing"))).toBeNull();
  });

  test.each(["hello\n", "hello", "1\t:\tx\n", "\n"])("%j is refused as no joblog", (text) => {
    writeFileSync(at("foreign"), text);
    expect(() => readJoblog(at("foreign"))).toThrow(/is no joblog: line 1 is/);
  });

  test("in no directory, or that is one, is refused", () => {
    expect(() => new JoblogFile(at("no/log"), null)).toThrow(/cannot be written/);
    expect(() => readJoblog(directory)).toThrow(/cannot be read/);
  });
});
