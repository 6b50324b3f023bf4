import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostWith, ShuffleRig, specOf } from "../../../test/kit/shuffle-rig.ts";
import { newMeter, type ShuffleSpec, type TaskHost } from "../contract.ts";
import { createShuffleReader, createShuffleWriter } from "./shuffle.ts";

let rig: ShuffleRig;
beforeEach(() => {
  rig = new ShuffleRig();
});
afterEach(() => {
  rig.close();
});

const add = (a: number, b: number): number => a + b;
const hows: readonly ShuffleSpec[] = [
  specOf("count"),
  specOf("reduce", { fns: [add] }),
  specOf("group"),
  specOf("group", { fns: [(_key: unknown, [first]: unknown[]) => first] }),
  specOf("sort"),
];

describe.each(hows)("errors of $how", (spec) => {
  const record = (key: unknown, value: unknown): unknown => (spec.how === "count" ? key : [key, value]);

  it("a key that is none is refused with its path, and the file is gone after abort", async () => {
    await expect(rig.write([record([1, { a: 1 }], 1)], spec, "t1.1")).rejects.toMatchObject({
      code: "KEY_INVALID",
      message: expect.stringContaining("key[1]") as string,
    });
    expect(rig.files()).toEqual([]);
  });

  it("what tick() throws comes through, from both ends", async () => {
    const cancelled = new Error("cancelled");
    const stop: TaskHost = {
      ...hostWith(2 ** 30),
      tick() {
        throw cancelled;
      },
    };
    const records = Array.from({ length: 20_000 }, (_, i) => record(i % 50, i));
    await expect(rig.write(records, spec, "t1.1", stop)).rejects.toBe(cancelled);
    expect(rig.files()).toEqual([]);
    const input = await rig.write(records, spec, "t2.1");
    await expect(rig.read([input], rig.bounds([input], spec), spec, stop)).rejects.toBe(cancelled);
  });

  it("what push throws, at once or later, ends the read; the key is told, and no spill is left over", async () => {
    const input = await rig.write(
      Array.from({ length: 3000 }, (_, i) => record(`k${i % 700}`, i)),
      { ...spec, partitions: 1 },
      "t1.1",
    );
    const one = { ...spec, partitions: 1 };
    const bounds = rig.bounds([input], one);
    const before = rig.files();
    for (const isLate of [false, true]) {
      for (const memory of [1000, 2 ** 30]) {
        let n = 0;
        const reader = createShuffleReader(one, 0, [input], bounds, rig.folder, hostWith(memory));
        const reading = reader.read(() => {
          if (++n < 3) return;
          if (isLate) return Promise.reject(new Error("no more"));
          throw new Error("no more");
        });
        await expect(reading).rejects.toThrow("no more");
        expect(await reader.position()).toEqual({
          file: null,
          unit: "key",
          at: expect.stringMatching(/^"k\d+"$/) as string,
        });
        expect(rig.files()).toEqual(before);
      }
    }
  });

  it("a reader waits for what push returns", async () => {
    const input = await rig.write(
      [record("a", 1), record("b", 2), record("c", 3)],
      { ...spec, partitions: 1 },
      "t1.1",
    );
    const one = { ...spec, partitions: 1 };
    const events: string[] = [];
    await createShuffleReader(one, 0, [input], rig.bounds([input], one), rig.folder, hostWith(2 ** 30)).read(
      async (pair) => {
        const [key] = pair as [string];
        events.push(`+${key}`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`-${key}`);
      },
    );
    expect(events).toEqual(["+a", "-a", "+b", "-b", "+c", "-c"]);
  });

  it("nothing pushed is nothing read", async () => {
    const { parts } = await rig.run([[], []], spec);
    expect(parts).toEqual([[], [], []]);
    expect((await rig.run([], spec)).parts).toEqual([[], [], []]);
  });

  it("counts what it writes and reads", async () => {
    const { written, read } = await rig.run(
      [Array.from({ length: 1000 }, (_, i) => record(`k${i % 10}`, i))],
      spec,
    );
    expect(written.recordsOut).toBe(spec.how === "sort" ? 1000 : 10);
    expect(read.recordsIn).toBe(written.recordsOut);
    expect(written.bytesOut).toBeGreaterThan(0);
    expect(read.bytesIn).toBeGreaterThan(written.bytesOut / 2);
  });
});

describe.each(hows.filter(({ how }) => how !== "count"))(
  "errors of $how, whose records are pairs",
  (spec) => {
    it("a record that is no pair is refused with the operator's name", async () => {
      await expect(rig.write(["abc"], spec, "t1.1")).rejects.toMatchObject({
        code: "RECORD_INVALID",
        message: expect.stringContaining(`${spec.how}ByKey()`) as string,
      });
    });

    it("a value that is not portable is refused with its key and path", async () => {
      const bad = { list: [1, () => 2] };
      await expect(
        rig.write(
          [
            ["fine", 1],
            ["bad", bad],
          ],
          spec,
          "t1.1",
        ),
      ).rejects.toMatchObject({
        code: "VALUE_INVALID",
        message: expect.stringContaining('the value of key "bad".list[1]: function') as string,
      });
      expect(rig.files()).toEqual([]);
    });
  },
);

