// Arguments and results: every portable kind comes back as it was, and what cannot travel is refused with its path.

import { expect } from "vitest";
import { until } from "../../kit/processes.ts";
import { rejection, type World } from "./world.ts";

const text = (length: number): string => "語x".repeat(length);

/** Of each portable kind, small ones and ones that are too large for shared memory. */
const kinds: Readonly<Record<string, readonly unknown[]>> = {
  undefined: [undefined],
  null: [null],
  boolean: [true, false],
  numbers: [
    0,
    -0,
    1.5,
    NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    -(2 ** 31),
    Number.MAX_SAFE_INTEGER,
    Number.MIN_VALUE,
  ],
  bigint: [0n, -1n, 2n ** 200n, 2n ** 4000n],
  strings: ["", "a", text(20), text(5000), "\ud800", "\0"],
  Date: [new Date(0), new Date(-1), new Date(NaN)],
  RegExp: [/a+/giu],
  Map: [
    new Map<unknown, unknown>([
      ["a", new Map([[1, NaN]])],
      [{ key: 1 }, undefined],
    ]),
    new Map(Array.from({ length: 500 }, (_, n) => [n, `${n}`])),
  ],
  Set: [new Set([1, "1", null, NaN]), new Set(Array.from({ length: 500 }, (_, n) => n))],
  arrays: [
    [],
    [1, [2, [3]]],
    [undefined, null, -0],
    Array.from({ length: 3 }),
    Array.from({ length: 1000 }, (_, n) => n / 3),
  ],
  objects: [
    {},
    { a: undefined, b: null, "c d": -0, 1: "one" },
    { deep: { deeper: { deepest: [new Date(1)] } } },
    Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`key${n}`, n])),
  ],
  ArrayBuffer: [new ArrayBuffer(0), new Uint8Array([1, 2, 3]).buffer, new Uint8Array(1000).fill(7).buffer],
  "typed arrays": [
    new Int8Array([-1, 2]),
    new Uint8Array([255]),
    new Uint8ClampedArray([300]),
    new Int16Array([-300]),
    new Uint16Array([65_535]),
    new Int32Array([-70_000]),
    new Uint32Array([2 ** 32 - 1]),
    new Float32Array([0.5, NaN]),
    new Float64Array([1 / 3, -0]),
    new BigInt64Array([-(2n ** 63n)]),
    new BigUint64Array([2n ** 64n - 1n]),
    new Float64Array(1000).fill(Math.PI),
    new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2),
  ],
  DataView: [new DataView(new Uint8Array([1, 2, 3]).buffer, 1), new DataView(new ArrayBuffer(1000))],
  Buffer: [Buffer.from("small"), Buffer.alloc(0), Buffer.alloc(1000, "large")],
  errors: [new TypeError("as a value"), new Error("with a cause", { cause: new RangeError("inner") })],
};

