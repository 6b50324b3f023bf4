import { serialize } from "node:v8";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "../../errors.ts";
import { nextU32, rng } from "../../base/rng.ts";
import { textKey } from "../keys/key.ts";
import { readBlock, writeBlock } from "./block.ts";
import { ByteReader, ByteWriter, DamagedError } from "./bytes.ts";
import { readColumn, writeColumn } from "./column.ts";

const write = (values: readonly unknown[]): ByteWriter => {
  const out = new ByteWriter(1);
  writeColumn(out, values, (i) => `value ${i}`);
  return out;
};

function roundTrip(values: readonly unknown[]): unknown[] {
  const from = new ByteReader(write(values).view());
  const back = readColumn(from, values.length);
  expect(from.at).toBe(from.end);
  return back;
}

const text = fc.string({ unit: "binary", maxLength: 30 });
const broken = fc
  .array(fc.constantFrom("\ud800", "\udfff", "a", "😀", "é"), { maxLength: 4 })
  .map((parts) => parts.join(""));
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const any = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
});
const columns: Record<string, fc.Arbitrary<unknown[]>> = {
  "one value, repeated": fc
    .tuple(
      fc.oneof(text, int, fc.constantFrom(-0, 0, NaN, null, undefined, true, 1n)),
      fc.integer({ min: 1, max: 50 }),
    )
    .map(([one, n]) => Array.from({ length: n }, () => one)),
  "0 and -0": fc.array(fc.constantFrom(0, -0), { minLength: 1 }),
  integers: fc.array(int, { minLength: 1 }),
  numbers: fc.array(fc.oneof(fc.double(), int, fc.constantFrom(2 ** 31, -(2 ** 31) - 1, 2 ** 53)), {
    minLength: 1,
  }),
  "one-byte strings": fc.array(
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)) }),
    { minLength: 1 },
  ),
  strings: fc.array(text, { minLength: 1 }),
  "strings with lone surrogates": fc.array(broken, { minLength: 1 }),
  "long strings": fc.array(
    fc.integer({ min: 0, max: 70_000 }).map((n) => "é".repeat(n)),
    { minLength: 1, maxLength: 3 },
  ),
  "few strings, often": fc
    .tuple(
      fc.array(fc.oneof(text, broken), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(), { minLength: 60, maxLength: 400 }),
    )
    .map(([words, places]) => places.map((place) => words[place % words.length])),
  "few strings at first, many later": fc
    .integer({ min: 1, max: 600 })
    .map((n) => Array.from({ length: 100 + n }, (_, i) => (i < 70 ? "x" : `y${i}`))),
  "objects of one shape": fc
    .array(fc.tuple(int, text, fc.double()), { minLength: 1 })
    .map((rows) => rows.map(([n, name, x]) => ({ n, name, x, none: undefined, nil: null, 7: true }))),
  "objects of several shapes": fc.array(
    fc.constantFrom(
      { a: 1 },
      { a: 1, b: 2 },
      { b: 2, a: 1 },
      { a: [1] },
      {},
      { ["__proto__"]: 1 },
      [1],
      [1, 2],
      ["x"],
      Object.assign([1], { index: 0 }),
      null,
      new Map([[1, 2]]),
    ),
    { minLength: 1 },
  ),
  "arrays of one length": fc.array(fc.tuple(int, text, fc.constantFrom(null, undefined, -0)), {
    minLength: 1,
  }),
  "arrays with holes": fc.array(fc.sparseArray(int, { maxLength: 3, maxNumElements: 2 }), { minLength: 1 }),
  anything: fc.array(any, { minLength: 1 }),
  mixed: fc.array(fc.oneof(text, fc.double(), fc.constantFrom(undefined, null, -0, NaN, 10n)), {
    minLength: 1,
  }),
};

/** fc.anything makes what is not portable too; and v8 gives a null prototype Object's. */
const isFaithful = (values: unknown[]): boolean => {
  try {
    write(values);
    serialize(values);
    return !JSON.stringify(values, (_, v: unknown) =>
      typeof v === "bigint"
        ? 0
        : v instanceof Map || v instanceof Set
          ? [...v]
          : typeof v === "object" && v !== null && Object.getPrototypeOf(v) === null
            ? "null prototype"
            : v,
    ).includes("null prototype");
  } catch {
    return false;
  }
};

