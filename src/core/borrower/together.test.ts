// Borrowers and lenders together. Clients come, go idle and come back, workers come and leave: in the end slots are shared as
// they should be, whoever was there first.

import { expect, test } from "vitest";
import { LeaseWorld } from "../../../test/kit/lease-world.ts";
import { below, rng } from "../../base/rng.ts";

test("a client follows the cluster as it grows and shrinks", () => {
  const world = new LeaseWorld(1);
  world.addWorker("w1", 2, 8);
  const client = world.addClient("a");
  world.work(client, true);
  world.advance(1000);
  expect(world.held("a")).toBe(2);
  world.addWorker("w2", 4, 16);
  world.advance(1000);
  expect(world.held("a")).toBe(6);
  world.drain("w1");
  world.advance(5000);
  expect(world.held("a")).toBe(4);
  expect([...world.workers.keys()]).toEqual(["w2"]);
});

test("clients that come later get their share, and each has one as long as there are enough", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const world = new LeaseWorld(seed);
    for (const name of ["w1", "w2", "w3"]) world.addWorker(name, 4, 4);
    for (let n = 0; n < 12; n++) {
      world.work(world.addClient(`c${n}`), true);
      world.advance(500);
    }
    world.advance(10_000);
    const held = [...world.clients.keys()].map((name) => world.held(name));
    expect(held, `seed ${seed}`).toEqual(Array(12).fill(1));
  }
});

test("who has nothing to do gets in nobody's way, and gets slots again when it has", () => {
  const world = new LeaseWorld(7);
  for (const name of ["w1", "w2"]) world.addWorker(name, 4, 4);
  const [a, b] = [world.addClient("a"), world.addClient("b")];
  world.work(a, true);
  world.advance(2000);
  expect(world.held("a")).toBe(8);
  world.work(a, false);
  world.work(b, true);
  world.advance(10_000);
  expect(world.held("b"), "all but one").toBeGreaterThanOrEqual(6);
  world.work(a, true);
  world.advance(10_000);
  expect([world.held("a"), world.held("b")]).toEqual([4, 4]);
});

test("more clients than slots: those without one are told, and get one when others have nothing to do", () => {
  const world = new LeaseWorld(3);
  world.addWorker("w1", 1, 2);
  for (const name of ["a", "b", "c"]) {
    world.work(world.addClient(name), true);
    world.advance(2000);
  }
  const c = world.clients.get("c")!;
  expect(world.held("c")).toBe(0);
  world.work(world.clients.get("a")!, false);
  world.advance(5000);
  expect(world.held("c")).toBe(1);
  world.work(world.clients.get("a")!, true);
  world.advance(40_000);
  expect([world.clients.get("a")!.gaveUp, c.gaveUp]).toEqual([1, 0]);
});

test("random clusters: whatever came before, in the end shares are even, and nothing goes on moving", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const chances = rng(seed);
    const world = new LeaseWorld(seed);
    let lastWorker = 0;
    const addWorker = (): void => {
      const slots = 1 + below(chances, 4);
      world.addWorker(`w${++lastWorker}`, slots, slots * (1 + below(chances, 4)));
    };
    for (let n = 0; n < 2; n++) addWorker();
    const clients = Array.from({ length: 2 + below(chances, 3) }, (_, n) => world.addClient(`c${n}`));
    for (let step = 0; step < 40; step++) {
      const client = clients[below(chances, clients.length)]!;
      const pick = below(chances, 10);
      if (pick < 6) world.work(client, !client.isBusy);
      else if (pick < 7) addWorker();
      else if (pick < 8 && world.workers.size > 1) {
        const names = [...world.workers.values()].filter(({ isLeaving }) => !isLeaving);
        if (names.length > 1) world.drain(names[below(chances, names.length)]!.name);
      }
      world.advance(below(chances, 4000));
    }
    for (const client of clients) world.work(client, true);
    world.advance(20_000);
    const before = clients.map(({ name }) => world.held(name));
    const all = [...world.workers.values()].reduce((sum, { slots }) => sum + slots, 0);
    const callSlots = [...world.workers.values()].reduce((sum, worker) => sum + worker.callSlots, 0);
    for (const held of before) {
      expect(held, `seed ${seed}: no more than the cluster has`).toBeLessThanOrEqual(all);
      const least = Math.min(1, Math.floor(callSlots / clients.length));
      expect(held, `seed ${seed}: ${before.join()} of ${callSlots}`).toBeGreaterThanOrEqual(least);
    }
    world.advance(5000);
    expect(
      clients.map(({ name }) => world.held(name)),
      `seed ${seed}: at rest`,
    ).toEqual(before);
  }
});
