// Which call runs when, and how often.

import { AsyncLocalStorage } from "node:async_hooks";
import { expect } from "vitest";
import { moduleUrl, rejection, type Module, type World } from "./world.ts";

export function order(world: World): void {
  const { it } = world;

  it("higher priorities first, and in each first come, first served", async () => {
    const { waits, says } = await world.alone();
    const gate = world.gate();
    const [log, holds] = [world.log(), world.log()];
    const first = waits(gate.file, holds.file, "runs");
    await holds.has(1);
    const onDeck = says(holds.file, "may be on deck");
    const calls = [
      [-5, "last"],
      [0, "third"],
      [5, "first"],
      [0, "fourth"],
      [5, "second"],
    ].map(([priority, text]) => says.with({ priority: priority as number })(log.file, text as string));
    gate.open();
    await Promise.all([first, onDeck, ...calls]);
    expect(log.lines).toEqual(["first", "second", "third", "fourth", "last"]);
  });

  it("in one slot calls run in the order in which they were made, sync and async ones, one at a time", async () => {
    const { says, waits } = await world.alone();
    const gate = world.gate();
    gate.open();
    const log = world.log();
    const texts = Array.from({ length: 90 }, (_, n) => `${n}`);
    await Promise.all(
      texts.map((text, n) => (n % 3 === 0 ? waits(gate.file, log.file, text) : says(log.file, text))),
    );
    expect(log.lines).toEqual(texts);
  });

  it("what waits behind a long call is taken over by another slot, and runs once", async () => {
    const shoal = await world.connect({ slots: 2 });
    const { waits } = shoal.use<Module>(moduleUrl);
    const [open, gate] = [world.gate(), world.gate()];
    const log = world.log();
    open.open();
    const many = (from: number): Promise<string>[] =>
      Array.from({ length: 100 }, (_, n) => waits(open.file, log.file, `${from + n}`));
    // How little they take is known from here on: slots are given several of them ahead.
    await Promise.all(many(0));
    const before = many(100);
    const long = waits(gate.file, log.file, "long");
    await Promise.all([...before, ...many(200)]); // while the long one runs
    gate.open();
    expect(await long).toBe("long");
    expect(log.lines.toSorted()).toEqual(
      ["long", ...Array.from({ length: 300 }, (_, n) => `${n}`)].toSorted(),
    );
  });

  it("a call that throws is tried again as often as its retries say", async () => {
    const { throwsAtFirst } = await world.alone();
    expect(await throwsAtFirst.with({ retries: 2 })("a", 2)).toBe(3);
    expect(await throwsAtFirst.with({ retries: 5 })("b", 2)).toBe(3);
    expect((await rejection(throwsAtFirst.with({ retries: 1 })("c", 2))).message).toBe("try 2");
    expect((await rejection(throwsAtFirst("d", 1))).message).toBe("try 1");
  });

  it("options may be bound one after the other; wrong ones are refused with what was received", async () => {
    const { echo } = world.fns;
    expect(await echo.with({ priority: 3 }).with({ retries: 1, deadlineMs: 60_000 })(1)).toBe(1);
    for (const [options, message] of [
      [{ priority: 1.5 }, "priority must be an integer from -1000 to 1000, received 1.5"],
      [{ priority: 1001 }, "priority must be an integer from -1000 to 1000, received 1001"],
      [{ retries: -1 }, "retries must be an integer from 0 to 1000, received -1"],
      [
        { deadlineMs: 0 },
        "deadlineMs must be a number of milliseconds above 0 and up to 2147483647, received 0",
      ],
      [
        { deadlineMs: "5" },
        'deadlineMs must be a number of milliseconds above 0 and up to 2147483647, received "5"',
      ],
      [{ signal: {} }, "signal must be an AbortSignal, received [object Object]"],
      [{ transfer: "x" }, 'transfer must be an array of ArrayBuffers, received "x"'],
    ] as const)
      expect(() => echo.with(options as never)).toThrow(
        expect.objectContaining({ code: "BAD_OPTION", message }),
      );
  });

  it("very many calls awaited together settle each with its own result", async () => {
    const { add, fails } = world.fns;
    const { manyCalls } = world.variant;
    const settled = await Promise.allSettled(
      Array.from({ length: manyCalls }, (_, n) => (n % 1000 === 7 ? fails(`${n}`) : add(n, 1))),
    );
    const wrong = settled.filter((result, n) =>
      result.status === "fulfilled" ? result.value !== n + 1 : (result.reason as Error).message !== `${n}`,
    );
    expect(wrong).toEqual([]);
    expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(manyCalls / 1000);
    expect(world.shoal.callFigures()).toMatchObject({ waiting: 0, running: 0, slots: 2 });
  });

  it("calls from many async contexts come back into their own", async () => {
    const storage = new AsyncLocalStorage<number>();
    const { add, count } = world.fns;
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        storage.run(n, async () => {
          const stores = [await add(n, 0), storage.getStore()];
          for await (const item of count(2)) stores.push(item, storage.getStore());
          return stores;
        }),
      ),
    );
    expect(seen).toEqual(seen.map((_, n) => [n, n, 0, n, 1, n]));
  });
}