describe("user functions", () => {
  class Trouble extends Error {}
  const trouble = new Trouble("in the user's code");
  const fail = (): never => {
    throw trouble;
  };
  const twice = [
    ["a", 1],
    ["a", 2],
  ];

  it("what a combiner throws or rejects with comes through unchanged", async () => {
    await expect(rig.write(twice, specOf("group", { fns: [fail] }), "t1.1")).rejects.toBe(trouble);
    await expect(rig.write(twice, specOf("group", { fns: [async () => fail()] }), "t1.1")).rejects.toBe(
      trouble,
    );
  });

  it("what a fold throws comes through unchanged, on both sides", async () => {
    const spec = specOf("reduce", { fns: [fail] });
    await expect(rig.write(twice, spec, "t1.1")).rejects.toBe(trouble);
    const inputs = await rig.writeAll([[["a", 1]], [["a", 2]]], spec);
    await expect(rig.read(inputs, null, spec)).rejects.toBe(trouble);
  });

  it("an async fold is refused, on both sides, and its rejection is not left unhandled", async () => {
    const spec = specOf("reduce", { fns: [async () => fail()] });
    await expect(rig.write(twice, spec, "t1.1")).rejects.toMatchObject({
      code: "RECORD_INVALID",
      hint: expect.stringContaining("map()") as string,
    });
    const inputs = await rig.writeAll([[["a", 1]], [["a", 2]]], spec);
    await expect(rig.read(inputs, null, spec)).rejects.toMatchObject({ code: "RECORD_INVALID" });
  });

  it("a combiner sees the key as it was, and each key once in a window", async () => {
    const seen: unknown[] = [];
    const spec = specOf("group", {
      partitions: 1,
      fns: [(key: unknown, values: unknown[]) => seen.push([key, values])],
    });
    const keys = ["a", 1, -0, 0, [1, "x"], null, new Date(5)];
    await rig.run(
      [
        keys.flatMap((key) => [
          [key, 1],
          [key, 2],
        ]),
      ],
      spec,
    );
    expect(seen).toHaveLength(keys.length);
    for (const key of keys) expect(seen).toContainEqual([key, [1, 2]]);
  });
});

describe("group without a combiner", () => {
  it.each([
    ["repeat", 0.2],
    ["hardly repeat", 0.9],
  ])("keeps the input order when keys %s", async (_name, share) => {
    const distinct = Math.ceil(30_000 * share);
    const task = (t: number): [string | number, string][] =>
      Array.from({ length: 30_000 }, (_, i) => [
        i % 2 === 0 ? `key ${(i * 7919 + t) % distinct}` : i % distinct,
        `${t}.${i}`,
      ]);
    const tasks = [task(0), task(1)];
    const model = new Map<string | number, string[]>();
    for (const [key, value] of tasks.flat()) model.set(key, [...(model.get(key) ?? []), value]);
    for (const memory of [2 ** 18, 2 ** 30]) {
      const { parts } = await rig.run(tasks, specOf("group"), memory);
      expect(new Map(parts.flat() as [string, string[]][])).toEqual(model);
    }
  });
});

describe("the memory budget", () => {
  const keys = (n: number): string[] => Array.from({ length: n }, (_, i) => `key ${i}`);

  it("makes count, group and sort write early, and says so", async () => {
    for (const spec of [specOf("count"), specOf("group"), specOf("sort")]) {
      const records = spec.how === "count" ? keys(20_000) : keys(20_000).map((key) => [key, 1]);
      const { written } = await rig.run([records], spec, 2 ** 18);
      expect(written.spills).toBeGreaterThan(3);
      expect(written.spilledBytes).toBeGreaterThan(100_000);
      expect(written.spilledBytes).toBeLessThan(written.bytesOut);
      const roomy = await rig.run([records], spec);
      expect([roomy.written.spills, roomy.read.spills]).toEqual([0, 0]);
    }
  });

  it("closes a window of a reduce by the records alone", async () => {
    const records = keys(150_000).map((key) => [key, 1]);
    const spec = specOf("reduce", { fns: [add] });
    const files: string[] = [];
    for (const memory of [1, 2 ** 30]) {
      const meter = newMeter();
      const { file } = await rig.write([...records, ...records], spec, "t1.1", hostWith(memory, meter));
      files.push(file);
      expect(meter.recordsOut).toBe(300_000); // no key twice in a window
      expect(meter.spills > 0).toBe(memory === 1);
    }
  });

  it("a file that cannot be written is SCRATCH_FAILED", () => {
    expect(() =>
      createShuffleWriter(specOf("count"), `${rig.folder}/none/t1.1`, rig.folder, hostWith(1)),
    ).toThrow(expect.objectContaining({ code: "SCRATCH_FAILED" }) as Error);
  });
});
