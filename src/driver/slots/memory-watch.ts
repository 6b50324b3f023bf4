// The agent's watch over its slots' memory, four times a second while anything runs.
//
// JavaScript heaps have a limit of their own, which V8 keeps. ArrayBuffers and what native code allocates do not count
// there, and take the whole process, or the machine, with them. So each slot's buffers are watched, the memory of each
// slot's process, and that of all slots together; a slot over its limit is ended, which its certificate tells.
//
//   a slot tells its heap and buffers by itself, unless it computes without a pause: then it is looked into from
//   outside (SlotHost.look), when memory grows, at most every two seconds
//
// Limits are far above what healthy runs need: they are to save the program, not to save memory.

import type { EndReason } from "./certificate.ts";
import type { MemoryLimits } from "./memory-limits.ts";
import type { SlotHost } from "./slot-host.ts";
import { suspect } from "./suspect.ts";

const everyMs = 250;
/** A slot that has told nothing for so long computes, and cannot tell. */
const silentMs = 700;
const lookEveryMs = 2000;
/** Growth of the process since the last look that makes another one worth it. */
const growthBytes = 48 * 2 ** 20;
/** A last look at a slot that is to be ended; not longer, since it goes on eating. */
const lastLookMs = 700;
/** After a slot was ended for all: its memory is given back by and by. */
const settleMs = 1500;

type Over = Omit<EndReason & { kind: "memory" }, "kind">;

export class MemoryWatch {
  private readonly limits: MemoryLimits;
  private readonly hosts: () => readonly SlotHost[];
  private readonly looks = new WeakMap<SlotHost, { at: number; rssBytes: number }>();
  private readonly ending = new WeakSet<SlotHost>();
  private timer: NodeJS.Timeout | null = null;
  private watchers = 0;
  private isSearching = false;
  private quietUntil = 0;

  constructor(limits: MemoryLimits, hosts: () => readonly SlotHost[]) {
    this.limits = limits;
    this.hosts = hosts;
  }

  /** Counts: watches until `end` was called as often. */
  begin(): void {
    this.watchers++;
    this.timer ??= setInterval(() => this.watch(), everyMs).unref();
  }

  end(): void {
    if (--this.watchers > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
  }

  private watch(): void {
    const now = clock();
    const own = process.memoryUsage();
    const hosts = this.watched();
    for (const host of hosts) {
      const rssBytes = host.rssBytes ?? own.rss;
      if (host.work !== null) host.sample(now, rssBytes);
      const over = this.overLimit(host);
      if (over !== null) void this.endOne(host, over);
      else if (host.work !== null) this.lookIfGrowing(host, now, rssBytes);
    }
    // What the client's own program holds in this process is no slot's.
    const total = hosts.reduce(
      (sum, host) => sum + (host.rssBytes ?? 0),
      own.rss - own.heapTotal - own.external,
    );
    if (total > this.limits.totalBytes && now >= this.quietUntil && !this.isSearching)
      void this.endSuspect(total);
  }

  private watched(): readonly SlotHost[] {
    return this.hosts().filter((host) => host.isAlive && !host.isEnding && !this.ending.has(host));
  }

  private overLimit({ lastMemory, rssBytes }: SlotHost): Over | null {
    const { bufferBytes, processBytes } = this.limits;
    if (lastMemory.bufferBytes > bufferBytes) {
      return { which: "buffers", limitBytes: bufferBytes, usedBytes: lastMemory.bufferBytes, isGuess: false };
    }
    if (rssBytes === null || rssBytes <= processBytes) return null;
    return { which: "rss", limitBytes: processBytes, usedBytes: rssBytes, isGuess: false };
  }

  private lookIfGrowing(host: SlotHost, now: number, rssBytes: number): void {
    const last = this.looks.get(host);
    if (last === undefined || rssBytes < last.rssBytes) {
      this.looks.set(host, { at: last?.at ?? -Infinity, rssBytes });
    } else if (
      isSilent(host, now) &&
      now - last.at >= lookEveryMs &&
      rssBytes - last.rssBytes >= growthBytes
    ) {
      this.looks.set(host, { at: now, rssBytes });
      void host.look();
    }
  }

  /** Ends the slot that holds most of what is too much; if that cannot be learnt, the one most likely to. */
  private async endSuspect(usedBytes: number): Promise<void> {
    this.isSearching = true;
    // Also at those that told of themselves a moment ago: a gigabyte takes no longer than that.
    await Promise.all(
      this.watched()
        .filter((host) => host.work !== null)
        .map((host) => host.look()),
    );
    const found = suspect(
      this.watched().map((host) => ({
        host,
        heldBytes: Math.max(host.lastMemory.heapBytes + host.lastMemory.bufferBytes, host.rssBytes ?? 0),
        isFresh: host.rssBytes !== null || !isSilent(host, clock()),
        startedAt: host.work?.startedAt ?? null,
      })),
      usedBytes,
    );
    if (found !== null) {
      await this.endOne(found.one.host, {
        which: "rss",
        limitBytes: this.limits.totalBytes,
        usedBytes,
        isGuess: found.isGuess,
      });
    }
    this.isSearching = false;
    this.quietUntil = clock() + settleMs;
  }

  /** With a last look, which tells what it was at. */
  private async endOne(host: SlotHost, over: Over): Promise<void> {
    this.ending.add(host);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, lastLookMs)));
    if (host.work !== null) await Promise.race([host.look(), late]);
    clearTimeout(timer);
    host.sample(clock(), host.rssBytes ?? process.memoryUsage.rss());
    await host.endFor({ kind: "memory", ...over });
  }
}

const clock = (): number => Math.floor(performance.now());

const isSilent = (host: SlotHost, now: number): boolean =>
  host.work !== null && now - host.lastMemory.at > silentMs;
