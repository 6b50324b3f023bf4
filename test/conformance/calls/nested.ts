// Remote functions that call remote functions.

import { expect } from "vitest";
import type { ConnectOptions } from "../../../src/connect.ts";
import type { Remote } from "../../../src/model/calls/remote.ts";
import type { Shoal } from "../../../src/model/shoal.ts";
import { nestedUrl, type NestedModule, type World } from "./world.ts";

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

  it("streams are not for inner calls: that is said, whether they are read or awaited", async () => {
    const { streamsInside, awaitsStreamInside } = using(world.shoal);
    expect(await streamsInside()).toBe("VALUE_INVALID");
    expect(await awaitsStreamInside()).toBe("VALUE_INVALID");
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
