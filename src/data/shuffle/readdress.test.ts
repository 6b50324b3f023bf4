import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { newMeter, type ShuffleSpec, type TaskHost } from "../contract.ts";
import { readdressBlocks } from "./readdress.ts";
import { createShuffleReader, createShuffleWriter } from "./shuffle.ts";

const lab = mkdtempSync(path.join(os.tmpdir(), "shoal-readdress-"));
afterAll(() => rmSync(lab, { recursive: true, force: true }));

const spec: ShuffleSpec = { how: "group", partitions: 3, descending: false, fns: [] };
const host = (): TaskHost => ({
  meter: newMeter(),
  signal: new AbortController().signal,
  memoryBytes: 2 ** 20,
  tick: () => {},
});

async function write(name: string): Promise<string> {
  const file = path.join(lab, name);
  const writer = createShuffleWriter(spec, file, lab, host());
  for (let i = 0; i < 1000; i++) await writer.push([`key ${i % 100}`, i]);
  await writer.finish();
  return file;
}

async function read(file: string): Promise<string> {
  const records: unknown[] = [];
  for (let partition = 0; partition < spec.partitions; partition++) {
    const reader = createShuffleReader(
      spec,
      partition,
      [{ attempt: path.basename(file), file }],
      null,
      lab,
      host(),
    );
    await reader.read((record) => void records.push(record));
  }
  return JSON.stringify(records);
}

test.each(["t9.1", "t1234567.1"])("blocks of t3.1 are read as those of %s", async (name) => {
  const file = await write("t3.1");
  const before = await read(file);
  const other = path.join(lab, name);
  renameSync(file, other);
  await expect(read(other)).rejects.toThrow();
  expect(readdressBlocks(other)).toBe(statSync(other).size);
  expect(await read(other)).toBe(before);
  expect(before.length).toBeGreaterThan(5000);
});

test("what is no whole file of blocks is refused, and left as it is", async () => {
  const file = await write("t4.1");
  truncateSync(file, statSync(file).size - 1);
  const before = readFileSync(file);
  expect(() => readdressBlocks(file)).toThrow();
  expect(readFileSync(file).equals(before)).toBe(true);
  const short = path.join(lab, "short");
  writeFileSync(short, "x");
  expect(() => readdressBlocks(short)).toThrow("too short");
  expect(readdirSync(lab)).toContain("short");
});
