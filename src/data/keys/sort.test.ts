import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKeys } from "./order.ts";
import { numberKey, textKey, type HeldKey, type KeyForm } from "./key.ts";
import { sortOrder } from "./sort.ts";

/** By comparison and place: dumb, and surely stable. */
function dumbOrder(form: KeyForm, keys: readonly HeldKey[], isDescending: boolean): number[] {
  const sign = isDescending ? -1 : 1;
  return keys.map((_, i) => i).sort((a, b) => compareKeys(form, keys[a]!, form, keys[b]!) * sign || a - b);
}

// Few letters and lengths: many ties, many keys that begin with another.
const letter = fc.constantFrom(
  "a",
  "b",
  "\0",
  "\xff",
  "\u0100",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "\ud800",
  "\udfff",
  "😀",
);
const tying = fc.array(letter, { maxLength: 12 }).map((letters) => letters.join(""));
const narrow = fc
  .array(fc.constantFrom("a", "b", "\0", "\xff"), { maxLength: 14 })
  .map((letters) => letters.join(""));
const prefixed = narrow.map((text) => `https://example.com/a/long/common/beginning/${text}`);
const numbers = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1e-320, -1e-320),
);

describe("sortOrder", () => {
  it.each([
    ["narrow", narrow],
    ["any", tying],
    ["with a common beginning", prefixed],
    ["mixed", fc.oneof(narrow, tying, fc.string())],
  ])("sorts %s texts stably, both ways", (_name, text) => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 300, size: "max" }), fc.boolean(), (keys, isDescending) => {
        expect([...sortOrder(textKey, keys, isDescending)]).toEqual(dumbOrder(textKey, keys, isDescending));
      }),
      { numRuns: 300 },
    );
  });

  it("sorts numbers stably, both ways", () => {
    fc.assert(
      fc.property(fc.array(numbers, { maxLength: 300, size: "max" }), fc.boolean(), (keys, isDescending) => {
        expect([...sortOrder(numberKey, keys, isDescending)]).toEqual(
          dumbOrder(numberKey, keys, isDescending),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("orders well-formed texts as their UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 200, size: "max" }), (keys) => {
        const sorted = [...sortOrder(textKey, keys, false)].map((i) => keys[i]!);
        const bytes = keys.map((key) => Buffer.from(key)).sort((a, b) => Buffer.compare(a, b));
        expect(sorted.map((key) => Buffer.from(key))).toEqual(bytes);
      }),
    );
  });

  it("sorts more keys than four characters and their place fit into one number", () => {
    const keys = Array.from({ length: 2 ** 20 + 1000 }, (_, i) =>
      (Math.imul(i, 0x9e3779b1) >>> 0).toString(36),
    );
    const order = sortOrder(textKey, keys, false);
    expect(new Set(order).size).toBe(keys.length);
    for (let i = 1; i < order.length; i++)
      if (!(keys[order[i - 1]!]! < keys[order[i]!]!)) throw new Error(`out of order at ${i}`);
  });

  it("sorts many numbers by 16 bits at a time", () => {
    const keys = Array.from({ length: 2 ** 21 + 1000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >> 8) / 3);
    const order = sortOrder(numberKey, keys, true);
    for (let i = 1; i < order.length; i++) {
      const [a, b] = [keys[order[i - 1]!]!, keys[order[i]!]!];
      if (!(a > b || (a === b && order[i - 1]! < order[i]!))) throw new Error(`out of order at ${i}`);
    }
  });

  it("gets through long equal keys", () => {
    const keys = Array.from({ length: 40 }, (_, i) => `${"x".repeat(1 << 20)}${i % 3}`);
    expect([...sortOrder(textKey, keys, false)]).toEqual(dumbOrder(textKey, keys, false));
  });
});
