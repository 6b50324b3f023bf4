// The client's side of leased slots: the staff of a pool whose slots are the workers'. Obeys the borrower machine, which
// decides how many, and of whom.
//
// Not here: one of the slots (remote-slot.ts), who gets how many of a worker's (core/lender).
// Owner of: which slot of the pool is which lease, what workers were told of the others.

import { randomBytes, randomInt } from "node:crypto";
import { createBorrower, type Borrower } from "../../../core/borrower/borrower.ts";
import type { BorrowerEffect, BorrowerEvent, LendingWorker } from "../../../core/borrower/events.ts";
import { ShoalError, toErrorData, type ErrorData } from "../../../errors.ts";
import type { Staff, StaffedPool } from "../../slots/calls/staff.ts";
import type { ClusterConnection } from "../connection.ts";
import { askWorkers, isInfo, type WorkerInfo } from "../held.ts";
import { objectInBytes } from "../json.ts";
import { RemoteSlot } from "./remote-slot.ts";
import { SharedSource } from "./shared-source.ts";

export interface SlotMarketOptions {
  /** Workers as they were seen, and whether that is fresh. */
  readonly workers: readonly WorkerInfo[];
  readonly isFresh: boolean;
  /** How long calls wait when no slot is to be had. */
  readonly slotWaitMs: number;
  /** Takes a line for whoever runs the program. */
  readonly note: (line: string) => void;
}

interface Leased {
  /** Its number in the pool. */
  readonly slot: number;
  readonly body: RemoteSlot;
}

const noteMs = 2000;
/** What changes within that time is told at once. */
const tellMs = 100;

const clock = (): number => Math.floor(performance.now());

export class SlotMarket implements Staff {
  private readonly connection: ClusterConnection;
  private readonly pool: StaffedPool;
  private readonly options: SlotMarketOptions;
  private readonly client = randomBytes(12).toString("hex");
  private readonly borrower: Borrower;
  /** By the borrower's number. */
  private readonly leased = new Map<number, Leased>();
  private readonly bySlot = new Map<number, number>();
  private readonly shared = new SharedSource((number) => this.tellDropped(number));
  private readonly told = new Map<string, number>();
  private readonly events: BorrowerEvent[] = [];
  private readonly unsubscribes: readonly (() => void)[];
  private isGiving = false;
  private isWarm = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | null = null;
  private telling: NodeJS.Timeout | null = null;
  private lastError: ErrorData | null = null;

  constructor(connection: ClusterConnection, pool: StaffedPool, options: SlotMarketOptions) {
    this.connection = connection;
    this.pool = pool;
    this.options = options;
    const { slotWaitMs } = options;
    this.borrower = createBorrower(randomInt(2 ** 32), {
      patienceMs: slotWaitMs,
      noteMs: Math.min(noteMs, Math.floor(slotWaitMs / 2)),
    });
    const { subjects } = connection;
    this.unsubscribes = [
      connection.subscribe(subjects.here, (bytes) => {
        const info = objectInBytes(bytes);
        if (info !== null && isInfo(info))
          this.give({ kind: "WorkerTold", worker: lending(info as unknown as WorkerInfo) });
      }),
      connection.subscribe(subjects.exited, (bytes) => this.loseWorker(Buffer.from(bytes).toString("utf8"))),
    ];
    const workers = options.workers.map(lending);
    if (options.isFresh) this.give({ kind: "WorkersSeen", workers });
    else for (const worker of workers) this.give({ kind: "WorkerTold", worker });
  }

  get aim(): number {
    return this.borrower.aim;
  }

  warm(): void {
    if (this.isWarm) return;
    this.isWarm = true;
    this.give({ kind: "SlotsWanted" });
  }

  joined(slot: number): void {
    this.giveOf(slot, "SlotGranted");
  }

  exited(slot: number, _hasJoined: boolean, error: ErrorData): void {
    const borrowed = this.bySlot.get(slot);
    if (borrowed === undefined) return;
    const { how } = this.leased.get(borrowed)!.body;
    this.bySlot.delete(slot);
    this.leased.delete(borrowed);
    if (how === "failed") this.lastError = error;
    this.give({ kind: "SlotEnded", slot: borrowed, how });
  }

  callsWait(isWaiting: boolean): void {
    this.give({ kind: "CallsWait", isWaiting });
  }

  close(): void {
    this.isClosed = true;
    for (const unsubscribe of this.unsubscribes) unsubscribe();
    for (const timer of [this.timer, this.telling]) clearTimeout(timer ?? undefined);
  }

