import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "../../errors.ts";
import { decodeKey, encodeKey } from "./coded.ts";
import { formOf, holdKey } from "./key.ts";
import { compareKeys } from "./order.ts";

const kinds = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Buffer,
];
const bytes = fc.oneof(
  fc.uint8Array(),
  fc.uint8ClampedArray(),
  fc.int8Array(),
  fc.uint16Array(),
  fc.int16Array(),
  fc.uint32Array(),
  fc.int32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.uint8Array().map((b) => Buffer.from(b)),
);
const scalar = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    true,
    false,
    0,
    -0,
    NaN,
    Infinity,
    -Infinity,
    0n,
    "",
    "\0",
    "\0\xff",
    "\0\0",
  ),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.bigInt({ min: -300n, max: 300n }),
  fc.date({ noInvalidDate: false }),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.constantFrom("\ud800", "a\udfffb", "\ud800\ud800", "\uffff", "😀", "\ue000"),
  bytes,
);
const { key } = fc.letrec<{ key: unknown; list: unknown[] }>((tie) => ({
  key: fc.oneof({ maxDepth: 4 }, { weight: 4, arbitrary: scalar }, { weight: 1, arbitrary: tie("list") }),
  list: fc.array(tie("key"), { maxLength: 4 }),
}));

// ── The order once more, as the header of order.ts says it ──────────────────────────────────────────────────────

const typeOf = (value: unknown): number =>
  [
    value === undefined,
    value === null,
    value === false,
    value === true,
    typeof value === "number",
    typeof value === "bigint",
    value instanceof Date,
    typeof value === "string",
    ArrayBuffer.isView(value),
    Array.isArray(value),
  ].indexOf(true);
const sign = (n: number): number => (n < 0 ? -1 : n > 0 ? 1 : 0);
const byNumber = (a: number, b: number): number =>
  sign(
    Float64Array.of(a, b)
      .sort()
      .findIndex((n) => Object.is(n, a)) -
      Float64Array.of(a, b)
        .sort()
        .findIndex((n) => Object.is(n, b)),
  );
const byElements = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): number => {
  for (let i = 0; i < a.length && i < b.length; i++) if (model(a[i], b[i]) !== 0) return model(a[i], b[i]);
  return sign(a.length - b.length);
};
function model(a: unknown, b: unknown): number {
  if (typeOf(a) !== typeOf(b)) return sign(typeOf(a) - typeOf(b));
  if (typeof a === "number") return byNumber(a, b as number);
  if (typeof a === "bigint") return a < (b as bigint) ? -1 : a > (b as bigint) ? 1 : 0;
  if (a instanceof Date) return byNumber(a.getTime(), (b as Date).getTime());
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (Array.isArray(a)) return byElements(a, b as unknown[]);
  if (!ArrayBuffer.isView(a)) return 0;
  const kindOf = (view: unknown): number =>
    kinds.findIndex((kind) => Object.getPrototypeOf(view) === kind.prototype);
  return sign(kindOf(a) - kindOf(b)) || byElements(a as Uint8Array, b as Uint8Array);
}

const hasLoneSurrogate = (value: unknown): boolean =>
  typeof value === "string"
    ? /\p{Surrogate}/u.test(value)
    : Array.isArray(value) && value.some(hasLoneSurrogate);

describe("the coded form of a key", () => {
  it("decodes to the same key", () => {
    fc.assert(
      fc.property(key, (one) => {
        const back = decodeKey(encodeKey(one));
        expect(back).toStrictEqual(one);
        expect(Object.getPrototypeOf(Object(back))).toBe(Object.getPrototypeOf(Object(one)));
      }),
      { numRuns: 2000 },
    );
  });

  it("is equal for equal keys only, and orders them as documented", () => {
    const pairs = fc.oneof(
      fc.tuple(key, key),
      key.map((one) => [one, structuredClone(one)] as const),
      fc.tuple(scalar, scalar),
      fc.tuple(fc.array(scalar), fc.array(scalar)),
    );
    fc.assert(
      fc.property(
        pairs.filter((pair) => !pair.some(hasLoneSurrogate)),
        ([a, b]) => {
          // structuredClone turns a Buffer into a Uint8Array: another key, as documented
          expect(sign(compareKeys(formOf(a), holdKey(a), formOf(b), holdKey(b)))).toBe(model(a, b));
          const [x, y] = [encodeKey(a), encodeKey(b)];
          expect(x < y ? -1 : x > y ? 1 : 0).toBe(model(a, b));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('tells 1, 1n and "1", 0 and -0 apart, and takes NaN for NaN', () => {
    expect(new Set([1, 1n, "1", 0, -0, [1], ["1"], [[1]], true, "true"].map(encodeKey)).size).toBe(10);
    expect(encodeKey(NaN)).toBe(encodeKey(-NaN));
  });

  it("is only decoded from what was encoded", () => {
    fc.assert(
      fc.property(key, fc.nat(), (one, at) => {
        const coded = encodeKey(one);
        const cut = coded.slice(0, at % coded.length);
        let back: unknown;
        try {
          back = decodeKey(cut);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        expect(encodeKey(back)).toBe(cut); // what is left can be the form of another key
      }),
    );
    expect(() => decodeKey("\x01")).toThrow(RangeError);
    expect(() => decodeKey(`${encodeKey(null)}\0`)).toThrow(RangeError);
  });
});

describe("what cannot be a key", () => {
  class Account {}
  class Text extends Array<number> {}
  const cyclic: unknown[] = ["a"];
  cyclic.push([cyclic]);
  let deep: unknown = 1;
  for (let i = 0; i < 101; i++) deep = [deep];
  it.each([
    [{}, "key is a plain object"],
    [[1, { a: 1 }], "key[1] is a plain object"],
    [[1, [2, () => 1]], "key[1][1] is a function"],
    [Symbol("x"), "key is a symbol"],
    [new Map(), "key is an instance of Map"],
    [new Account(), "key is an instance of Account"],
    [new Text(), "key is an instance of Text"],
    [new String("a"), "key is an instance of String"],
    [Promise.resolve(1), "key is an instance of Promise"],
    [new DataView(new ArrayBuffer(1)), "key is an instance of DataView"],
    // oxlint-disable-next-line no-sparse-arrays -- the hole is the point
    [[1, , 2], "key[1] is a hole in an array"],
    [cyclic, "key[1][0] is an array that contains itself"],
    [deep, "key is an array nested deeper than 100 levels"],
  ])("%s", (value, message) => {
    try {
      encodeKey(value);
      expect.unreachable();
    } catch (error) {
      expect(isShoalError(error, "KEY_INVALID")).toBe(true);
      expect((error as Error).message).toContain(message);
    }
  });
});