export function values(world: World): void {
  const { it } = world;

  for (const [kind, samples] of Object.entries(kinds)) {
    it(`${kind}: as they were, alone and inside of others, in both directions`, async () => {
      const { echo, echoAsync } = world.fns;
      for (const sample of samples) {
        expect(await echo(sample)).toStrictEqual(sample);
        expect(await echoAsync(sample)).toStrictEqual(sample);
        expect(await echo({ sample })).toStrictEqual({ sample });
        expect(await echo([sample, text(500)])).toStrictEqual([sample, text(500)]);
      }
      expect(await world.shoal.map(echo, samples).toArray()).toStrictEqual(samples);
    });
  }

  it("Buffers are Buffers on both sides, of any size, and inside of objects too", async () => {
    const { kindsOf, echo } = world.fns;
    for (const size of [3, 300]) {
      const buffer = Buffer.alloc(size, 1);
      expect(await kindsOf(buffer, new Uint8Array(size))).toEqual(["Buffer", "Uint8Array"]);
      const [inside, bytes] = await echo([buffer, new Uint8Array(size)]);
      expect(Buffer.isBuffer(inside)).toBe(true);
      expect(Buffer.isBuffer(bytes)).toBe(false);
    }
  });

  it("cycles and shared parts stay what they are", async () => {
    const { echo } = world.fns;
    for (const pad of ["", text(500)]) {
      const cyclic: { self?: unknown; pad: string; list: unknown[] } = { pad, list: [] };
      cyclic.self = cyclic;
      cyclic.list.push(cyclic.list);
      const got = await echo(cyclic);
      expect(got.self).toBe(got);
      expect(got.list[0]).toBe(got.list);
      expect(got.pad).toBe(pad);

      const part = { pad };
      const [a, b] = await echo([part, part]);
      expect(a).toEqual(part);
      expect(a).toBe(b);
    }
  });

  it("as many arguments as are given, undefined ones too", async () => {
    const { countArguments, kindsOf } = world.fns;
    expect(await countArguments()).toBe(0);
    expect(await countArguments(undefined, undefined)).toBe(2);
    expect(await countArguments(...Array.from({ length: 254 }, (_, n) => n))).toBe(254);
    expect(await countArguments(...Array.from({ length: 300 }, (_, n) => n))).toBe(300);
    expect(await kindsOf(undefined, null, -0, 1n)).toEqual(["undefined", "object", "-0", "bigint"]);
  });

  it("what comes back is a copy, and what was given is as before", async () => {
    const { echo } = world.fns;
    for (const pad of ["", text(500)]) {
      const given = { list: [1], pad };
      const got = await echo(given);
      got.list.push(2);
      expect(given).toEqual({ list: [1], pad });
    }
  });

  const save = (): void => {};
  class Account {}
  const refused: readonly [what: string, args: readonly unknown[], message: RegExp][] = [
    ["a function", [{ user: { save } }], /^args\[0\]\.user\.save: function cannot/],
    ["a function itself", [1, save], /^args\[1\]: function cannot/],
    ["a symbol", [["a", Symbol("b")]], /^args\[0\]\[1\]: Symbol\(b\) cannot/],
    [
      "a promise",
      [{ "two words": Promise.resolve() }],
      /^args\[0\]\["two words"\]: a Promise \(was an await forgotten\?\)/,
    ],
    [
      "an instance of a class",
      [new Map([["x", new Account()]])],
      /^args\[0\]\.get\("x"\): an instance of Account/,
    ],
    ["a function as a key", [new Map([[save, 1]])], /^args\[0\] \(a key of the Map\): function/],
    ["a WeakMap", [new WeakMap()], /^args\[0\]: an instance of WeakMap/],
  ];

  it("arguments that cannot travel are refused before anything is sent, with the path to the culprit", async () => {
    const log = world.log();
    const says = world.fns.says as unknown as (...args: readonly unknown[]) => Promise<unknown>;
    for (const [what, args, message] of refused) {
      const error = await rejection(says(...args, log.file));
      expect(error, what).toMatchObject({ code: "VALUE_INVALID", definite: true });
      expect(error.message, what).toMatch(message);
    }
    await says(log.file, "this one can");
    expect(log.lines).toEqual(["this one can"]);
  });

  it("results that cannot travel are refused with their path", async () => {
    const { returnsFunction, returnsInstance } = world.fns;
    const error = await rejection(returnsFunction());
    expect(error).toMatchObject({ code: "VALUE_INVALID" });
    expect(error.message).toMatch(/^the result\.user\.save: function cannot/);
    expect((await rejection(returnsInstance())).message).toMatch(
      /^the result\[0\]: an instance of HttpError/,
    );
    expect((await rejection(world.shoal.map(returnsFunction as never, [1]).toArray())).message).toMatch(
      /user\.save: function/,
    );
  });

  it("callContext tells the module, the name, the slot and a signal; not after an await", async () => {
    const { contextOf, contextAfterAwait } = world.fns;
    expect(await contextOf()).toMatchObject({
      name: "contextOf",
      isAborted: false,
      slot: expect.any(Number) as number,
    });
    expect((await contextOf()).module).toMatch(/calls[\\/]module\.ts$/);
    expect(await contextAfterAwait()).toBe("PLAN_INVALID");
  });

  it("what functions print goes to onOutput", async () => {
    await world.fns.prints("printed in a slot");
    await until("it is printed", () => world.printed.includes("printed in a slot\n"));
  });
}