  /** The drain rule: all effects of an event are performed before the next event is given. */
  private give(event: BorrowerEvent): void {
    if (this.isClosed) return;
    this.events.push(event);
    if (this.isGiving) return;
    this.isGiving = true;
    for (let next = this.events.shift(); next !== undefined; next = this.events.shift())
      for (const effect of this.borrower.handle(next, clock())) this.perform(effect);
    this.isGiving = false;
    this.arm();
  }

  private giveOf(slot: number, kind: "SlotGranted"): void {
    const borrowed = this.bySlot.get(slot);
    if (borrowed !== undefined) this.give({ kind, slot: borrowed });
  }

  private perform(effect: BorrowerEffect): void {
    switch (effect.kind) {
      case "LookForWorkers":
        return void this.look();
      case "AskForSlot":
        return this.ask(effect.slot, effect.worker);
      case "WithdrawSlot":
        return this.pool.endSlot(this.leased.get(effect.slot)!.slot, "it is not needed any more");
      case "GiveBackSlot":
        return this.pool.letGo(this.leased.get(effect.slot)!.slot);
      case "TellHoldings":
        this.telling ??= setTimeout(() => this.tellHoldings(), tellMs).unref();
        return;
      case "NoteWaiting":
        return this.options.note(
          effect.why === "no worker"
            ? "shoal: calls wait: no worker of the cluster takes any\n"
            : "shoal: calls wait: all call slots of the cluster are leased by other clients\n",
        );
      case "GiveUpWaiting":
        return this.pool.loseWaiting(this.reason(effect.why));
    }
  }

  private async look(): Promise<void> {
    // A connection that is closed asks nobody: nobody is seen.
    const workers = await askWorkers(this.connection).catch((): WorkerInfo[] => []);
    this.give({ kind: "WorkersSeen", workers: workers.map(lending) });
  }

  private ask(borrowed: number, worker: string): void {
    const elsewhere = this.elsewhereOf(worker);
    this.told.set(worker, elsewhere);
    const body = new RemoteSlot(this.connection, {
      worker,
      client: this.client,
      elsewhere,
      shared: this.shared,
      onWaits: () => this.give({ kind: "SlotWaits", slot: borrowed }),
      onAskedBack: () => this.give({ kind: "SlotAskedBack", slot: borrowed }),
    });
    const slot = this.pool.startSlot(body);
    this.leased.set(borrowed, { slot, body });
    this.bySlot.set(slot, borrowed);
  }

  private elsewhereOf(worker: string): number {
    let elsewhere = 0;
    for (const [other, count] of this.borrower.holdings()) if (other !== worker) elsewhere += count;
    return elsewhere;
  }

  /** One lease of each worker. */
  private oneOfEach(): Map<string, RemoteSlot> {
    return new Map([...this.leased.values()].map(({ body }) => [body.worker, body]));
  }

  private tellDropped(number: number): void {
    for (const body of this.oneOfEach().values()) body.tellDropped(number);
  }

  private tellHoldings(): void {
    this.telling = null;
    for (const [worker, body] of this.oneOfEach()) {
      const elsewhere = this.elsewhereOf(worker);
      if (this.told.get(worker) === elsewhere) continue;
      this.told.set(worker, elsewhere);
      body.tellElsewhere(elsewhere);
    }
  }

  /** Told by the one in its place: sooner than by its silence. */
  private loseWorker(worker: string): void {
    for (const { body } of this.leased.values()) if (body.worker === worker) body.lose("its process is gone");
  }

  private reason(why: (BorrowerEffect & { kind: "GiveUpWaiting" })["why"]): ErrorData {
    if (why === "failing" && this.lastError !== null) return this.lastError;
    if (why === "none free") {
      const { slotWaitMs } = this.options;
      const message = `all call slots of the cluster are leased by other clients: none was free within ${slotWaitMs} ms`;
      return toErrorData(new ShoalError("SLOTS_TAKEN", message));
    }
    return toErrorData(
      new ShoalError("CLUSTER_FAILED", "no worker answers", {
        hint: "Start some: shoal worker --cluster …, or shoal up on this machine.",
      }),
    );
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const at = this.borrower.nextDeadline();
    this.timer =
      at === null
        ? null
        : setTimeout(() => this.give({ kind: "TimePassed" }), Math.max(0, at - clock())).unref();
  }
}

const lending = ({ worker, slots, busy, leased, callsWaiting, isDraining }: WorkerInfo): LendingWorker => ({
  worker,
  slots,
  busy,
  leased,
  waiting: callsWaiting,
  isDraining,
});
