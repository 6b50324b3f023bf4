// What functions can do to their slot: the pool survives, and says what happened.

import { expect } from "vitest";
import { until } from "../../kit/processes.ts";
import { collect, moduleUrl, rejection, type Module, type World } from "./world.ts";

export function survival(world: World): void {
  const { it } = world;

  it("process.exit fails the call, with its line, and nothing else", async () => {
    const { exits, contextOf } = await world.alone();
    const { slot } = await contextOf();
    const error = await rejection(exits(3));
    expect(error).toMatchObject({ code: "USER_ERROR" });
    expect(error.message).toMatch(/process\.exit\(3\) was called in a slot at .*module\.ts:\d+/);
    expect((await contextOf()).slot).toBe(slot);
  });

  it("a full heap: OUT_OF_MEMORY with its certificate, and the call beside it ends well", async () => {
    const shoal = await world.connect({ slots: 2 });
    const { fillsHeap, waits, echo } = shoal.use<Module>(moduleUrl);
    const [gate, log] = [world.gate(), world.log()];
    const beside = waits(gate.file, log.file, "beside");
    await log.has(1);
    const error = await rejection(fillsHeap());
    expect(error).toMatchObject({ code: "OUT_OF_MEMORY", details: { certificate: { outOfMemory: "heap" } } });
    expect((error.details as { certificate: { doing: string } }).certificate.doing).toContain(
      "the call of fillsHeap",
    );
    gate.open();
    expect(await beside).toBe("beside");
    expect(await Promise.all([echo(1), echo(2), echo(3)])).toEqual([1, 2, 3]);
    expect(shoal.callFigures()).toMatchObject({ slots: 2 });
  });

  it("a crash: SLOT_LOST with the signal", async () => {
    const { crashes, echo } = await world.alone();
    const error = await rejection(crashes());
    expect(error).toMatchObject({ code: "SLOT_LOST", details: { certificate: { signal: "SIGABRT" } } });
    expect(await echo("in a new slot")).toBe("in a new slot");
  });

  it("a call whose slot was lost is tried again as its retries say", async () => {
    const { crashesOnce } = await world.alone();
    expect(await crashesOnce.with({ retries: 1 })(world.file())).toBe("second try");
    expect(await rejection(crashesOnce(world.file()))).toMatchObject({ code: "SLOT_LOST" });
  });

  it("many calls that end their slots take nothing from those that wait", async () => {
    const shoal = await world.connect({ slots: 2 });
    const { crashesOnce, add } = shoal.use<Module>(moduleUrl);
    const crashes = Array.from({ length: 6 }, () => rejection(crashesOnce(world.file())));
    const after = Array.from({ length: 10 }, (_, n) => add(n, 1));
    for (const error of await Promise.all(crashes)) expect(error).toMatchObject({ code: "SLOT_LOST" });
    expect(await Promise.all(after)).toEqual(after.map((_, n) => n + 1));
    expect(shoal.callFigures()).toMatchObject({ running: 0, waiting: 0 });
  });

  it("the reader of a stream whose slot is lost is told", async () => {
    const { countLater, crashesOnce } = await world.alone();
    const stream = countLater.with({ retries: 3 })(1_000_000);
    expect((await stream.next()).value).toMatchObject({ n: 0 });
    const crash = rejection(crashesOnce(world.file()));
    // The crash runs when the stream waits for its reader; what was sent before comes first.
    await crash;
    expect(await rejection(collect(stream))).toMatchObject({ code: "SLOT_LOST" });
  });

  it("an unhandled rejection after the call has returned is printed, and the slot goes on", async () => {
    const { rejectsAfterwards, contextOf } = await world.alone();
    const { slot } = await contextOf();
    expect(await rejectsAfterwards()).toBe("returned");
    await until("it is printed", () => world.printed.includes("nobody waits for this"));
    expect(world.printed).toContain("a promise was rejected and nothing handled it");
    expect((await contextOf()).slot).toBe(slot);
  });

  it("a promise that can never settle is found out", async () => {
    const { neverSettles, echo } = await world.alone();
    expect(await rejection(neverSettles())).toMatchObject({ code: "NEVER_SETTLES" });
    expect(await echo("the next one runs")).toBe("the next one runs");
  });
}
