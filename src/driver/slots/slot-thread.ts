// A slot's body that is a thread of this process.

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { toErrorData } from "../../errors.ts";
import type { FromSlot, SlotProbe, ToSlot } from "../../protocol/slot.ts";
import type { BodyEnd, CallSlotData, SlotBody, SlotBodyOptions } from "./slot-body.ts";
import { probeThread } from "./thread-probe.ts";

/** Found by the package's own name, so that it is found from dist, from tests and from a program's bundle alike. */
export const slotModule = createRequire(import.meta.url).resolve("shoal/slot");

const terminateEveryMs = 100;

/** What a thread is started with. */
export interface SlotData {
  /** Module to import before the thread reports ready. */
  readonly preload: string | null;
  /**
   * One Int32, read by busy user code. Not 0 while the attempt that runs is to stop; in a slot that takes calls, of the
   * call that was last told to stop: its ticket + 1.
   */
  readonly abortFlag: Int32Array;
  readonly calls: CallSlotData | null;
}

export class SlotThread implements SlotBody {
  readonly isolation = "thread";
  readonly rssBytes = null;
  readonly ended: Promise<BodyEnd>;
  onMessage: (message: FromSlot) => void = () => {};
  private readonly worker: Worker;
  private readonly abortFlag = new Int32Array(new SharedArrayBuffer(4));
  private ending: NodeJS.Timeout | null = null;
  private hasEnded = false;

  constructor({ preload, heapBytes, calls = undefined }: SlotBodyOptions) {
    const workerData: SlotData = { preload, abortFlag: this.abortFlag, calls: calls ?? null };
    const payloads = calls?.shared?.payloads;
    this.worker = new Worker(slotModule, {
      workerData,
      transferList: payloads === undefined ? [] : [payloads],
      name: "shoal slot",
      ...(heapBytes === null
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapBytes / 2 ** 20) } }),
    });
    this.worker.setMaxListeners(0); // each call of terminate() waits for the end
    this.worker.on("message", (message: FromSlot) => this.onMessage(message));
    this.ended = new Promise((resolve) => {
      let thrown: unknown = null;
      this.worker.on("error", (error) => (thrown = error));
      this.worker.on("exit", (exitCode) => {
        this.hasEnded = true;
        if (this.ending !== null) clearInterval(this.ending);
        resolve({
          exitCode,
          signal: null,
          isHeapFull: (thrown as { code?: unknown } | null)?.code === "ERR_WORKER_OUT_OF_MEMORY",
          error: thrown === null ? null : toErrorData(thrown),
          isKilledForMemory: false,
        });
      });
    });
  }

  post(message: ToSlot): void {
    if (message.kind === "run") Atomics.store(this.abortFlag, 0, 0);
    if (message.kind === "abort") Atomics.store(this.abortFlag, 0, 1);
    if (message.kind === "abort-call") Atomics.store(this.abortFlag, 0, (message.ticket + 1) | 0);
    this.worker.postMessage(message);
  }

  end(): void {
    if (this.hasEnded) return;
    void this.worker.terminate();
    // Again and again: one that comes while a probe evaluates is lost, since V8's debugger takes it for its own.
    this.ending ??= setInterval(() => void this.worker.terminate(), terminateEveryMs);
  }

  setReferenced(isReferenced: boolean): void {
    if (isReferenced) this.worker.ref();
    else this.worker.unref();
  }

  async probe(): Promise<SlotProbe | null> {
    const { threadId } = this.worker;
    return threadId < 0 ? null : await probeThread(threadId);
  }
}
