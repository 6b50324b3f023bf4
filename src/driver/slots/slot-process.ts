// A slot's body that is a child process: for code that crashes, leaks or blocks. Whatever it does, the agent lives on.
//
// The child runs the same program under the same guards as a thread does, in a thread of its own: its main thread
// (slot-keeper.ts) stays free to watch, and ends the child when the agent is gone.

import { fork, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { toErrorData } from "../../errors.ts";
import type {
  FromSlot,
  FromSlotProcess,
  SlotProbe,
  ThreadEnd,
  ToSlot,
  ToSlotProcess,
} from "../../protocol/slot.ts";
import { PrintAllowance } from "./guards.ts";
import type { BodyEnd, SlotBody, SlotBodyOptions } from "./slot-body.ts";
import { slotModule } from "./slot-thread.ts";

/** After its exit, how long what it has printed and said is waited for: others may hold its pipes open. */
const lastWordsMs = 500;
/** Longer than a probe takes in the child. */
const probeMs = 900;

export class SlotProcess implements SlotBody {
  readonly isolation = "process";
  readonly ended: Promise<BodyEnd>;
  rssBytes: number | null = null;
  onMessage: (message: FromSlot) => void = () => {};
  private readonly child: ChildProcess;
  private readonly oomKillsBefore = countOomKills();
  private readonly probes = new Map<number, (found: SlotProbe | null) => void>();
  private lastProbe = 0;
  private threadEnd: ThreadEnd | null = null;

  constructor(options: SlotBodyOptions) {
    this.child = fork(slotModule, {
      execArgv: slotArguments(process.execArgv),
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = this.watch();
    this.child.on("message", (message) => this.receive(message as FromSlotProcess));
    // What its own code prints comes as messages; here comes what else does: native code, Node's last words.
    const allowance = new PrintAllowance((text) => this.onMessage({ kind: "printed", attempt: null, text }));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => allowance.print(text));
    }
    const { preload, heapBytes, calls } = options;
    this.send({
      kind: "begin",
      agent: process.pid,
      preload,
      heapBytes,
      ...(calls === undefined ? {} : { calls: { slot: calls.slot, shared: null } }),
    });
  }

  get pid(): number | null {
    return this.child.pid ?? null;
  }

  post(message: ToSlot): void {
    this.send(message);
  }

  end(): void {
    this.setReferenced(true); // Somebody waits for the end, and it does come.
    this.child.kill("SIGKILL");
  }

  setReferenced(isReferenced: boolean): void {
    const { child } = this;
    for (const handle of [child, child.channel, child.stdout, child.stderr]) {
      const { ref, unref } = (handle as { ref?: () => void; unref?: () => void }) ?? {};
      if (isReferenced) ref?.call(handle);
      else unref?.call(handle);
    }
  }

  async probe(): Promise<SlotProbe | null> {
    if (!this.child.connected) return null;
    const probe = ++this.lastProbe;
    return await new Promise((resolve) => {
      const answer = (found: SlotProbe | null): void => {
        clearTimeout(timer);
        this.probes.delete(probe);
        resolve(found);
      };
      const timer = setTimeout(answer, probeMs, null);
      this.probes.set(probe, answer);
      this.send({ kind: "probe", probe });
    });
  }

  /** What cannot be sent is for a process that has ended, or is about to: `ended` tells. */
  private send(message: ToSlotProcess): void {
    if (this.child.connected) this.child.send(message, () => {});
  }

  private receive(message: FromSlotProcess): void {
    switch (message.kind) {
      case "probed":
        this.probes.get(message.probe)?.(message.found);
        return;
      case "rss":
        this.rssBytes = message.rssBytes;
        return;
      case "thread-ended":
        this.threadEnd = message.end;
        return;
      default:
        this.onMessage(message);
    }
  }

  private watch(): Promise<BodyEnd> {
    const { child } = this;
    return new Promise((resolve) => {
      const finish = (end: BodyEnd): void => {
        for (const answer of this.probes.values()) answer(null);
        resolve(end);
      };
      child.on("error", (error) => {
        // Also when a signal or message could not be sent; then it has started, and its exit tells more.
        if (child.pid !== undefined) return;
        finish({
          exitCode: null,
          signal: null,
          isHeapFull: false,
          error: toErrorData(error),
          isKilledForMemory: false,
        });
      });
      child.once("exit", (exitCode, signal) => {
        const tell = (): void => {
          clearTimeout(timer);
          finish(this.endOf(exitCode, signal));
        };
        const timer = setTimeout(tell, lastWordsMs);
        child.once("close", tell);
      });
    });
  }

  private endOf(exitCode: number | null, signal: string | null): BodyEnd {
    const { threadEnd, oomKillsBefore } = this;
    const oomKills = countOomKills();
    return {
      exitCode: threadEnd?.exitCode ?? exitCode,
      signal,
      isHeapFull: threadEnd?.isHeapFull ?? false,
      error: threadEnd?.error ?? null,
      isKilledForMemory:
        signal === "SIGKILL" && oomKills !== null && oomKillsBefore !== null && oomKills > oomKillsBefore,
    };
  }
}

/** Processes that the kernel has killed for want of memory, on the whole machine; null where that is not told. */
function countOomKills(): number | null {
  if (process.platform !== "linux") return null;
  try {
    const found = /^oom_kill (\d+)$/m.exec(readFileSync("/proc/vmstat", "utf8"));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}

/** Arguments of this Node that say how modules are loaded pass on; those that say what to run or to debug do not. */
export function slotArguments(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const argument = execArgv[i]!;
    if (/^(-e|-p|-pe|--eval|--print)$/.test(argument)) i++;
    else if (
      !/^(-i|-c|--(inspect|watch|test|eval|print|interactive|check|input-type|cpu-prof|heap-prof|prof)\b)/.test(
        argument,
      )
    )
      kept.push(argument);
  }
  return kept;
}
