// Production code against a plain array, on random operations.

import { expect, test } from "vitest";
import { below, chance, rng } from "../../base/rng.ts";
import type { Call } from "./calls.ts";
import { Lane } from "./lane.ts";

const newCall = (call: number): Call => ({ call, queuePlace: null }) as Call;

test("a lane is an array, only quicker", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const chances = rng(seed);
    const lane = new Lane(0);
    const model: Call[] = [];
    const growth = 0.4 + 0.2 * (seed % 2);
    for (let step = 0; step < 5000; step++) {
      const call = newCall(step);
      if (chance(chances, growth)) {
        const isGivenBack = chance(chances, 0.3);
        if (isGivenBack) lane.prepend(call);
        else lane.append(call);
        model.splice(isGivenBack ? 0 : model.length, 0, call);
      } else if (model.length > 0) {
        const at = chance(chances, 0.5) ? 0 : below(chances, model.length);
        lane.remove(model.splice(at, 1)[0]!);
      }
      if (lane.first !== (model[0] ?? null)) expect(lane.first).toBe(model[0]);
    }
    for (const call of model) {
      expect(lane.first).toBe(call);
      lane.remove(call);
    }
    expect(lane.first).toBe(null);
  }
});

test("who does not wait cannot leave, and nobody leaves twice", () => {
  const lane = new Lane(0);
  const call = newCall(1);
  expect(() => lane.remove(call)).toThrow("D2");
  lane.append(call);
  lane.append(newCall(2));
  lane.remove(call);
  expect(() => lane.remove(call)).toThrow("D2");
});

test("gaps do not pile up while the first stays", () => {
  const lane = new Lane(0);
  lane.append(newCall(0));
  for (let round = 1; round <= 10_000; round++) {
    const call = newCall(round);
    lane.append(call);
    expect(call.queuePlace).toBeLessThan(3000);
    lane.remove(call);
  }
  expect(lane.first?.call).toBe(0);
});
