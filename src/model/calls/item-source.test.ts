import fc from "fast-check";
import { expect, test } from "vitest";
import { ItemSource, type Inputs } from "./item-source.ts";

async function* asAsync<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

const kinds: Readonly<Record<string, <T>(items: readonly T[]) => Inputs<T>>> = {
  array: (items) => items,
  generator: (items) => items.values(),
  "async generator": (items) => asAsync(items),
  "web stream": (items) => ReadableStream.from(items),
};

test.each(Object.entries(kinds))(
  "what is taken from a %s, in pieces of any size, is all of it in order",
  async (_kind, make) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer()),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (items, sizes) => {
          const source = new ItemSource(make(items));
          const taken: number[] = [];
          for (let n = 0; ; n++) {
            const max = sizes[n % sizes.length]!;
            const some = await source.take(max);
            expect(some.length).toBeLessThanOrEqual(max);
            if (some.length === 0) break;
            taken.push(...some);
          }
          expect(taken).toEqual(items);
          expect(await source.take(1)).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  },
);

test("how many there are is known of arrays, sets and maps", () => {
  const totals = [[1, 2], new Set([1]), new Map([[1, 2]]), [1, 2].values()].map(
    (inputs) => new ItemSource<unknown>(inputs).total,
  );
  expect(totals).toEqual([2, 1, 1, null]);
});

test("nothing is taken before it is asked for, and no more than that", async () => {
  let taken = 0;
  const source = new ItemSource(
    (function* () {
      for (;;) yield taken++;
    })(),
  );
  expect(taken).toBe(0);
  expect(await source.take(3)).toEqual([0, 1, 2]);
  expect(taken).toBe(3);
});

test("an endless source that gives an item a turn: the first does not wait for all that are asked for", async () => {
  const turns = async function* (): AsyncGenerator<number> {
    for (let n = 0; ; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      yield n;
    }
  };
  const source = new ItemSource(turns());
  const first = await source.take(10_000_000);
  expect(first.length).toBeGreaterThan(0);
  expect(first.length).toBeLessThan(10_000_000);
  const second = await source.take(10_000_000);
  expect(second[0]).toBe(first.length); // the one that was on its way is not lost
  await source.close();
});

test("what was taken before the source threw comes first, then the error, once", async () => {
  const failing = function* (): Generator<number> {
    yield 1;
    yield 2;
    throw new Error("broken");
  };
  for (const inputs of [failing(), asAsync(failing())]) {
    const source = new ItemSource<number>(inputs);
    expect(await source.take(10)).toEqual([1, 2]);
    await expect(source.take(10)).rejects.toThrow("broken");
    expect(await source.take(10)).toEqual([]);
  }
});

test("close ends the source once, and does not wait for an item that does not come", async () => {
  const events: string[] = [];
  const generator = async function* (): AsyncGenerator<number> {
    try {
      yield 1;
      yield 2;
    } finally {
      events.push("closed");
    }
  };
  const source = new ItemSource(generator());
  await source.take(1);
  await source.close();
  await source.close();
  expect(events).toEqual(["closed"]);
  expect(await source.take(1)).toEqual([]);

  let returned = 0;
  const stuck: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: () => {
        returned++;
        return Promise.reject(new Error("nobody is to hear of this"));
      },
    }),
  };
  const waiting = new ItemSource(stuck);
  void waiting.take(1);
  await waiting.close();
  expect(returned).toBe(1);
});
