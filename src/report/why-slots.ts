// The slots of a case, as the workers' entries tell of them.
// Owner of: workers, and the mode of each of their slots.

import type { LogEntry } from "../core/log.ts";
import type { Millis } from "../core/types.ts";

export interface SlotCase {
  readonly worker: string;
  readonly slot: number;
  readonly mode: "starting" | "idle" | "busy" | "stopping";
  readonly since: Millis;
  /** The attempt that it has, if it is busy or stopping. */
  readonly attempt: string | null;
  /** Times that its thread or process has ended. */
  readonly exits: number;
  readonly entry: number;
}

type Change = Partial<Pick<SlotCase, "mode" | "attempt" | "exits">>;

export class SlotsCase {
  /** Announced for the run, before workers joined. */
  private announced = 0;
  private readonly workers = new Map<string, number>();
  private readonly slots = new Map<string, SlotCase>();

  reset(announced: number): void {
    this.announced = announced;
    this.workers.clear();
    this.slots.clear();
  }

  /** Of all workers that are here; what the run announced while none is. */
  get total(): number {
    if (this.workers.size === 0) return this.announced;
    return [...this.workers.values()].reduce((sum, slots) => sum + slots, 0);
  }

  /** No worker takes part. */
  get isNobodys(): boolean {
    return this.workers.size === 0;
  }

  [Symbol.iterator](): IterableIterator<SlotCase> {
    return this.slots.values();
  }

  starting(): SlotCase[] {
    return [...this.slots.values()].filter(({ mode }) => mode === "starting");
  }

  join(worker: string, slots: number): void {
    this.workers.set(worker, slots);
  }

  leave(worker: string): void {
    this.workers.delete(worker);
    for (const [key, slot] of this.slots) if (slot.worker === worker) this.slots.delete(key);
  }

  /** Takes an entry of a worker. */
  observe({ machine, type, body, at, id }: LogEntry): void {
    const set = (slot: number, change: Change): void => {
      const key = `${machine}/s${slot}`;
      const before = this.slots.get(key) ?? {
        worker: machine,
        slot,
        mode: "starting",
        attempt: null,
        exits: 0,
      };
      this.slots.set(key, { ...before, ...change, since: at, entry: id });
    };
    if (type === "effect" && body.kind === "StartSlot") set(body.slot, { mode: "starting", attempt: null });
    else if (type === "effect" && body.kind === "RunAttempt")
      set(body.slot, { mode: "busy", attempt: body.attempt });
    else if (type === "effect" && body.kind === "TerminateSlot") set(body.slot, { mode: "stopping" });
    else if (type !== "event") return;
    else if (body.kind === "SlotReady") set(body.slot, { mode: "idle", attempt: null });
    else if (body.kind === "SlotFinished" || body.kind === "SlotFailed")
      set(body.slot, { mode: "idle", attempt: null });
    else if (body.kind === "SlotExited") {
      set(body.slot, { attempt: null, exits: (this.slots.get(`${machine}/s${body.slot}`)?.exits ?? 0) + 1 });
    }
  }
}
