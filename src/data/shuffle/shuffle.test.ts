import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newMeter, type MapOutput, type Meter, type ShuffleSpec, type TaskHost } from "../contract.ts";
import { encodeKey } from "../keys/coded.ts";
import { chooseBounds, createShuffleReader, createShuffleWriter } from "./shuffle.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shoal-shuffle-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const hostWith = (memoryBytes: number, meter: Meter = newMeter()): TaskHost =>
  ({ meter, signal: new AbortController().signal, memoryBytes, tick() {} });

const specOf = (how: ShuffleSpec["how"], more: Partial<ShuffleSpec> = {}): ShuffleSpec =>
  ({ how, partitions: 3, descending: false, fns: [], ...more });

interface Run {
  /** The records of each partition. */
  readonly parts: unknown[][];
  readonly written: Meter;
  readonly read: Meter;
}

async function writeTask(records: readonly unknown[], spec: ShuffleSpec, name: string, host: TaskHost): Promise<MapOutput> {
  const output = { file: join(folder, `${name}.blocks`), attempt: name };
  const writer = createShuffleWriter(spec, output.file, folder, host);
  for (const record of records) await writer.push(record);
  await writer.finish();
  return output;
}

async function readPart(spec: ShuffleSpec, p: number, inputs: readonly MapOutput[], bounds: string | null, host: TaskHost): Promise<unknown[]> {
  const records: unknown[] = [];
  await createShuffleReader(spec, p, inputs, bounds, folder, host).read((record) => void records.push(record));
  return records;
}

/** Tasks' records through a whole shuffle. Fails if any file but the map outputs and the bounds is left. */
async function shuffled(tasks: readonly (readonly unknown[])[], spec: ShuffleSpec, memoryBytes = 2 ** 30): Promise<Run> {
  const written = hostWith(memoryBytes);
  const read = hostWith(memoryBytes);
  const inputs: MapOutput[] = [];
  for (const [t, records] of tasks.entries()) inputs.push(await writeTask(records, spec, `t${t}.1`, written));
  let bounds: string | null = null;
  if (spec.how === "sort") chooseBounds(spec, inputs, bounds = join(folder, "t9.1.bounds"), hostWith(memoryBytes));
  const parts: unknown[][] = [];
  for (let p = 0; p < spec.partitions; p++) parts.push(await readPart(spec, p, inputs, bounds, read));
  const expected = [...inputs.map(({ file }) => file), ...(bounds === null ? [] : [bounds])].map((file) => basename(file));
  expect(readdirSync(folder).sort()).toEqual(expected.sort());
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  return { parts, written: written.meter, read: read.meter };
}

// ── The dumb model ──────────────────────────────────────────────────────────────────────────────────────────────

const orderText = (key: unknown): Buffer => Buffer.from(encodeKey(key), "latin1");
const byKey = (a: unknown, b: unknown): number => Buffer.compare(orderText(a), orderText(b));

function modelGroups(pairs: readonly (readonly [unknown, unknown])[]): [unknown, unknown[]][] {
  const groups = new Map<string, [unknown, unknown[]]>();
  for (const [key, value] of pairs) {
    const group = groups.get(encodeKey(key));
    if (group === undefined) groups.set(encodeKey(key), [key, [value]]);
    else group[1].push(value);
  }
  return [...groups.values()].sort(([a], [b]) => byKey(a, b));
}

const merged = (parts: readonly unknown[][]): unknown[] =>
  (parts.flat() as [unknown, unknown][]).sort(([a], [b]) => byKey(a, b));

function expectSortedParts(parts: readonly unknown[][]): void {
  for (const part of parts as [unknown, unknown][][]) {
    for (let i = 1; i < part.length; i++) expect(byKey(part[i - 1]![0], part[i]![0])).toBeLessThan(0);
  }
}

// ── Anything that may be a key, and anything that may be a value ────────────────────────────────────────────────

const text = fc.oneof(
  fc.constantFrom("", "a", "b", "__proto__", "constructor", "1", "-0", "a\tb", "a\nb", "\0", "é", "\uffee", "😀", "\ue000", "\u{10ffff}"),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const scalarKey = fc.oneof(text, fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity), fc.integer(), fc.double(), fc.boolean(),
  fc.constantFrom(undefined, null), fc.bigInt(), fc.date({ noInvalidDate: false }), fc.uint8Array({ maxLength: 4 }));
