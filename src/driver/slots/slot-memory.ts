// What the JavaScript of this thread holds, told to the agent: while something runs, a few times a second; while nothing
// does, only what has changed, since the agent may be on another machine.
//
// The heap is limited by the thread's resourceLimits; ArrayBuffers are outside of it, and are watched by the agent.

import { getHeapStatistics } from "node:v8";
import type { FromSlot } from "../../protocol/slot.ts";

/** `Symbol.for` of this is the place in the global object where a thread tells it when probed (thread-probe.ts). */
export const memoryPlace = "shoal.memory";

const everyMs = 200;
/** While nothing runs, smaller changes are not told: measuring makes some itself. */
const changeBytes = 2 ** 20;

/** [heap, buffers], in bytes. */
const measure = (): readonly [number, number] => [
  getHeapStatistics().used_heap_size,
  process.memoryUsage().arrayBuffers,
];

export class MemoryReports {
  private readonly send: (message: FromSlot) => void;
  private readonly isIdle: () => boolean;
  private lastMs = 0;
  /** What was told last. */
  private told: readonly [number, number] = [0, 0];
  private timer: NodeJS.Timeout | null = null;

  /** `isIdle`: nothing runs, though it has begun. */
  constructor(send: (message: FromSlot) => void, isIdle: () => boolean = () => false) {
    this.send = send;
    this.isIdle = isIdle;
    Object.defineProperty(globalThis, Symbol.for(memoryPlace), { value: measure });
  }

  /** Something runs. The timer tells while it waits; while it computes, `tick` does. */
  begin(): void {
    this.tick();
    this.timer = setInterval(() => this.tick(), everyMs).unref();
  }

  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.report();
  }

  /** Cheap unless it is time to report. */
  tick(): void {
    if (performance.now() - this.lastMs >= everyMs) this.report();
  }

  private report(): void {
    this.lastMs = performance.now();
    const found = measure();
    const [heapBytes, bufferBytes] = found;
    const changed = Math.max(Math.abs(heapBytes - this.told[0]), Math.abs(bufferBytes - this.told[1]));
    if (changed < changeBytes && this.isIdle()) return;
    this.told = found;
    this.send({ kind: "memory", heapBytes, bufferBytes });
  }
}
