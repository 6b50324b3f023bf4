// What carries a slot, as the agent sees it: a thread of this process (slot-thread.ts), or a child process that keeps
// such a thread (slot-process.ts). Messages in both directions, its end with what is known of it, and a look inside.

import type { MessagePort } from "node:worker_threads";
import type { ErrorData } from "../../errors.ts";
import type { FromSlot, SlotProbe, ToSlot } from "../../protocol/slot.ts";

export type Isolation = "thread" | "process";

export interface SlotBodyOptions {
  /** Module that the slot imports before it is ready. */
  readonly preload: string | null;
  /** Limit of the slot's JavaScript heap, or null for Node's default. */
  readonly heapBytes: number | null;
  /** A slot that takes calls, not attempts. */
  readonly calls?: CallSlotData;
}

/** What a slot of the call plane is started with. */
export interface CallSlotData {
  readonly slot: number;
  /** Null: everything travels as messages. */
  readonly shared: {
    readonly calls: SharedArrayBuffer;
    readonly doorbell: Int32Array;
    /** For what is too large for shared memory. */
    readonly payloads: MessagePort;
  } | null;
}

export interface SlotBody {
  readonly isolation: Isolation;
  /** Somebody there answers what is to be taken back ("take-back"). Absent: nobody does. */
  readonly takesBack?: boolean;
  /** Takes what the slot says, in order. Set once, before the first turn of the event loop. */
  onMessage: (message: FromSlot) => void;
  /** Settles when it has ended. Never rejects. */
  readonly ended: Promise<BodyEnd>;
  post(message: ToSlot): void;
  /** Ends it at once. `ended` follows. */
  end(): void;
  /** Whether it keeps the agent's process alive. */
  setReferenced(isReferenced: boolean): void;
  /** Where it is and what it holds; null if that cannot be learnt. Never rejects; takes less than a second. */
  probe(): Promise<SlotProbe | null>;
  /** Memory of its own process at the last look; null if it has none. */
  readonly rssBytes: number | null;
}

export interface BodyEnd {
  /** Null: ended by a signal, or never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Its JavaScript heap had reached its limit. */
  readonly isHeapFull: boolean;
  /** Tickets of calls that it had certainly not begun, as far as whoever watched it knows. Absent: that is not known. */
  readonly unbegun?: readonly number[];
  /** What it threw, or why it could not be started. */
  readonly error: ErrorData | null;
  /** The system killed it to get memory, as far as is known. */
  readonly isKilledForMemory: boolean;
}