const key = fc.oneof({ weight: 3, arbitrary: text }, { weight: 2, arbitrary: scalarKey },
  fc.array(fc.oneof(scalarKey, fc.array(scalarKey, { maxLength: 2 })), { maxLength: 3 }));
const value = fc.oneof(fc.integer(), fc.double(), text, fc.constantFrom(-0, NaN, undefined, null, true, 10n),
  fc.date({ noInvalidDate: false }), fc.record({ a: fc.integer(), b: text }, { noNullPrototype: true }), fc.uint8Array({ maxLength: 4 }),
  fc.constant(new Map([[1, new Set(["x"])]])));
const budget = fc.constantFrom(1, 100, 1000, 5000, 2 ** 30);
const tasksOf = <T>(record: fc.Arbitrary<T>): fc.Arbitrary<T[][]> => fc.array(fc.array(record, { maxLength: 60 }), { maxLength: 4 });
const pair = fc.tuple(key, value);

describe("equal to the dumb model, for any records, budget and partitions", () => {
  it("count", async () => {
    await fc.assert(fc.asyncProperty(tasksOf(key), budget, fc.integer({ min: 1, max: 5 }), async (tasks, memory, partitions) => {
      const { parts, written, read } = await shuffled(tasks, specOf("count", { partitions }), memory);
      const model = modelGroups(tasks.flat().map((record) => [record, 1])).map(([k, ones]) => [k, ones.length]);
      expectSortedParts(parts);
      expect(merged(parts)).toStrictEqual(model);
      expect(read.recordsIn).toBe(written.recordsOut);
    }), { numRuns: 200 });
  });

  it("group", async () => {
    await fc.assert(fc.asyncProperty(tasksOf(pair), budget, fc.integer({ min: 1, max: 5 }), async (tasks, memory, partitions) => {
      const { parts } = await shuffled(tasks, specOf("group", { partitions }), memory);
      expectSortedParts(parts);
      expect(merged(parts)).toStrictEqual(modelGroups(tasks.flat()));
    }), { numRuns: 200 });
  });

  it("group with a combiner, sync and async", async () => {
    const join = (_key: unknown, values: unknown[]): unknown => values.map(String).join("+");
    const joinLater = async (k: unknown, values: unknown[]): Promise<unknown> => join(k, values);
    const sometimes = (k: unknown, values: unknown[]): unknown => (values.length % 2 === 0 ? join(k, values) : joinLater(k, values));
    const combiner = fc.constantFrom(join, joinLater, sometimes);
    await fc.assert(fc.asyncProperty(tasksOf(fc.tuple(key, fc.integer())), budget, combiner, async (tasks, memory, combine) => {
      const { parts } = await shuffled(tasks, specOf("group", { fns: [combine] }), memory);
      const combined = tasks.flatMap((records) => modelGroups(records).map(([k, values]) => [k, join(k, values)] as const));
      expect(merged(parts)).toStrictEqual(modelGroups(combined));
    }), { numRuns: 100 });
  });

  it("reduce: the order and the grouping of folds", async () => {
    const fold = (a: string, b: string): string => `(${a}${b})`;
    await fc.assert(fc.asyncProperty(tasksOf(fc.tuple(key, fc.constantFrom("a", "b", "c"))), budget, async (tasks, memory) => {
      const { parts } = await shuffled(tasks, specOf("reduce", { fns: [fold] }), memory);
      const folded = tasks.flatMap((records) => modelGroups(records).map(([k, values]) => [k, (values as string[]).reduce(fold)] as const));
      const model = modelGroups(folded).map(([k, values]) => [k, (values as string[]).reduce(fold)]);
      expect(merged(parts)).toStrictEqual(model);
    }), { numRuns: 200 });
  });

  it("sort, both ways: global order, equal keys in input order", async () => {
    const partitions = fc.integer({ min: 1, max: 5 });
    await fc.assert(fc.asyncProperty(tasksOf(pair), budget, partitions, fc.boolean(), async (tasks, memory, n, descending) => {
      const { parts } = await shuffled(tasks, specOf("sort", { partitions: n, descending }), memory);
      const model = tasks.flat().sort(([a], [b]) => byKey(a, b) * (descending ? -1 : 1));
      expect(parts.flat()).toStrictEqual(model);
    }), { numRuns: 300 });
  });
});
