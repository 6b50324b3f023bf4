// The slots of this process, threads or child processes, kept warm between jobs; and calls of a program that are no
// attempts. Owner of: the slots, and the watch over their memory.

import { ShoalError } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import type { LiveAttempt, LiveState } from "../driver.ts";
import type { MemoryLimits } from "./memory-limits.ts";
import { MemoryWatch } from "./memory-watch.ts";
import type { Isolation, SlotBodyOptions } from "./slot-body.ts";
import { SlotHost } from "./slot-host.ts";
import { SlotProcess } from "./slot-process.ts";
import { SlotThread } from "./slot-thread.ts";

export interface SlotPoolOptions extends SlotBodyOptions {
  readonly slots: number;
  readonly isolation: Isolation;
  /** Slots over these are ended; null: nobody watches. The heap's own limit is `heapBytes`. */
  readonly memoryLimits: MemoryLimits | null;
  /** Takes what user code prints. */
  readonly onPrint: (text: string) => void;
}

/** Slots killed from outside under one call, after which it fails. */
const callLossesMax = 16;

export class SlotPool {
  private readonly options: SlotPoolOptions;
  /** By slot number. One that has ended is replaced when its slot is started again. */
  private readonly hosts: SlotHost[] = [];
  private readonly watch: MemoryWatch | null;
  private readonly keys = new Map<string, string>();
  private isClosed = false;

  constructor(options: SlotPoolOptions) {
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
    try {
      return await this.watched(() => host.call(program, this.keyOf(program), method, argument));
    } finally {
      if (host.isAlive) host.setReferenced(false);
    }
  }

  /** Lets every slot load the program now, rather than when its first attempt comes. */
  preload(program: ProgramRef): void {
    for (let slot = 0; slot < this.options.slots; slot++) this.host(slot).load(program, this.keyOf(program));
  }

  /** While it runs, the memory of the slots is watched. */
  async watched<T>(act: () => Promise<T>): Promise<T> {
    this.watch?.begin();
    try {
      return await act();
    } finally {
      this.watch?.end();
    }
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
    await Promise.all(this.hosts.map((host) => host.terminate("the connection was closed")));
  }

  /** The slot of this number, started if it has ended. */
  host(slot: number): SlotHost {
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
  keyOf(program: ProgramRef): string {
    const text = JSON.stringify([program.module, program.data]);
    const key = this.keys.get(text) ?? `p${this.keys.size + 1}`;
    this.keys.set(text, key);
    return key;
  }

  private print(message: FromSlot): void {
    if (message.kind === "printed") this.options.onPrint(message.text);
  }

  assertOpen(): void {
    if (this.isClosed) throw new ShoalError("CLOSED", "the connection was closed");
  }
}
