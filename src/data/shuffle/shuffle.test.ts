import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ShuffleRig, specOf, type ShuffleRun } from "../../../test/kit/shuffle-rig.ts";
import type { ShuffleSpec } from "../contract.ts";
import { encodeKey } from "../keys/coded.ts";

let rig: ShuffleRig;
beforeEach(() => {
  rig = new ShuffleRig();
});
afterEach(() => {
  rig.close();
});

async function shuffled(
  tasks: readonly (readonly unknown[])[],
  spec: ShuffleSpec,
  memoryBytes: number,
): Promise<ShuffleRun> {
  const run = await rig.run(tasks, spec, memoryBytes);
  expect(run.leftOver).toEqual([]);
  return run;
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
  fc.constantFrom(
    "",
    "a",
    "b",
    "__proto__",
    "constructor",
    "1",
    "-0",
    "a\tb",
    "a\nb",
    "\0",
    "é",
    "\uffee",
    "😀",
    "\ue000",
    "\u{10ffff}",
  ),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const scalarKey = fc.oneof(
  text,
  fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(undefined, null),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 4 }),
);
const key = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: scalarKey },
  fc.array(fc.oneof(scalarKey, fc.array(scalarKey, { maxLength: 2 })), { maxLength: 3 }),
);
const value = fc.oneof(
  fc.integer(),
  fc.double(),
  text,
  fc.constantFrom(-0, NaN, undefined, null, true, 10n),
  fc.date({ noInvalidDate: false }),
  fc.record({ a: fc.integer(), b: text }, { noNullPrototype: true }),
  fc.uint8Array({ maxLength: 4 }),
  fc.constant(new Map([[1, new Set(["x"])]])),
);
const budget = fc.constantFrom(1, 100, 1000, 5000, 2 ** 30);
const tasksOf = <T>(record: fc.Arbitrary<T>): fc.Arbitrary<T[][]> =>
  fc.array(fc.array(record, { maxLength: 60 }), { maxLength: 4 });
const pair = fc.tuple(key, value);

