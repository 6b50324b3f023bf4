import fc from "fast-check";
import { expect, test } from "vitest";
import { Heap } from "./heap.ts";

test("gives what was pushed in order, as a sorted array would", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { nil: null })), (orders) => {
      const heap = new Heap<number>((a, b) => a - b);
      const model: number[] = [];
      for (const order of orders) {
        if (order === null) expect(heap.pop()).toBe(model.shift() ?? null);
        else {
          heap.push(order);
          model.push(order);
          model.sort((a, b) => a - b);
        }
        expect(heap.first).toBe(model[0] ?? null);
        expect(heap.size).toBe(model.length);
      }
    }),
  );
});
