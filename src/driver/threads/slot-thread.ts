// One slot's thread, as the agent sees it: messages in both directions, calls with answers, its end with the reason.
//
// Not here: who runs what (core/worker), what runs (executor/).

import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { fromErrorData, ShoalError, toErrorData, type ErrorData } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { FromSlot, ToSlot } from "../../protocol/slot.ts";
import type { AttemptId } from "../../base/ids.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { SlotData } from "./slot.ts";

/** Found by the package's own name, so that it is found from dist, from tests and from a program's bundle alike. */
const slotModule = createRequire(import.meta.url).resolve("shoal/slot");

export interface SlotThreadOptions {
  readonly preload: string | null;
  /** Limit of the thread's JavaScript heap, or null for Node's default. */
  readonly heapBytes: number | null;
}

export type SlotListener = (message: FromSlot) => void;

export class SlotThread {
  /** Settles when the thread has ended: why, as far as is known. */
  readonly exited: Promise<ErrorData>;
  /** Settles when the thread takes work. Never rejects: a thread that ends first settles `exited`. */
  readonly ready: Promise<void>;
  /** Takes every message but "ready" and answers to calls. */
  listener: SlotListener = () => {};
  private readonly worker: Worker;
  private readonly abortFlag = new Int32Array(new SharedArrayBuffer(4));
  private readonly loaded = new Set<string>();
  private readonly calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  private lastCall = 0;
  private end: ErrorData | null = null;
  private whyTerminated: string | null = null;

  constructor({ preload, heapBytes }: SlotThreadOptions) {
    const workerData: SlotData = { preload, abortFlag: this.abortFlag };
    this.worker = new Worker(slotModule, {
      workerData,
      name: "shoal slot",
      ...(heapBytes === null ? {} : { resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapBytes / 2 ** 20) } }),
    });
    let reportReady = (): void => {};
    this.ready = new Promise((resolve) => (reportReady = resolve));
    this.worker.on("message", (message: FromSlot) => (message.kind === "ready" ? reportReady() : this.receive(message)));
    this.exited = new Promise((resolve) => {
      let thrown: unknown = null;
      this.worker.on("error", (error) => (thrown = error));
      this.worker.on("exit", (code) => {
        this.end = this.explain(code, thrown);
        for (const call of this.calls.values()) call.reject(fromErrorData(this.end));
        this.calls.clear();
        resolve(this.end);
      });
    });
  }

  get isAlive(): boolean {
    return this.end === null;
  }

  run(program: ProgramRef, key: string, assignment: Assignment): void {
    Atomics.store(this.abortFlag, 0, 0);
    this.load(program, key);
    this.send({ kind: "run", key, assignment });
  }

  abort(attempt: AttemptId, reason: string): void {
    Atomics.store(this.abortFlag, 0, 1);
    this.send({ kind: "abort", attempt, reason });
  }

  /** Makes a program known before it is used, so that it loads early. */
  load(program: ProgramRef, key: string): void {
    if (this.loaded.has(key)) return;
    this.loaded.add(key);
    this.send({ kind: "load", key, module: program.module, data: program.data });
  }

  async call(program: ProgramRef, key: string, method: string, argument: unknown): Promise<unknown> {
    if (this.end !== null) throw fromErrorData(this.end);
    this.load(program, key);
    const call = ++this.lastCall;
    return await new Promise((resolve, reject) => {
      this.calls.set(call, { resolve, reject });
      this.send({ kind: "call", key, call, method, argument });
    });
  }

  async terminate(why: string): Promise<void> {
    this.whyTerminated ??= why;
    await this.worker.terminate();
  }

  /** Whether the thread keeps the process alive. */
  setReferenced(isReferenced: boolean): void {
    if (isReferenced) this.worker.ref();
    else this.worker.unref();
  }

  private send(message: ToSlot): void {
    this.worker.postMessage(message);
  }

  private receive(message: FromSlot): void {
    if (message.kind !== "answered" && message.kind !== "refused") {
      this.listener(message);
      return;
    }
    const call = this.calls.get(message.call);
    this.calls.delete(message.call);
    if (message.kind === "answered") call?.resolve(message.value);
    else call?.reject(fromErrorData(message.error));
  }

  private explain(code: number, thrown: unknown): ErrorData {
    if (this.whyTerminated !== null) return toErrorData(new ShoalError("SLOT_LOST", `the slot was ended: ${this.whyTerminated}`));
    if ((thrown as { code?: unknown } | null)?.code === "ERR_WORKER_OUT_OF_MEMORY") {
      return toErrorData(new ShoalError("OUT_OF_MEMORY", "the slot's thread reached the limit of its JavaScript heap", { cause: thrown }));
    }
    if (thrown !== null) return toErrorData(new ShoalError("SLOT_LOST", "the slot's thread ended by an error", { cause: thrown }));
    return toErrorData(new ShoalError("SLOT_LOST", `the slot's thread ended with exit code ${code}`));
  }
}
