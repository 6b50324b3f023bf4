// A few mutated messages of each kind at everything that takes messages from outside; npm run chaos:frames gives many.

import { expect, test } from "vitest";
import { mutateFrames, victims } from "./frames/run.ts";

const seed = Number(process.env["SHOAL_SEED"] ?? 1);
const count = process.env["SHOAL_THOROUGH"] === undefined ? 500 : 20_000;

test.each(Object.keys(victims))(
  "%s",
  async (kind) => {
    const [found] = await mutateFrames(count, seed, undefined, [kind]);
    expect(found!.faults).toEqual([]);
    expect(found!.messages).toBe(count);
  },
  600_000,
);
