// Production code against a Map, on random operations.

import { expect, test } from "vitest";
import { below, chance, rng } from "../../base/rng.ts";
import { CallTable } from "./call-table.ts";
import type { Call } from "./calls.ts";

test("a table of calls is a Map", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const chances = rng(seed);
    const table = new CallTable();
    const model = new Map<number, Call>();
    let last = 0;
    for (let step = 0; step < 2500; step++) {
      if (chance(chances, 0.55)) {
        last += chance(chances, 0.01) ? 1 + below(chances, 5_000_000) * 1000 : 1;
        const record = { call: last } as Call;
        table.add(record);
        model.set(last, record);
      } else {
        // Mostly the oldest, now and then any, or one that is not there.
        const keys = [...model.keys()];
        const call = chance(chances, 0.1) ? below(chances, 1000) : (keys[below(chances, 4)] ?? 0);
        table.delete(call);
        model.delete(call);
        expect(table.get(call)).toBe(undefined);
      }
      expect(table.size).toBe(model.size);
      if (step % 100 === 0) expect([...table]).toEqual([...model.values()]);
    }
    for (const [call, record] of model) expect(table.get(call)).toBe(record);
    for (const call of [0, -1, 0.5, NaN, last + 1]) expect(table.get(call)).toBe(undefined);
  }
});
