// A simulated pool: the real dispatcher machine, and slots that take exactly as long as they are told, on virtual time.
//
//   main thread                                              slot
//   CallSubmitted ─▶ dispatcher ─▶ StartCall ── wakeMicros ─▶ begins, if it was idle
//                                       └──────────────────▶ else is on deck: begins when the one before ends, at once
//                    dispatcher ◀─ CallEnded ── tellMicros ── ends
//                    RevokeCall ◀──────────▶ answered at once: what a slot holds is in shared memory
//
// Slots may be far away: then everything takes farMicros on its way, in both directions, and in order.
//
// Not modelled: the time that the main thread takes for an event, and that it may be busy with something else.
//
// Time here is in microseconds, with fractions. The machine is shown what a driver shows it, whole milliseconds; a
// finer clock would make it look better than it is.

import { Heap } from "../../../base/heap.ts";
import { createDispatcher, type Dispatcher } from "../../../core/dispatcher/dispatcher.ts";
import type {
  CallNumber,
  DispatcherEffect,
  DispatcherEvent,
  DispatcherLimits,
} from "../../../core/dispatcher/events.ts";
import type { Workload } from "./workload.ts";

export interface PoolShape {
  readonly slots: number;
  /** From StartCall until a slot that was idle has begun. Default 15. */
  readonly wakeMicros?: number;
  /** From the end of a call until the main thread has heard of it. Default 5. */
  readonly tellMicros?: number;
  /** How far away the slots are: what is said takes so long to be heard, besides. Default 0: they share memory. */
  readonly farMicros?: number;
  readonly limits?: Partial<DispatcherLimits>;
}

export interface PoolFigures {
  /** From arrival until the main thread has heard of the end; NaN if that never happened. */
  readonly responseMicros: Float64Array;
  readonly starts: number;
  readonly revokes: number;
  /** RevokeCalls that came too late. */
  readonly kept: number;
}

interface Slot {
  readonly slot: number;
  /** Not begun, in order. */
  readonly held: CallNumber[];
  state: "idle" | "waking" | "busy";
  /** What it runs. */
  running: CallNumber | null;
}

interface Happening {
  readonly at: number;
  /** Among those of one time: in the order of arrangement. */
  readonly order: number;
  readonly what: () => void;
}

export const simulatePool = (calls: Workload, shape: PoolShape): PoolFigures => new Pool(calls, shape).run();

class Pool {
  private readonly calls: Workload;
  private readonly wakeMicros: number;
  private readonly tellMicros: number;
  private readonly farMicros: number;
  private readonly machine: Dispatcher;
  private readonly slots: Slot[] = [];
  private readonly agenda = new Heap<Happening>((a, b) => a.at - b.at || a.order - b.order);
  private readonly answers: DispatcherEvent[] = [];
  private readonly responseMicros: Float64Array;
  private now = 0;
  private arranged = 0;
  private timerAt: number | null = null;
  private starts = 0;
  private revokes = 0;
  private kept = 0;

  constructor(
    calls: Workload,
    { slots, wakeMicros = 15, tellMicros = 5, farMicros = 0, limits = {} }: PoolShape,
  ) {
    this.calls = calls;
    this.wakeMicros = wakeMicros;
    this.tellMicros = tellMicros;
    this.farMicros = farMicros;
    this.machine = createDispatcher(limits);
    this.responseMicros = new Float64Array(calls.arrivalMicros.length).fill(NaN);
    for (let slot = 0; slot < slots; slot++) {
      this.slots.push({ slot, held: [], state: "idle", running: null });
      this.tell({ kind: "SlotJoined", slot, canRevoke: true });
    }
  }

  run(): PoolFigures {
    const { arrivalMicros } = this.calls;
    let next = 0;
    for (;;) {
      const arrival = arrivalMicros[next];
      const first = this.agenda.first;
      if (arrival !== undefined && (first === null || arrival <= first.at)) {
        this.now = arrival;
        this.submit(++next);
      } else if (first !== null) {
        this.now = first.at;
        this.agenda.pop()!.what();
      } else break;
    }
    const { responseMicros, starts, revokes, kept } = this;
    return { responseMicros, starts, revokes, kept };
  }

  private submit(call: CallNumber): void {
    const most = { items: 1, priority: 0, deadline: null, retries: 0, isNested: false };
    this.tell({ kind: "CallSubmitted", call, target: 0, ...most });
  }

  /** The driver's duty: all effects of an event before the next event. */
  private tell(event: DispatcherEvent): void {
    const at = Math.floor(this.now / 1000);
    for (const effect of this.machine.handle(event, at)) this.perform(effect);
    for (let answer = this.answers.shift(); answer !== undefined; answer = this.answers.shift())
      for (const effect of this.machine.handle(answer, at)) this.perform(effect);
    this.setTimer(this.machine.nextDeadline());
  }

  private perform(effect: DispatcherEffect): void {
    switch (effect.kind) {
      case "StartCall": {
        const slot = this.slots[effect.slot]!;
        this.starts++;
        return this.there(() => this.hold(slot, effect.call));
      }
      case "RevokeCall": {
        this.revokes++;
        return this.there(() => this.takeBack(this.slots[effect.slot]!, effect.call));
      }
      case "SettleCall":
        this.responseMicros[effect.call - 1] = this.now - this.calls.arrivalMicros[effect.call - 1]!;
        return;
      case "AbortCall":
      case "TerminateSlot":
      case "Drained":
      case "EventIgnored":
        throw new Error(`nothing here calls for ${effect.kind}`);
    }
  }

  /** What is told a slot arrives. */
  private there(arrive: () => void): void {
    if (this.farMicros === 0) arrive();
    else this.after(this.farMicros, arrive);
  }

  private hold(slot: Slot, call: CallNumber): void {
    slot.held.push(call);
    if (slot.state !== "idle") return;
    slot.state = "waking";
    this.after(this.wakeMicros, () => this.beginNext(slot));
  }

  private takeBack(slot: Slot, call: CallNumber): void {
    const at = slot.held.indexOf(call);
    if (at >= 0) slot.held.splice(at, 1);
    else this.kept++;
    const answer = { kind: at >= 0 ? "CallRevoked" : "CallKept", call, slot: slot.slot } as const;
    if (this.farMicros === 0) this.answers.push(answer);
    // What has ended was told before.
    else if (at >= 0 || slot.running === call) this.after(this.farMicros, () => this.tell(answer));
  }

  private beginNext(slot: Slot): void {
    const call = slot.held.shift();
    slot.state = call === undefined ? "idle" : "busy";
    slot.running = call ?? null;
    if (call === undefined) return;
    const runMicros = this.calls.serviceMicros[call - 1]!;
    this.after(runMicros, () => {
      const ended = { kind: "CallEnded", call, slot: slot.slot, isFailure: false, runMicros } as const;
      this.after(this.tellMicros + this.farMicros, () => this.tell(ended));
      this.beginNext(slot);
    });
  }

  private setTimer(deadline: number | null): void {
    if (deadline === this.timerAt) return;
    this.timerAt = deadline;
    if (deadline === null) return;
    this.after(Math.max(0, deadline * 1000 - this.now), () => {
      if (this.timerAt !== deadline) return;
      this.timerAt = null;
      this.tell({ kind: "TimePassed" });
    });
  }

  private after(micros: number, what: () => void): void {
    this.agenda.push({ at: this.now + micros, order: this.arranged++, what });
  }
}