describe("a column brings back the same values", () => {
  it.each(Object.entries(columns))("%s", (name, arbitrary) => {
    fc.assert(
      fc.property(name === "anything" ? arbitrary.filter(isFaithful) : arbitrary, (values) => {
        expect(roundTrip(values)).toStrictEqual(values);
      }),
      { numRuns: 500 },
    );
  });

  it("two strings that would make a pair of surrogates together stay two", () => {
    expect(roundTrip(["\ud83d", "\ude00", "\ud83d\ude00"])).toEqual(["\ud83d", "\ude00", "\ud83d\ude00"]);
  });

  it("typed arrays come back on buffers of their own, and a Buffer as a Buffer", () => {
    const large = new Uint8Array(1000).fill(7);
    const values = [
      new Uint8Array([1, 2]),
      large.subarray(10, 12),
      Buffer.from("ab"),
      new Float64Array([0.5]),
      new DataView(new ArrayBuffer(3)),
    ];
    const back = roundTrip(values) as ArrayBufferView[];
    expect(back).toStrictEqual(values);
    expect(back.map((view) => [view.byteOffset, view.buffer.byteLength === view.byteLength])).toEqual(
      values.map((_, i) => (i === 2 ? [back[2]!.byteOffset, back[2]!.buffer.byteLength === 2] : [0, true])),
    );
    expect(Buffer.isBuffer(back[2])).toBe(true);
  });

  it("values that are one object come back as one for each place", () => {
    const one = { n: 1 };
    const back = roundTrip([one, { n: 2 }, one]);
    expect(back).toEqual([one, { n: 2 }, one]);
    expect(back[0]).not.toBe(back[2]);
  });

  it("a value that is not portable is refused with its place", () => {
    for (const [value, message] of [
      [() => 1, "value 1: function"],
      [{ a: [Symbol("x")] }, "value 1.a[0]: Symbol(x)"],
      [new (class Account {})(), "value 1: an instance of Account"],
      [Promise.resolve(), "value 1: a Promise"],
    ] as const) {
      try {
        write(["fine", value]);
        expect.unreachable();
      } catch (error) {
        expect(isShoalError(error, "VALUE_INVALID")).toBe(true);
        expect((error as Error).message).toContain(message);
      }
    }
  });
});

describe("a block", () => {
  const blockOf = (keys: readonly string[], values: readonly unknown[]): Buffer => {
    const out = new ByteWriter();
    writeBlock(out, { partition: 3, window: 5 }, textKey, keys, values, "values");
    return out.view();
  };

  it("is only read in its own place", () => {
    const bytes = blockOf(["a", "b"], [1, 2]);
    expect(readBlock(bytes, { partition: 3, window: 5 })).toEqual({
      form: textKey,
      plain: true,
      keys: ["a", "b"],
      values: [1, 2],
    });
    expect(() => readBlock(bytes, { partition: 4, window: 5 })).toThrow(DamagedError);
    expect(() => readBlock(bytes, { partition: 3, window: 6 })).toThrow(DamagedError);
  });

  it("says whether its keys sort by code units", () => {
    const isPlain = (keys: string[]): boolean =>
      readBlock(blockOf(keys, keys), { partition: 3, window: 5 }).plain;
    expect(
      [
        ["a", "ÿ"],
        ["Ω", "퟿"],
        ["a", "\ue000"],
        ["😀", "a"],
        ["\ud800", "x"],
      ].map(isPlain),
    ).toEqual([true, true, false, false, false]);
  });

  const mutated = function* (count: number): Generator<Buffer> {
    const chance = rng(3);
    const values = Array.from(
      { length: 50 },
      (_, i) => [{ i, text: `é${i}` }, new Uint8Array([i]), i, `x${i}`][i % 4],
    );
    const whole = blockOf(
      Array.from({ length: 50 }, (_, i) => `key ${i}`),
      values,
    );
    for (let n = 0; n < count; n++) {
      const bytes = Buffer.from(whole.subarray(0, 10 + (nextU32(chance) % (whole.length - 10))));
      for (let flips = nextU32(chance) % 4; flips >= 0; flips--)
        bytes[nextU32(chance) % bytes.length] = nextU32(chance) & 0xff;
      yield bytes;
    }
  };

  it("of any bytes is damaged", () => {
    for (const bytes of mutated(20_000))
      expect(() => readBlock(bytes, { partition: 3, window: 5 })).toThrow(DamagedError);
  });

  it("of any bytes whose checksum happens to be right does no harm", () => {
    const names = Object.getOwnPropertyNames(Object.prototype);
    let read = 0;
    for (const bytes of mutated(50_000)) {
      bytes.writeUInt32LE(crc32(bytes.subarray(4)));
      try {
        readBlock(bytes, { partition: 3, window: 5 });
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
    expect(read).toBeLessThan(50_000);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(names);
  });
});
