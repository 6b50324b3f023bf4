import { deserialize, serialize } from "node:v8";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isShoalError } from "../errors.ts";
import { requireJson, requirePortable } from "./portable.ts";

class Account {
  readonly owner = "ada";
}

const messageOf = (check: () => void): string => {
  try {
    check();
  } catch (error) {
    expect(isShoalError(error, "VALUE_INVALID")).toBe(true);
    return (error as Error).message;
  }
  return "accepted";
};

const cyclic: Record<string, unknown> = { name: "loop" };
cyclic["self"] = cyclic;
cyclic["list"] = [cyclic, [cyclic]];

describe("requirePortable", () => {
  it.each([
    ["primitives", [undefined, null, true, 1, -0, NaN, 10n, "text", "\ud800"]],
    [
      "bytes",
      [
        new Uint8Array(3),
        Buffer.from("x"),
        new Float64Array(2),
        new ArrayBuffer(4),
        new DataView(new ArrayBuffer(1)),
      ],
    ],
    ["dates and patterns", [new Date(0), /x/g]],
    ["collections", [new Map([["a", new Set([1])]]), new Set([[1, { a: 1 }]])]],
    ["errors", [new TypeError("x", { cause: new Error("y") })]],
    ["objects without a prototype", Object.assign(Object.create(null) as object, { a: 1 })],
    ["the keys that bite", JSON.parse('{"__proto__":1,"constructor":2,"1":3}')],
    ["cycles", cyclic],
  ])("accepts %s", (_name, value) => {
    requirePortable(value, "record");
    expect(() => deserialize(serialize(value))).not.toThrow();
  });

  it.each([
    [() => 1, "record: function"],
    [Symbol("s"), "record: Symbol(s)"],
    [[1, [2, { user: { save() {} } }]], "record[1][1].user.save: function"],
    [{ "a b": Symbol.iterator }, 'record["a b"]: Symbol(Symbol.iterator)'],
    [{ a: Promise.resolve(1) }, "record.a: a Promise"],
    [new Account(), "record: an instance of Account"],
    [[new Account()], "record[0]: an instance of Account"],
    [new Map([["k", { f() {} }]]), 'record.get("k").f: function'],
    [new Map([[() => 1, 1]]), "record (a key of the Map): function"],
    [new Set([1, () => 1]), "record (item 1): function"],
    [new WeakMap(), "record: an instance of WeakMap"],
    [Object.create({ inherited: 1 }), "record: an instance of Object"],
    [Object.assign(new Error("x"), { status: 404 }), 'record: the property "status" of an Error'],
    [new Error("x", { cause: { f() {} } }), "record.cause.f: function"],
    [{ [Symbol.for("tag")]: 1 }, "record: a property named by Symbol(tag)"],
    [Object.assign([1], {}), "accepted"],
  ])("names the culprit in case %#", (value, expected) => {
    expect(messageOf(() => requirePortable(value, "record"))).toContain(expected);
  });

  it("refuses what is nested too deep rather than overflow the stack", () => {
    let value: unknown = 1;
    for (let i = 0; i < 100_000; i++) value = [value];
    expect(messageOf(() => requirePortable(value, "record"))).toContain("nested deeper");
  });

  it("takes time linear in the number of objects, shared or not", () => {
    let value: unknown = { leaf: 1 };
    for (let i = 0; i < 60; i++) value = [value, value, { value }];
    requirePortable(value, "record");
    expect(messageOf(() => requirePortable([value, () => 1], "record"))).toContain("record[1]: function");
  });

  it("accepts any plain value, and what it accepts comes back equal", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withMap: true,
          withSet: true,
          withDate: true,
          withBigInt: true,
          withTypedArray: true,
          withSparseArray: true,
        }),
        (value) => {
          requirePortable(value, "record");
          expect(deserialize(serialize(value))).toEqual(value);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("requireJson", () => {
  it.each([
    [undefined, "values: undefined"],
    [[1, NaN], "values[1]: NaN"],
    [{ a: [-0] }, "values.a[0]: -0"],
    [[1, 2, 3, { user: { save() {} } }], "values[3].user.save: function"],
    [[10n], "values[0]: bigint 10n"],
    [[new Date(0)], "values[0]: an instance of Date"],
    [cyclic, "values.self: a reference to an object that holds it"],
    // oxlint-disable-next-line no-sparse-arrays -- the hole is what is tested
    [[1, , 3], "values: an array with holes"],
    [[{ a: undefined }], "values[0].a: undefined"],
  ])("names the culprit in case %#", (value, expected) => {
    expect(messageOf(() => requireJson(value, "values"))).toContain(expected);
  });

  it("accepts exactly what JSON brings back equal", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const read: unknown = JSON.parse(JSON.stringify(value));
        let accepted = true;
        try {
          requireJson(value, "values");
        } catch {
          accepted = false;
        }
        let same = true;
        try {
          expect(read).toStrictEqual(value);
        } catch {
          same = false;
        }
        expect(accepted).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  it("accepts shared parts that are no cycles", () => {
    const shared = { a: 1 };
    requireJson([shared, shared], "values");
  });
});
