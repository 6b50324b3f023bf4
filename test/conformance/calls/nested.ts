// Remote functions that call remote functions.

import { expect } from "vitest";
import type { ConnectOptions } from "../../../src/connect.ts";
import type { Remote } from "../../../src/model/calls/remote.ts";
import type { Shoal } from "../../../src/model/shoal.ts";
import { collect, nestedUrl, rejection, type NestedModule, type World } from "./world.ts";

export function nested(world: World): void {
  const { it } = world;

  const using = (shoal: Shoal): Remote<NestedModule> => shoal.use<NestedModule>(nestedUrl);
  let single: Promise<Shoal> | null = null;
  const oneSlot = (): Promise<Shoal> =>
    (single ??= world.connect({ slots: 1, waitingCallsMax: 1 } satisfies ConnectOptions));

  it("fib: a tree of calls that wait for calls", async () => {
    expect(await using(world.shoal).fib(10)).toBe(55);
  });

  it("a chain of calls far deeper than there are slots, and than calls that may wait", async () => {
    expect(await using(await oneSlot()).dive(60)).toBe("bottom");
  });

  it("map() in a remote function", async () => {
    const squares = Array.from({ length: 2000 }, (_, n) => n * n);
    expect(await using(world.shoal).mapsInside(2000)).toEqual(squares);
  });

  it("errors of inner calls arrive as such, and can be caught", async () => {
    expect(await using(world.shoal).failsInside()).toBe("TypeError: of the wrong type");
  });

  it("inner calls can be aborted", async () => {
    const log = world.log();
    expect(await using(world.shoal).abortsInside(log.file)).toBe("changed my mind");
    await log.has(2);
    expect(log.lines).toEqual(["begun", "aborted: CANCELLED"]);
  });

  it("a call that is aborted ends the calls that it waits for, and harms no other", async () => {
    const { waitsInside, fib } = using(world.shoal);
    const log = world.log();
    const slots = world.shoal.callFigures()!.slots;
    const lost = world.shoal.callFigures()!.lost;
    const controller = new AbortController();
    const call = rejection(waitsInside.with({ signal: controller.signal })(log.file));
    await log.has(1);
    controller.abort(new Error("not needed"));
    expect((await call).message).toBe("not needed");
    await log.has(3);
    expect(log.lines.slice(1).sort()).toEqual(["aborted: CANCELLED", "outer: CANCELLED"]);
    expect(await fib(5)).toBe(5);
    expect(world.shoal.callFigures()).toMatchObject({ slots, lost });
  });

  it("streams are not for inner calls: that is said, whether they are read or awaited", async () => {
    const { streamsInside, awaitsStreamInside } = using(world.shoal);
    expect(await streamsInside()).toBe("VALUE_INVALID");
    expect(await awaitsStreamInside()).toBe("VALUE_INVALID");
  });

  it("a stream may be made of inner calls, with one slot", async () => {
    const { streamsOfCalls } = using(await oneSlot());
    expect(await collect(streamsOfCalls(10))).toEqual([0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  });

  it("drain lets calls of calls be made; no call, and no stream of theirs, stays behind", async () => {
    const shoal = await oneSlot();
    const { dive, awaitsStreamInside } = using(shoal);
    expect(await awaitsStreamInside()).toBe("VALUE_INVALID");
    const diving = dive(10);
    expect(await shoal.drain()).toMatchObject({ cancelled: 0 });
    expect(await diving).toBe("bottom");
    expect(shoal.callFigures()).toMatchObject({ waiting: 0, running: 0 });
  });
}
