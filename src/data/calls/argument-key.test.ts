import fc from "fast-check";
import { expect, test } from "vitest";
import { isShoalError } from "../../errors.ts";
import { argumentKey } from "./argument-key.ts";

const prefix = Buffer.alloc(32, 7);
const key = (...args: unknown[]): string => argumentKey(prefix, args).toString("hex");

const leaf = fc.oneof(
  fc.constantFrom(undefined, null, true, false, 0, -0, NaN, Infinity, 1, 1n, "", "1", "é", "語", "\ud800"),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.string(),
  fc.string({ unit: "binary", minLength: 30, maxLength: 40 }),
  fc.date(),
  fc.constantFrom(/a/, /a/g, /b/g),
  fc.uint8Array({ maxLength: 4 }),
  fc.float64Array({ maxLength: 3 }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((items) => new Map(items)),
    fc.dictionary(fc.string({ maxLength: 2 }), tie("value"), { maxKeys: 4 }),
  ),
}));

/** A deliberately slow twin: the value in words. */
function words(of: unknown): string {
  if (typeof of === "number") return Object.is(of, -0) ? "number -0" : `number ${of}`;
  if (typeof of === "string")
    return `string ${[...of].map((_c, n) => of.charCodeAt(n)).join()} ${JSON.stringify(of)}`;
  if (typeof of !== "object" || of === null) return `${typeof of} ${String(of)}`;
  if (of instanceof Date) return `date ${of.getTime()}`;
  if (of instanceof RegExp) return `regexp ${String(of)}`;
  if (ArrayBuffer.isView(of)) return `${of.constructor.name} ${Buffer.from(of.buffer).toString("hex")}`;
  if (of instanceof Map) return `map {${[...of].map(([a, b]) => `${words(a)} to ${words(b)}`).join(";")}}`;
  if (of instanceof Set) return `set {${[...of].map(words).join(";")}}`;
  if (Array.isArray(of)) return `array [${of.map(words).join(";")}]`;
  return `object {${Object.entries(of)
    .map(([name, item]) => `${words(name)} is ${words(item)}`)
    .join(";")}}`;
}

test("equal values have equal keys, different values different ones", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 3 }), fc.array(value, { maxLength: 3 }), (a, b) => {
      expect(key(...structuredClone(a))).toBe(key(...a));
      expect(key(...a) === key(...b)).toBe(words(a) === words(b));
    }),
    { numRuns: 2000 },
  );
});

test("a small change anywhere is another key", () => {
  fc.assert(
    fc.property(value, value, fc.nat(3), (a, b, at) => {
      const list = [1, a, "x", { y: structuredClone(a) }];
      const other = [...list];
      other[at] = b;
      expect(key(list) === key(other)).toBe(words(list) === words(other));
    }),
    { numRuns: 1000 },
  );
});

/** Each of them differs from all others. */
const different: readonly (readonly unknown[])[] = [
  [],
  [undefined],
  [undefined, undefined],
  [null],
  [0],
  [-0],
  [NaN],
  [0n],
  [false],
  ["0"],
  [""],
  [{}],
  [[]],
  [[[]]],
  [[], []],
  [{ a: undefined }],
  [{ a: 1, b: 2 }],
  [{ b: 2, a: 1 }],
  [{ a: { b: 2 } }],
  [new Map([["a", 1]])],
  [new Map()],
  [new Set()],
  [new Set(["a", 1])],
  [["a", 1]],
  [Object.assign([1], { index: 1 })],
  [Object.assign([1], { index: 2 })],
  [[1]],
  [[1, undefined]],
  [[undefined, 1]],
  // oxlint-disable-next-line no-sparse-arrays -- what it is about
  [[, 1]],
  // oxlint-disable-next-line no-sparse-arrays -- what it is about
  [Object.assign([, 1], { index: 1 })],
  // oxlint-disable-next-line no-sparse-arrays -- what it is about
  [[, ,]],
  [new Date(0)],
  [new Date(NaN)],
  [/a/],
  [/a/i],
  [new Uint8Array([1, 2])],
  [new Uint8Array(new SharedArrayBuffer(2))],
  [new Uint8Array(2)],
  [Buffer.from([1, 2])],
  [new Uint16Array([513])],
  [new DataView(new Uint8Array([1, 2]).buffer)],
  [new Uint8Array([1, 2]).buffer],
  [new Uint8Array(20_000)],
  [new Uint8Array(20_001)],
  ["x".repeat(20_000)],
  ["語".repeat(20)],
  ["é".repeat(40)],
  [Object.assign(new Error("a"), { stack: "s" })],
  [Object.assign(new TypeError("a"), { stack: "s" })],
  [Object.assign(new Error("a", { cause: undefined }), { stack: "s" })],
  [Object.assign(new Error("a", { cause: 1 }), { stack: "s" })],
];

test("what a function could tell apart has different keys, and each its own every time", () => {
  const keys = different.map((args) => key(...args));
  expect(new Set(keys).size).toBe(different.length);
  expect(different.map((args) => key(...args))).toEqual(keys);
});

test("how a value was made does not count", () => {
  const half = 0.5;
  expect(key(half * 2)).toBe(key(1));
  const wide = "語abc".slice(1);
  expect(key(wide)).toBe(key("abc"));
  expect(key(new Uint8Array([9, 1, 2]).subarray(1))).toBe(key(new Uint8Array([1, 2])));
  expect(key(Buffer.from("ab"))).toBe(key(Buffer.from(new Uint8Array([97, 98]).buffer)));
  const nan = new Float64Array(new Uint32Array([1, 0xfff80000]).buffer)[0];
  expect(key(nan)).toBe(key(NaN));
  expect(key(Object.assign(Object.create(null), { a: 1 }))).toBe(key({ a: 1 }));
});

test("one object twice is not two equal ones, and cycles end", () => {
  const one = { a: 1 };
  expect(key(one, one)).not.toBe(key(one, { ...one }));
  expect(key(one, one)).toBe(key(...structuredClone([one, one])));
  const ring = (length: number): unknown => {
    const first: { next?: unknown } = {};
    let last = first;
    for (let n = 1; n < length; n++) last = last.next = {} as { next?: unknown };
    last.next = first;
    return first;
  };
  for (const length of [1, 2, 40]) {
    expect(key(ring(length))).toBe(key(structuredClone(ring(length))));
    expect(key(ring(length))).not.toBe(key(ring(length + 1)));
  }
  const many = Array.from({ length: 100 }, () => ({}));
  expect(key([...many, many[50]])).not.toBe(key([...many, many[51]]));
});

test("functions have keys of their own", () => {
  expect(argumentKey(Buffer.alloc(32, 1), [1])).not.toEqual(argumentKey(Buffer.alloc(32, 2), [1]));
});

test.each([
  ["args[0]", [() => 1]],
  ["args[1].user.save", [1, { user: { save: () => 1 } }]],
  ["args[0][1]", [[1, new (class Account {})()]]],
  ["args[0]", [Object.assign(new Error("a"), { code: 1 })]],
])("what cannot travel is refused with its path: %s", (path, args) => {
  const error = (() => {
    try {
      return key(...args);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(isShoalError(error, "VALUE_INVALID")).toBe(true);
  expect((error as { details: { path: string } }).details.path).toBe(path);
  expect(key(1)).toBe(key(1));
});
