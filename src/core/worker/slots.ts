// Slot ledger: the mode of every slot of a worker, its generation, the attempt it runs.
//
//   mode       entered when                        leaves by
//   starting   the slot is started                 ready → idle · exited → starting again, or down the third time
//   idle       it is ready and has nothing to do   run → busy · exited as above
//   busy       it runs an attempt                  done → idle · abort → aborting · exited → starting
//   aborting   its attempt was told to stop        done → idle · exited → starting · grace time over → stopping
//   stopping   it was told to end                  exited → starting, or ended if the worker stops
//   down       it ended three times in a row       wanted → starting: for the next attempt it is tried once more
//              without running anything
//   ended      the worker stops                    never
//
// Owner of: the slots. No other file writes them.
//
// Invariants
//   W1  A slot changes its mode only as the table says.
//   W2  A slot has an attempt if it is busy or aborting, and may have one if it is stopping; in no other mode.
//   W3  The generation of a slot grows with each start.

import { InvariantError, invariant } from "../../base/assert.ts";
import type { AttemptId } from "../../base/ids.ts";
import type { Millis } from "../types.ts";

export type SlotMode = "starting" | "idle" | "busy" | "aborting" | "stopping" | "down" | "ended";
export type SlotTrigger =
  "ready" | "run" | "done" | "abort" | "terminate" | "restart" | "give-up" | "wanted" | "end";

export const slotTransitions: Readonly<Record<SlotMode, Readonly<Partial<Record<SlotTrigger, SlotMode>>>>> = {
  starting: { ready: "idle", restart: "starting", "give-up": "down", terminate: "stopping" },
  idle: { run: "busy", restart: "starting", "give-up": "down", terminate: "stopping" },
  busy: { done: "idle", abort: "aborting", restart: "starting", terminate: "stopping" },
  aborting: { done: "idle", restart: "starting", terminate: "stopping" },
  stopping: { restart: "starting", end: "ended" },
  down: { wanted: "starting", end: "ended" },
  ended: {},
};

/** Ends in a row without running anything, after which a slot is not restarted until it is wanted. */
export const idleExitsMax = 3;
const storyMax = 32;

export interface Slot {
  readonly number: number;
  readonly mode: SlotMode;
  readonly generation: number;
  readonly attempt: AttemptId | null;
  /** The attempt was told to stop, so its loss is a cancellation. */
  readonly isAborted: boolean;
  /** When the grace time of an abort is over. */
  readonly graceEndsAt: Millis | null;
  /** Ends in a row without having run anything. */
  readonly idleExits: number;
}

type SlotRecord = { -readonly [Key in keyof Slot]: Slot[Key] } & { readonly story: string[] };

export class SlotLedger {
  private readonly slots: SlotRecord[] = [];

  constructor(count: number) {
    for (let number = 0; number < count; number++) {
      this.slots.push({
        number,
        mode: "starting",
        generation: 1,
        attempt: null,
        isAborted: false,
        graceEndsAt: null,
        idleExits: 0,
        story: [],
      });
    }
  }

  get count(): number {
    return this.slots.length;
  }

  get(slot: number): Slot | undefined {
    return this.slots[slot];
  }

  [Symbol.iterator](): IterableIterator<Slot> {
    return this.slots.values();
  }

  countIn(mode: SlotMode): number {
    let count = 0;
    for (const slot of this.slots) if (slot.mode === mode) count++;
    return count;
  }

  /** The first slot in this mode: low numbers are warm. */
  firstIn(mode: SlotMode): Slot | null {
    return this.slots.find((slot) => slot.mode === mode) ?? null;
  }

  runningSlot(attempt: AttemptId): Slot | null {
    return this.slots.find((slot) => slot.attempt === attempt) ?? null;
  }

  becomeIdle(slot: Slot): void {
    this.move(slot, "ready");
  }

  becomeBusy(slot: Slot, attempt: AttemptId): void {
    const record = this.move(slot, "run");
    invariant(
      record.attempt === null,
      "W2",
      () => `slot ${slot.number} has ${record.attempt} and gets ${attempt}`,
    );
    record.attempt = attempt;
    record.isAborted = false;
    record.idleExits = 0;
  }

  becomeDone(slot: Slot): void {
    // A slot that is being ended may still have finished just before: it keeps ending, without an attempt.
    const record = slot.mode === "stopping" ? this.record(slot) : this.move(slot, "done");
    invariant(
      record.attempt !== null,
      "W2",
      () => `slot ${slot.number} is done with no attempt`,
      () => record.story,
    );
    record.attempt = null;
    record.isAborted = false;
    record.graceEndsAt = null;
  }

  becomeAborting(slot: Slot, graceEndsAt: Millis): void {
    const record = this.move(slot, "abort");
    record.isAborted = true;
    record.graceEndsAt = graceEndsAt;
  }

  becomeStopping(slot: Slot): void {
    this.move(slot, "terminate").graceEndsAt = null;
  }

  /** It ended and starts again, unless it has done so too often without running anything. Returns what it is now. */
  becomeRestarted(slot: Slot): Slot {
    const ranNothing = slot.mode === "starting" || slot.mode === "idle";
    const idleExits = ranNothing ? slot.idleExits + 1 : 0;
    const record = this.move(slot, idleExits >= idleExitsMax ? "give-up" : "restart");
    record.idleExits = idleExits;
    return this.begin(record);
  }

  /** A slot that is down gets one more chance. */
  becomeWanted(slot: Slot): Slot {
    const record = this.move(slot, "wanted");
    record.idleExits = idleExitsMax - 1;
    return this.begin(record);
  }

  becomeEnded(slot: Slot): void {
    this.begin(this.move(slot, "end"));
  }

  private begin(record: SlotRecord): Slot {
    record.attempt = null;
    record.isAborted = false;
    record.graceEndsAt = null;
    if (record.mode === "starting") record.generation++;
    return record;
  }

  private move(slot: Slot, trigger: SlotTrigger): SlotRecord {
    const record = this.record(slot);
    const to = slotTransitions[record.mode][trigger];
    if (to === undefined) {
      const message = `slot ${slot.number} is ${record.mode}: "${trigger}" is not in its table`;
      throw new InvariantError("W1", message, record.story);
    }
    const line = `generation ${record.generation}: ${record.mode} -> ${to} (${trigger}) ${record.attempt ?? ""}`;
    record.story.push(line.trimEnd());
    if (record.story.length > storyMax) record.story.shift();
    record.mode = to;
    return record;
  }

  private record(slot: Slot): SlotRecord {
    const record = this.slots[slot.number];
    invariant(record === slot, "W1", () => `slot ${slot.number} is not of this worker`);
    return record as SlotRecord;
  }
}