describe("equal to the dumb model, for any records, budget and partitions", () => {
  it("count", async () => {
    await fc.assert(
      fc.asyncProperty(
        tasksOf(key),
        budget,
        fc.integer({ min: 1, max: 5 }),
        async (tasks, memory, partitions) => {
          const { parts, written, read } = await shuffled(tasks, specOf("count", { partitions }), memory);
          const model = modelGroups(tasks.flat().map((record) => [record, 1])).map(([k, ones]) => [
            k,
            ones.length,
          ]);
          expectSortedParts(parts);
          expect(merged(parts)).toStrictEqual(model);
          expect(read.recordsIn).toBe(written.recordsOut);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("group", async () => {
    await fc.assert(
      fc.asyncProperty(
        tasksOf(pair),
        budget,
        fc.integer({ min: 1, max: 5 }),
        async (tasks, memory, partitions) => {
          const { parts } = await shuffled(tasks, specOf("group", { partitions }), memory);
          expectSortedParts(parts);
          expect(merged(parts)).toStrictEqual(modelGroups(tasks.flat()));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("group with a combiner, sync and async", async () => {
    const join = (_key: unknown, values: unknown[]): unknown => values.map(String).join("+");
    const joinLater = async (k: unknown, values: unknown[]): Promise<unknown> => join(k, values);
    const sometimes = (k: unknown, values: unknown[]): unknown =>
      values.length % 2 === 0 ? join(k, values) : joinLater(k, values);
    const combiner = fc.constantFrom(join, joinLater, sometimes);
    await fc.assert(
      fc.asyncProperty(
        tasksOf(fc.tuple(key, fc.integer())),
        budget,
        combiner,
        async (tasks, memory, combine) => {
          const { parts } = await shuffled(tasks, specOf("group", { fns: [combine] }), memory);
          const combined = tasks.flatMap((records) =>
            modelGroups(records).map(([k, values]) => [k, join(k, values)] as const),
          );
          expect(merged(parts)).toStrictEqual(modelGroups(combined));
        },
      ),
      { numRuns: 100 },
    );
  });

  it("reduce: the order and the grouping of folds", async () => {
    const fold = (a: string, b: string): string => `(${a}${b})`;
    await fc.assert(
      fc.asyncProperty(
        tasksOf(fc.tuple(key, fc.constantFrom("a", "b", "c"))),
        budget,
        async (tasks, memory) => {
          const { parts } = await shuffled(tasks, specOf("reduce", { fns: [fold] }), memory);
          const folded = tasks.flatMap((records) =>
            modelGroups(records).map(([k, values]) => [k, (values as string[]).reduce(fold)] as const),
          );
          const model = modelGroups(folded).map(([k, values]) => [k, (values as string[]).reduce(fold)]);
          expect(merged(parts)).toStrictEqual(model);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("sort, both ways: global order, equal keys in input order", async () => {
    const partitions = fc.integer({ min: 1, max: 5 });
    await fc.assert(
      fc.asyncProperty(
        tasksOf(pair),
        budget,
        partitions,
        fc.boolean(),
        async (tasks, memory, n, descending) => {
          const { parts } = await shuffled(tasks, specOf("sort", { partitions: n, descending }), memory);
          const model = tasks.flat().sort(([a], [b]) => byKey(a, b) * (descending ? -1 : 1));
          expect(parts.flat()).toStrictEqual(model);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("the same bytes for any memory budget", () => {
  const budgets = [1, 2 ** 16, 2 ** 22, 2 ** 30];

  it("reduce: sums of floating-point numbers over several windows and several spills", async () => {
    // 130,000 keys fill a window of 16 MiB; a key's values are in several windows of a task, two in each.
    const task = (t: number): [string, number][] =>
      Array.from({ length: 500_000 }, (_, i) => [
        `key ${(i >> 1) % 140_000}`,
        1 / (1 + ((i * 31 + t) % 1009)),
      ]);
    const tasks = [task(0), task(1)];
    const spec = specOf("reduce", { partitions: 2, fns: [(a: number, b: number) => a + b] });
    const [little, much] = [await shuffled(tasks, spec, 2 ** 22), await shuffled(tasks, spec, 2 ** 30)];
    expect(little.read.spills).toBeGreaterThan(2);
    expect(much.read.spills).toBe(0);
    expect(little.parts).toEqual(much.parts);
    // Not a fold of all values one by one: so the windows are there, and made no difference.
    const sums = new Map<string, number>();
    for (const [k, v] of tasks.flat()) sums.set(k, (sums.get(k) ?? 0) + v);
    expect((much.parts.flat() as [string, number][]).some(([k, v]) => sums.get(k) !== v)).toBe(true);
  });

  it("reduce: a fold that changes its first argument, of values that are one object", async () => {
    const shared = { seen: ["x"] };
    const tasks = [0, 1, 2].map((t) =>
      Array.from({ length: 50 }, (_, i) => [`k${i % 7}`, t === 0 ? shared : { seen: [`${t}.${i}`] }]),
    );
    const fold = (a: { seen: string[] }, b: { seen: string[] }): { seen: string[] } => ({
      seen: [...a.seen, ...b.seen],
    });
    const mutating = (a: { seen: string[] }, b: { seen: string[] }): { seen: string[] } => {
      a.seen.push(...b.seen);
      return a;
    };
    const pure = await shuffled(tasks.slice(1), specOf("reduce", { fns: [fold] }), 2 ** 30);
    for (const memory of budgets) {
      const copies = structuredClone(tasks.slice(1));
      expect((await shuffled(copies, specOf("reduce", { fns: [mutating] }), memory)).parts).toEqual(
        pure.parts,
      );
    }
    // One object under several keys comes back as one for each key.
    const once = [Object.keys({ a: 1, b: 2, c: 3 }).map((k) => [k, shared])];
    const both = [...once, ...once.map((task) => structuredClone(task))];
    const result = await shuffled(both, specOf("reduce", { partitions: 1, fns: [mutating] }), 2 ** 30);
    expect(result.parts[0]).toEqual(["a", "b", "c"].map((k) => [k, { seen: ["x", "x"] }]));
  });

  it("more runs than are merged at a time", async () => {
    const tasks = Array.from({ length: 150 }, (_, t) =>
      Array.from({ length: 5 }, (__, i): [number, string] => [(i * 7 + t) % 11, `${t}.${i}`]),
    );
    for (const [how, fns] of [
      ["group", []],
      ["reduce", [(a: string, b: string) => `(${a} ${b})`]],
      ["sort", []],
    ] as const) {
      const results: ShuffleRun[] = [];
      for (const memory of budgets) results.push(await shuffled(tasks, specOf(how, { fns }), memory));
      expect(results[0]!.read.spills).toBeGreaterThan(64 / 3);
      for (const { parts } of results) expect(parts).toEqual(results[3]!.parts);
    }
  });

  it("sort: the bounds too", async () => {
    const tasks = [0, 1].map((t) => Array.from({ length: 5000 }, (_, i) => [`${(i * 7919 + t) % 5003}`, i]));
    const sizes: number[][] = [];
    for (const memory of budgets) {
      const { parts } = await shuffled(tasks, specOf("sort", { partitions: 8 }), memory);
      sizes.push(parts.map((part) => part.length));
    }
    for (const one of sizes) expect(one).toEqual(sizes[0]);
    // Ranges are even enough: none has more than twice its share.
    expect(Math.max(...sizes[0]!)).toBeLessThan((2 * 10_000) / 8);
  });
});

describe("hard keys", () => {
  it("64 MB, a million of one, names of the language's own", async () => {
    const long = "x".repeat(64 << 20);
    const names = ["__proto__", "constructor", "toString", "0", "", "\t\n"];
    const { parts } = await shuffled(
      [
        [long, ...names],
        [...names, long],
      ],
      specOf("count", { partitions: 1 }),
      2 ** 20,
    );
    expect(parts[0]!.map((record) => (record as [string, number])[1])).toEqual([2, 2, 2, 2, 2, 2, 2]);
    expect(parts[0]!.map((record) => (record as [string])[0])).toEqual([...names, long].sort());
    const same = await shuffled(
      [Array.from({ length: 1_000_000 }, () => "same")],
      specOf("count", { partitions: 1 }),
      2 ** 20,
    );
    expect(same.parts).toEqual([[["same", 1_000_000]]]);
  });

  it("a sort of a million equal keys keeps them in one range and in order", async () => {
    const tasks = [Array.from({ length: 300_000 }, (_, i) => ["same", i])];
    const { parts } = await shuffled(tasks, specOf("sort", { partitions: 4 }), 2 ** 22);
    expect(parts.filter((part) => part.length > 0)).toHaveLength(1);
    expect(parts.flat()).toEqual(tasks[0]);
  });
});
