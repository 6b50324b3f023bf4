import fc from "fast-check";
import { expect, test } from "vitest";
import { cloneAll, unwrapAll, unwrapBuffers, wrapAll, wrapBuffers, type Moving } from "./buffers.ts";

const buffer = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(undefined, null, true, -0, 1.5, "text"),
    buffer,
    fc.uint8Array({ maxLength: 20 }),
    fc.date({ noInvalidDate: true }),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("any"), { maxKeys: 4 }).map((object) => ({ ...object })),
    fc.array(fc.tuple(fc.string(), tie("any")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("any"), { maxLength: 3 }).map((items) => new Set(items)),
  ),
})).any;

/** As a message takes it. */
function sent(one: unknown, moving: Moving = { isMove: false, buffers: [] }): unknown {
  const wrapped = wrapBuffers(one, moving);
  return unwrapBuffers(structuredClone(wrapped, { transfer: moving.buffers }));
}

test("whatever holds Buffers, at any depth, arrives with Buffers", () => {
  fc.assert(
    fc.property(value, (one) => {
      expect(sent(one)).toStrictEqual(one);
    }),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 5 }), (values) => {
      const moving: Moving = { isMove: false, buffers: [] };
      const wrapped = wrapAll(values, moving);
      expect(unwrapAll(structuredClone(wrapped, { transfer: moving.buffers }))).toStrictEqual(values);
      expect(cloneAll(values, [])).toStrictEqual(values);
    }),
  );
});

test("what holds none is not touched", () => {
  const values = [1, { a: [new Uint8Array(3), new Map([[1, new Set([2])]])] }, "x", null, new Date(0)];
  const moving: Moving = { isMove: false, buffers: [] };
  expect(wrapAll(values, moving)).toBe(values);
  expect(unwrapAll(values)).toBe(values);
  expect(moving.buffers).toEqual([]);
});

test("cycles, and parts that are shared", () => {
  const part = { bytes: Buffer.from("part") };
  const cyclic: { self?: unknown; parts: unknown[] } = { parts: [part, part] };
  cyclic.self = cyclic;
  const got = sent(cyclic) as typeof cyclic;
  expect(got.self).toBe(got);
  expect(got.parts[0]).toBe(got.parts[1]);
  expect(got.parts[0]).toEqual(part);
});

test("a Buffer that is moved is moved, and arrives as a Buffer", () => {
  const bytes = Buffer.from(new Uint8Array(1000).fill(7).buffer);
  const moving: Moving = { isMove: true, buffers: [bytes.buffer as ArrayBuffer] };
  const got = sent(bytes, moving) as Buffer;
  expect(bytes.length).toBe(0);
  expect(Buffer.isBuffer(got)).toBe(true);
  expect(got.equals(Buffer.alloc(1000, 7))).toBe(true);
});

test("memory that is shared stays shared, also beside a Buffer", () => {
  const numbers = new Int32Array(new SharedArrayBuffer(8));
  const got = sent({ numbers, text: Buffer.from("x") }) as { numbers: Int32Array; text: Uint8Array };
  got.numbers[1] = 5;
  expect(numbers[1]).toBe(5);
  expect([...got.text]).toEqual([120]); // as a Uint8Array: there is no way to have both
});
