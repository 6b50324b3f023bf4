import fc from "fast-check";
import { expect, test } from "vitest";
import { readKept, writeKept } from "./kept-value.ts";

const back = (value: unknown): unknown => readKept(writeKept(value)!);

test("what is kept comes back as it was", () => {
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  fc.assert(
    fc.property(value, (of) => {
      expect(back(of)).toStrictEqual(structuredClone(of));
    }),
  );
});

test.each([
  new Float64Array([1, -0, NaN]),
  new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4),
  new DataView(new ArrayBuffer(5)),
  new BigInt64Array([1n]),
  Buffer.from("abc"),
  new Uint8Array(0),
])("typed arrays keep their type, and have memory of their own size: %o", (view) => {
  const { kept } = back({ before: "x", kept: view, after: 1 }) as { kept: typeof view };
  expect(kept).toStrictEqual(view);
  expect(Object.getPrototypeOf(kept)).toBe(Object.getPrototypeOf(view));
  expect(kept.byteOffset).toBe(0);
  expect(kept.buffer.byteLength).toBe(view.byteLength);
});

test("what comes back is a copy each time", () => {
  const bytes = writeKept([new Uint8Array([1])])!;
  const [first] = readKept(bytes) as [Uint8Array];
  first[0] = 2;
  expect(readKept(bytes)).toEqual([new Uint8Array([1])]);
});

test("shared memory is not kept", () => {
  expect(writeKept([1, new Uint8Array(new SharedArrayBuffer(4))])).toBeNull();
  expect(writeKept({ a: new SharedArrayBuffer(4) })).toBeNull();
});
