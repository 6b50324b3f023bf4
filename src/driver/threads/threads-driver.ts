// The driver of one machine: one worker, "w1", in this process, whose slots are threads or child processes.
//
// The slots are kept warm between runs (threads-run.ts). Owner of: the slots, and the watch over their memory.

import type { JobOutcome } from "../../core/types.ts";
import { ShoalError } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import type { Driver, DriverJob, LiveAttempt, LiveState } from "../driver.ts";
import type { MemoryLimits } from "./memory-limits.ts";
import { MemoryWatch } from "./memory-watch.ts";
import type { Isolation, SlotBodyOptions } from "./slot-body.ts";
import { SlotHost } from "./slot-host.ts";
import { SlotProcess } from "./slot-process.ts";
import { SlotThread } from "./slot-thread.ts";
import { ThreadsRun } from "./threads-run.ts";

export interface ThreadsOptions extends SlotBodyOptions {
  readonly slots: number;
  readonly isolation: Isolation;
  /** Slots over these are ended; null: nobody watches. The heap's own limit is `heapBytes`. */
  readonly memoryLimits: MemoryLimits | null;
  /** How long an aborted attempt may take to end by itself before its slot is ended. */
  readonly abortGraceMs: number;
  /** Takes what user code prints. */
  readonly onPrint: (text: string) => void;
}

/** Slots killed from outside under one call, after which it fails. */
const callLossesMax = 16;

export class ThreadsDriver implements Driver {
  readonly name = "threads";
  private readonly options: ThreadsOptions;
  /** By slot number. One that has ended is replaced when its slot is started again. */
  private readonly hosts: SlotHost[] = [];
  private readonly watch: MemoryWatch | null;
  private readonly keys = new Map<string, string>();
  private isClosed = false;
  private lastRun: Promise<unknown> = Promise.resolve();

  constructor(options: ThreadsOptions) {
    this.options = options;
    this.watch =
      options.memoryLimits === null ? null : new MemoryWatch(options.memoryLimits, () => this.hosts);
  }

  warm(): void {
    if (!this.isClosed) for (let slot = 0; slot < this.options.slots; slot++) this.host(slot);
  }

  async call(program: ProgramRef, method: string, argument: unknown): Promise<unknown> {
    for (let losses = 0; ;) {
      this.assertOpen();
      const host = this.host(0);
      try {
        return await this.callIn(host, program, method, argument);
      } catch (error) {
        // A slot that somebody killed says nothing of the call: it is made again, in a new one.
        const isLost = !host.isAlive && (await host.exited).isExternal;
        if (!isLost || ++losses >= callLossesMax) throw error;
      }
    }
  }

  private async callIn(
    host: SlotHost,
    program: ProgramRef,
    method: string,
    argument: unknown,
  ): Promise<unknown> {
    host.setReferenced(true);
    host.listener = (message) => this.print(message);
    this.watch?.begin();
    try {
      return await host.call(program, this.keyOf(program), method, argument);
    } finally {
      this.watch?.end();
      if (host.isAlive) host.setReferenced(false);
    }
  }

  /** Lets every slot load the program now, rather than when its first attempt comes. */
  preload(program: ProgramRef): void {
    for (let slot = 0; slot < this.options.slots; slot++) this.host(slot).load(program, this.keyOf(program));
  }

  /** Jobs of one driver run one after the other, in the order of the calls. */
  run(job: DriverJob): Promise<JobOutcome> {
    this.assertOpen();
    const outcome = this.lastRun.then(() => this.runNow(job));
    this.lastRun = outcome.catch(() => {});
    return outcome;
  }

  async inspect(): Promise<LiveState> {
    const looked = await Promise.all(
      this.hosts.map(async (host): Promise<LiveAttempt | null> => {
        const before = host.running;
        const stack = before === null ? null : await host.look();
        const { running } = host;
        if (running === null || running.attempt !== before?.attempt) return null;
        const { attempt, stage, startedAt, recordsIn, bytesIn } = running;
        return { attempt, stage, slot: host.slot, startedAt, recordsIn, bytesIn, stack };
      }),
    );
    return {
      attempts: looked.filter((attempt) => attempt !== null),
      memory: {
        at: Math.floor(performance.now()),
        rssBytes: process.memoryUsage.rss(),
        slots: this.hosts
          .filter(({ isAlive }) => isAlive)
          .map(({ slot, lastMemory, rssBytes }) => ({
            slot,
            heapBytes: lastMemory.heapBytes,
            bufferBytes: lastMemory.bufferBytes,
            rssBytes,
          })),
      },
    };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.hosts.map((host) => host.terminate("the driver was closed")));
  }

  private async runNow(job: DriverJob): Promise<JobOutcome> {
    const { slots, abortGraceMs, onPrint } = this.options;
    const run = new ThreadsRun(job, {
      slots,
      abortGraceMs,
      onPrint,
      key: this.keyOf(job.program),
      host: (slot) => this.host(slot),
    });
    this.watch?.begin();
    try {
      return await run.start();
    } finally {
      this.watch?.end();
    }
  }

  private host(slot: number): SlotHost {
    const existing = this.hosts[slot];
    if (existing?.isAlive === true) return existing;
    const { isolation, preload, heapBytes } = this.options;
    const body =
      isolation === "thread"
        ? new SlotThread({ preload, heapBytes })
        : new SlotProcess({ preload, heapBytes });
    const host = new SlotHost(slot, body, heapBytes);
    host.setReferenced(false);
    this.hosts[slot] = host;
    return host;
  }

  /** Programs are named by what they are, so that a warm slot loads each one once. */
  private keyOf(program: ProgramRef): string {
    const text = JSON.stringify([program.module, program.data]);
    const key = this.keys.get(text) ?? `p${this.keys.size + 1}`;
    this.keys.set(text, key);
    return key;
  }

  private print(message: FromSlot): void {
    if (message.kind === "printed") this.options.onPrint(message.text);
  }

  private assertOpen(): void {
    if (this.isClosed) throw new ShoalError("CLOSED", "the connection was closed");
  }
}
