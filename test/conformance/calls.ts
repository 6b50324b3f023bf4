// The conformance suite of calls: one body of behaviours, all ways to run functions. A variant says how to connect; what
// it cannot do is a deviation with a reason, and becomes a skipped test that prints it.

import { afterAll, beforeAll, describe } from "vitest";
import { cancellation } from "./calls/cancellation.ts";
import { errors } from "./calls/errors.ts";
import { lifetime } from "./calls/lifetime.ts";
import { memory } from "./calls/memory.ts";
import { nested } from "./calls/nested.ts";
import { order } from "./calls/order.ts";
import { streams } from "./calls/streams.ts";
import { survival } from "./calls/survival.ts";
import { values } from "./calls/values.ts";
import { World, type CallsVariant } from "./calls/world.ts";

export type { CallsVariant } from "./calls/world.ts";

const chapters: Readonly<Record<string, (world: World) => void>> = {
  "arguments and results": values,
  memory,
  errors,
  streams,
  "order and retries": order,
  "cancellation and deadlines": cancellation,
  "calls of calls": nested,
  survival,
  lifetime,
};

export function callsConformance(variant: CallsVariant): void {
  describe(`functions, ${variant.name}`, () => {
    const world = new World(variant);
    beforeAll(() => world.begin());
    afterAll(() => world.end());
    for (const [title, chapter] of Object.entries(chapters)) describe(title, () => chapter(world));
  });
}
