// Borrowers and lenders together: clients and workers on virtual time, messages that take a moment. Clients come, go idle
// and come back, workers come and leave: in the end slots are shared as they should be, whoever was there first.

import { expect, test } from "vitest";
import { Heap } from "../../base/heap.ts";
import { below, rng, type Rng } from "../../base/rng.ts";
import type { LenderEvent } from "../lender/events.ts";
import { createLender, type Lender } from "../lender/lender.ts";
import { createBorrower, type Borrower } from "./borrower.ts";
import type { BorrowerEvent, LendingWorker } from "./events.ts";

interface Leased {
  readonly client: string;
  readonly slot: number;
  isGranted: boolean;
}

class Worker {
  readonly machine: Lender;
  readonly leases = new Map<string, Leased>();
  timerAt: number | null = null;
  isLeaving = false;

  readonly name: string;
  readonly slots: number;
  readonly callSlots: number;

  constructor(name: string, slots: number, callSlots: number) {
    this.name = name;
    this.slots = slots;
    this.callSlots = callSlots;
    this.machine = createLender({ slots: callSlots });
  }
}

class Client {
  readonly machine: Borrower;
  readonly workers = new Map<number, string>();
  timerAt: number | null = null;
  isBusy = false;
  gaveUp = 0;

  readonly name: string;

  constructor(name: string, seed: number) {
    this.name = name;
    this.machine = createBorrower(seed);
  }
}

class World {
  readonly workers = new Map<string, Worker>();
  readonly clients = new Map<string, Client>();
  private readonly chances: Rng;
  private readonly agenda = new Heap<{ at: number; order: number; what: () => void }>(
    (a, b) => a.at - b.at || a.order - b.order,
  );
  private readonly links = new Map<string, number>();
  private arranged = 0;
  now = 0;

  constructor(seed: number) {
    this.chances = rng(seed);
  }

  addWorker(name: string, slots: number, callSlots: number): void {
    const worker = new Worker(name, slots, callSlots);
    this.workers.set(name, worker);
    this.announce(worker);
  }

  /** Drained: it leaves when nothing is leased. */
  drain(name: string): void {
    const worker = this.workers.get(name)!;
    worker.isLeaving = true;
    this.announce(worker);
    this.tellWorker(worker, { kind: "LendingEnded" });
    if (worker.leases.size === 0) this.workers.delete(name);
  }

  addClient(name: string): Client {
    const client = new Client(name, below(this.chances, 1e6));
    this.clients.set(name, client);
    return client;
  }

  work(client: Client, isBusy: boolean): void {
    client.isBusy = isBusy;
    if (isBusy) this.tellClient(client, { kind: "SlotsWanted" });
    this.tellClient(client, { kind: "CallsWait", isWaiting: isBusy });
  }

