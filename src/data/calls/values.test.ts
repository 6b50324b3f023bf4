import fc from "fast-check";
import { expect, test } from "vitest";
import { readValue, readValues, writeValue, writeValues, type ValueBytes } from "./values.ts";

const room = (length: number): ValueBytes => {
  const buffer = new SharedArrayBuffer(length);
  return { bytes: Buffer.from(buffer), view: new DataView(buffer) };
};

const primitive = fc.oneof(
  fc.constantFrom(undefined, null, true, false, 0, -0, NaN, Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 1.5),
  fc.integer(),
  fc.double(),
  fc.string({ maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
  fc.array(fc.integer(), { maxLength: 8 }),
  fc.dictionary(fc.string(), fc.oneof(fc.integer(), fc.string()), { maxKeys: 4 }),
);

test("what is written comes back as it was, in any number, at any place", () => {
  fc.assert(
    fc.property(fc.array(primitive, { maxLength: 6 }), fc.nat(9), (values, start) => {
      const bytes = room(16_384);
      const end = writeValues(bytes, values, start, 16_384);
      expect(end).toBeGreaterThan(start);
      expect(readValues(bytes, start)).toEqual(values);
    }),
  );
});

test("strings of one lone surrogate, and of the longest that fit", () => {
  for (const text of [
    "\ud800",
    "a\udfff",
    "x".repeat(24),
    "x".repeat(25),
    "é".repeat(200),
    "語".repeat(100),
  ]) {
    const bytes = room(256);
    expect(writeValue(bytes, text, 0, 256)).toBeGreaterThan(0);
    expect(readValue(bytes, 0)).toBe(text);
  }
});

test("what does not fit is refused, and nothing is written beyond the end", () => {
  fc.assert(
    fc.property(fc.array(primitive, { maxLength: 6 }), fc.nat(40), (values, length) => {
      const bytes = room(64);
      bytes.bytes.fill(0xee, length);
      const end = writeValues(bytes, values, 0, length);
      expect(end).toBeLessThanOrEqual(length);
      expect(bytes.bytes.subarray(length).every((byte) => byte === 0xee)).toBe(true);
      if (end !== -1) expect(readValues(bytes, 0)).toEqual(values);
    }),
  );
});

test("shared memory does not travel as bytes", () => {
  expect(writeValues(room(256), [new Uint8Array(new SharedArrayBuffer(8))], 0, 256)).toBe(-1);
});
