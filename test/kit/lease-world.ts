// Clients that borrow call slots and workers that lend them, on virtual time: the real machines, and messages between them
// that take a moment.

import { Heap } from "../../src/base/heap.ts";
import { below, rng, type Rng } from "../../src/base/rng.ts";
import { createBorrower, type Borrower } from "../../src/core/borrower/borrower.ts";
import type { BorrowerEffect, BorrowerEvent, LendingWorker } from "../../src/core/borrower/events.ts";
import type { LenderEffect, LenderEvent } from "../../src/core/lender/events.ts";
import { createLender, type Lender } from "../../src/core/lender/lender.ts";

interface Leased {
  readonly client: string;
  readonly slot: number;
  isGranted: boolean;
}

export class LeaseWorker {
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

export class LeaseClient {
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

export class LeaseWorld {
  readonly workers = new Map<string, LeaseWorker>();
  readonly clients = new Map<string, LeaseClient>();
  private readonly chances: Rng;
  private readonly delayMs: number;
  private readonly agenda = new Heap<{ at: number; order: number; what: () => void }>(
    (a, b) => a.at - b.at || a.order - b.order,
  );
  private readonly links = new Map<string, number>();
  private arranged = 0;
  now = 0;
  /** What a machine is told, and orders then. */
  onTold: (
    name: string,
    event: BorrowerEvent | LenderEvent,
    effects: readonly (BorrowerEffect | LenderEffect)[],
  ) => void = () => {};

  /** Messages take up to `delayMs`, or, if that is 0, no time. */
  constructor(seed: number, { delayMs = 20 }: { readonly delayMs?: number } = {}) {
    this.chances = rng(seed);
    this.delayMs = delayMs;
  }

  addWorker(name: string, slots: number, callSlots: number): void {
    const worker = new LeaseWorker(name, slots, callSlots);
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

  /** Its process is gone: whoever leases of it learns that. */
  kill(name: string): void {
    const worker = this.workers.get(name)!;
    this.workers.delete(name);
    for (const { client, slot } of worker.leases.values())
      this.soon(() => this.tellClient(this.clients.get(client)!, { kind: "SlotEnded", slot, how: "gone" }));
  }

  addClient(name: string): LeaseClient {
    const client = new LeaseClient(name, below(this.chances, 1e6));
    this.clients.set(name, client);
    return client;
  }

  work(client: LeaseClient, isBusy: boolean): void {
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

  private announce(worker: LeaseWorker): void {
    for (const client of this.clients.values())
      this.soon(() => this.tellClient(client, { kind: "WorkerTold", worker: this.info(worker) }));
  }

  private info({ name, slots, machine, isLeaving }: LeaseWorker): LendingWorker {
    const { running, waiting } = machine;
    return { worker: name, slots, busy: 0, leased: running, waiting, isDraining: isLeaving };
  }

  private tellClient(client: LeaseClient, event: BorrowerEvent): void {
    const effects = client.machine.handle(event, this.now);
    this.onTold(client.name, event, effects);
    for (const effect of effects) {
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

  private ask(client: LeaseClient, slot: number, elsewhere: number): void {
    const worker = this.workers.get(client.workers.get(slot)!);
    const gone = (): void => this.tellClient(client, { kind: "SlotEnded", slot, how: "gone" });
    if (worker === undefined) return this.soon(gone);
    const lease = `${client.name}/${slot}`;
    worker.leases.set(lease, { client: client.name, slot, isGranted: false });
    this.tellWorker(worker, { kind: "LeaseAsked", lease, client: client.name, elsewhere });
    if (worker.leases.get(lease)?.isGranted === false)
      this.soon(() => this.tellClient(client, { kind: "SlotWaits", slot }), `${worker.name}>${client.name}`);
  }

  private endLease(client: LeaseClient, slot: number): void {
    const worker = this.workers.get(client.workers.get(slot)!);
    if (worker?.leases.delete(`${client.name}/${slot}`) === true)
      this.tellWorker(worker, { kind: "LeaseEnded", lease: `${client.name}/${slot}` });
    this.tellClient(client, { kind: "SlotEnded", slot, how: "ended" });
    if (worker?.isLeaving === true && worker.leases.size === 0) this.workers.delete(worker.name);
  }

  private tellWorker(worker: LeaseWorker, event: LenderEvent): void {
    const effects = worker.machine.handle(event, this.now);
    this.onTold(worker.name, event, effects);
    for (const effect of effects) {
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
    const delay = this.delayMs === 0 ? 0 : 1 + below(this.chances, this.delayMs);
    const at = Math.max(this.now + delay, this.links.get(link) ?? 0);
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
