// The one event loop: gives machines their events, keeps the drain rule, the log, and the earliest deadline.
//
// Not here: how effects are performed (the driver's `perform`), what time it is (the driver's clock).
//
// **Before the next event, all effects of the last one.** An effect may post further events (a simulated network that
// answers at once); they queue up and wait their turn. Giving an event in the middle of another's effects would let a
// machine see the consequences of half a decision.

import { invariant } from "../base/assert.ts";
import type { Machine, Millis } from "../core/types.ts";
import type { CoordinatorEvent } from "../core/coordinator/events.ts";
import type { WorkerEvent } from "../core/worker/events.ts";
import type { LogBody, LogEntry } from "../core/log.ts";

/** The driver's clock and its one timer. */
export interface LoopClock {
  /** Milliseconds, an integer, never decreasing. */
  now(): Millis;
  /** Replaces the one timer: call `fire` at `at`, or never if null. */
  setTimer(at: Millis | null, fire: () => void): void;
}

type MachineName = LogBody["machine"];
// oxlint-disable-next-line no-explicit-any -- the loop carries events and effects of all machines without looking inside
type AnyMachine = Machine<any, any>;

interface Posted {
  readonly to: MachineName;
  readonly event: { readonly kind: string };
  readonly cause: number | null;
}

export class Loop {
  private readonly machines = new Map<MachineName, AnyMachine>();
  private readonly queue: Posted[] = [];
  private readonly clock: LoopClock;
  private readonly perform: (machine: MachineName, effect: { readonly kind: string }, entry: number) => void;
  private readonly observe: (entry: LogEntry) => void;
  private isDraining = false;
  private lastId = 0;
  private lamport = 0;
  private lastNow = 0;

  /** `perform` carries out one effect, synchronously or by starting it; `entry` is the cause of what comes of it. */
  constructor(
    clock: LoopClock,
    perform: (machine: MachineName, effect: never, entry: number) => void,
    observe: (entry: LogEntry) => void,
  ) {
    this.clock = clock;
    this.perform = perform as Loop["perform"];
    this.observe = observe;
  }

  add(name: MachineName, machine: AnyMachine): void {
    invariant(!this.machines.has(name), "L1", () => `machine ${name} was added twice`);
    this.machines.set(name, machine);
  }

  /** What comes for a removed machine later is dropped. */
  remove(name: MachineName): void {
    this.machines.delete(name);
  }

  /** Queues an event and, unless one is being handled right now, handles all that is queued. */
  post(to: "coordinator", event: CoordinatorEvent, cause: number | null): void;
  post(to: `w${number}`, event: WorkerEvent, cause: number | null): void;
  post(to: MachineName, event: { readonly kind: string }, cause: number | null): void {
    this.queue.push({ to, event, cause });
    if (this.isDraining) return;
    this.isDraining = true;
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.give(next);
    } finally {
      this.isDraining = false;
    }
    this.arm();
  }

  /** The Lamport time: later than that of every message that was witnessed. */
  get stamp(): number {
    return this.lamport;
  }

  /** A message arrived that was sent at this Lamport time: entries from now on are later. */
  witness(stamp: number): void {
    this.lamport = Math.max(this.lamport, stamp) + 1;
  }

  /** Puts an entry of another process's loop into this one's log, with a number of its own, which is returned. */
  merge({ machine, type, body }: LogEntry, cause: number | null): number {
    this.lastNow = Math.max(this.lastNow, this.clock.now());
    return this.log(machine, type, body, cause, this.lastNow);
  }

  /** Forgets everything that is queued and the timer. */
  stop(): void {
    this.machines.clear();
    this.queue.length = 0;
    this.clock.setTimer(null, () => {});
  }

  private give({ to, event, cause }: Posted): void {
    const machine = this.machines.get(to);
    if (machine === undefined) return;
    const now = Math.max(this.lastNow, this.clock.now());
    this.lastNow = now;
    const eventId = this.log(to, "event", event, cause, now);
    for (const effect of machine.handle(event, now)) {
      this.perform(to, effect, this.log(to, "effect", effect, eventId, now));
    }
  }

  private log(
    machine: MachineName,
    type: "event" | "effect",
    body: unknown,
    cause: number | null,
    at: Millis,
  ): number {
    const id = ++this.lastId;
    this.lamport++;
    this.observe({ id, at, cause, machine, type, body } as LogEntry);
    return id;
  }

  private arm(): void {
    let earliest: Millis | null = null;
    for (const machine of this.machines.values()) {
      const deadline = machine.nextDeadline();
      if (deadline !== null && (earliest === null || deadline < earliest)) earliest = deadline;
    }
    this.clock.setTimer(earliest, () => this.deadline());
  }

  private deadline(): void {
    const now = Math.max(this.lastNow, this.clock.now());
    for (const [name, machine] of this.machines) {
      const deadline = machine.nextDeadline();
      if (deadline !== null && deadline <= now)
        this.post(name as "coordinator", { kind: "TimePassed" }, null);
    }
    this.arm();
  }
}
