import fc from "fast-check";
import { expect, test } from "vitest";
import { JobQueue } from "./job-queue.ts";

test("gives the earliest job, as a sorted list would", () => {
  // Each number is a turn: add a new job, take the first, or bring back one that was taken.
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("add", "take", "again"), fc.nat()), { maxLength: 80 }),
      (turns) => {
        const queue = new JobQueue<{ order: number }>();
        const model: number[] = [];
        const taken: { order: number }[] = [];
        let next = 0;
        for (const [turn, which] of turns) {
          if (turn === "add") {
            model.push(next);
            queue.add({ order: next++ });
          } else if (turn === "take") {
            const job = queue.take();
            expect(job?.order).toBe(model.shift());
            if (job !== undefined) taken.push(job);
          } else if (taken.length > 0) {
            const [job] = taken.splice(which % taken.length, 1);
            queue.addAgain(job!);
            model.push(job!.order);
            model.sort((a, b) => a - b);
          }
          expect(queue.size).toBe(model.length);
          expect(queue.first?.order).toBe(model[0]);
        }
        expect(queue.clear().map(({ order }) => order)).toEqual(model);
        expect(queue.size).toBe(0);
      },
    ),
  );
});

test("many thousands pass through in order", () => {
  const queue = new JobQueue<{ order: number }>();
  for (let order = 0; order < 5000; order++) queue.add({ order });
  for (let order = 0; order < 5000; order++) expect(queue.take()?.order).toBe(order);
  expect(queue.take()).toBeUndefined();
});
