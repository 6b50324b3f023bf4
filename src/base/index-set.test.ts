import fc from "fast-check";
import { expect, test } from "vitest";
import { IndexSet } from "./index-set.ts";

/** The dumb twin: a Set, searched from end to end. */
const nextFrom = (members: ReadonlySet<number>, from: number): number =>
  Math.min(...[...members].filter((member) => member >= from), Infinity);

test("does what a plain Set does, and finds the next member", () => {
  const sizes = fc.constantFrom(1, 31, 32, 33, 1023, 1024, 1025, 40_000);
  fc.assert(
    fc.property(sizes, fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 60 }), (capacity, steps) => {
      const set = new IndexSet(capacity);
      const model = new Set<number>();
      for (const [isAdd, any] of steps) {
        const index = any % capacity;
        expect(isAdd ? set.add(index) : set.delete(index)).toBe(isAdd ? !model.has(index) : model.has(index));
        if (isAdd) model.add(index);
        else model.delete(index);
        expect(set.size).toBe(model.size);
        expect(set.has(index)).toBe(model.has(index));
        for (const from of [0, index, index + 1, capacity - 1]) {
          const next = nextFrom(model, from);
          expect(set.nextFrom(from)).toBe(next === Infinity ? -1 : next);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("empties in order", () => {
  const set = new IndexSet(70_000);
  set.addRange(5, 69_999);
  const order: number[] = [];
  for (let next = set.nextFrom(0); next !== -1; next = set.nextFrom(0)) {
    order.push(next);
    set.delete(next);
  }
  expect(order).toEqual(Array.from({ length: 69_994 }, (_, i) => i + 5));
});

test("a set of nothing has no members", () => {
  expect(new IndexSet(0).nextFrom(0)).toBe(-1);
});