  held(client: string): number {
    let held = 0;
    for (const { leases } of this.workers.values())
      for (const lease of leases.values()) if (lease.client === client && lease.isGranted) held++;
    return held;
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const first = this.agenda.first;
      if (first === null || first.at > until) break;
      this.now = first.at;
      this.agenda.pop()!.what();
    }
    this.now = until;
  }

  private announce(worker: Worker): void {
    for (const client of this.clients.values())
      this.soon(() => this.tellClient(client, { kind: "WorkerTold", worker: this.info(worker) }));
  }

  private info({ name, slots, machine, isLeaving }: Worker): LendingWorker {
    const { running, waiting } = machine;
    return { worker: name, slots, busy: 0, leased: running, waiting, isDraining: isLeaving };
  }

  private tellClient(client: Client, event: BorrowerEvent): void {
    for (const effect of client.machine.handle(event, this.now)) {
      switch (effect.kind) {
        case "LookForWorkers":
          this.soon(() => {
            const workers = [...this.workers.values()].map((worker) => this.info(worker));
            this.tellClient(client, { kind: "WorkersSeen", workers });
          });
          break;
        case "AskForSlot": {
          const { slot } = effect;
          client.workers.set(slot, effect.worker);
          const holdings = client.machine.holdings();
          const all = [...holdings.values()].reduce((a, b) => a + b, 0);
          const elsewhere = all - (holdings.get(effect.worker) ?? 0);
          this.soon(() => this.ask(client, slot, elsewhere), `${client.name}>${effect.worker}`);
          break;
        }
        case "WithdrawSlot":
        case "GiveBackSlot":
          this.soon(() => this.endLease(client, effect.slot), `${client.name}>`);
          break;
        case "TellHoldings": {
          const holdings = client.machine.holdings();
          const all = [...holdings.values()].reduce((a, b) => a + b, 0);
          for (const [name, count] of holdings)
            this.soon(() => {
              const worker = this.workers.get(name);
              const told = { client: client.name, elsewhere: all - count };
              if (worker !== undefined) this.tellWorker(worker, { kind: "ElsewhereTold", ...told });
            }, `${client.name}>${name}`);
          break;
        }
        case "GiveUpWaiting":
          client.gaveUp++;
          break;
        case "NoteWaiting":
      }
    }
    this.arm(client, (now) => this.tellClient(client, now));
  }

  private ask(client: Client, slot: number, elsewhere: number): void {
    const worker = this.workers.get(client.workers.get(slot)!);
    const gone = (): void => this.tellClient(client, { kind: "SlotEnded", slot, how: "gone" });
    if (worker === undefined) return this.soon(gone);
    const lease = `${client.name}/${slot}`;
    worker.leases.set(lease, { client: client.name, slot, isGranted: false });
    this.tellWorker(worker, { kind: "LeaseAsked", lease, client: client.name, elsewhere });
    if (worker.leases.get(lease)?.isGranted === false)
      this.soon(() => this.tellClient(client, { kind: "SlotWaits", slot }), `${worker.name}>${client.name}`);
  }

  private endLease(client: Client, slot: number): void {
    const worker = this.workers.get(client.workers.get(slot)!);
    if (worker?.leases.delete(`${client.name}/${slot}`) === true)
      this.tellWorker(worker, { kind: "LeaseEnded", lease: `${client.name}/${slot}` });
    this.tellClient(client, { kind: "SlotEnded", slot, how: "ended" });
    if (worker?.isLeaving === true && worker.leases.size === 0) this.workers.delete(worker.name);
  }

  private tellWorker(worker: Worker, event: LenderEvent): void {
    for (const effect of worker.machine.handle(event, this.now)) {
      if (effect.kind === "LookAtLeases") {
        const idle = [...worker.leases].filter(
          ([, { client, isGranted }]) => isGranted && !this.clients.get(client)!.isBusy,
        );
        this.tellWorker(worker, { kind: "LeasesSeen", idle: idle.map(([lease]) => lease) });
        continue;
      }
      const lease = worker.leases.get(effect.lease)!;
      const client = this.clients.get(lease.client)!;
      const { slot } = lease;
      const link = `${worker.name}>${client.name}`;
      if (effect.kind === "GrantLease") {
        lease.isGranted = true;
        this.soon(() => this.tellClient(client, { kind: "SlotGranted", slot }), link);
      } else if (effect.kind === "AskBack") {
        this.soon(() => this.tellClient(client, { kind: "SlotAskedBack", slot }), link);
      } else {
        worker.leases.delete(effect.lease);
        this.soon(() => this.tellClient(client, { kind: "SlotEnded", slot, how: "gone" }), link);
      }
    }
    this.arm(worker, (now) => this.tellWorker(worker, now));
  }

  /** Between two, what is said first arrives first. */
  private soon(what: () => void, link = ""): void {
    const at = Math.max(this.now + 1 + below(this.chances, 20), this.links.get(link) ?? 0);
    if (link !== "") this.links.set(link, at);
    this.at(at, what);
  }

  private at(at: number, what: () => void): void {
    this.agenda.push({ at, order: this.arranged++, what });
  }

  private arm(
    one: { timerAt: number | null; readonly machine: Borrower | Lender },
    tell: (event: { readonly kind: "TimePassed" }) => void,
  ): void {
    const at = one.machine.nextDeadline();
    if (at === null || at === one.timerAt) return;
    one.timerAt = at;
    this.at(Math.max(at, this.now), () => {
      if (one.timerAt !== at) return;
      one.timerAt = null;
      tell({ kind: "TimePassed" });
    });
  }
}

test("a client follows the cluster as it grows and shrinks", () => {
  const world = new World(1);
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
    const world = new World(seed);
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
  const world = new World(7);
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
  const world = new World(3);
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
    const world = new World(seed);
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
