// Looks into running threads of this process: where each is and what its JavaScript holds, also of one that loops
// for ever. Stops it for a moment, reads, and lets it go on.
//
// By the inspector, in process, without a port: the main thread may debug its threads. The session is closed when nobody
// asks any more, since an attached debugger costs every thread something.
//
// Not here: when to look (memory-watch.ts, slot-host.ts). Owner of: the one inspector session of this process.
//
//   NodeWorker.enable ──▶ attachedToWorker, of every thread
//   per thread asked for:  Debugger.enable · Debugger.pause ──▶ paused (frames) · evaluate (memory) · Debugger.resume
//
// A thread in its event loop does not pause, or only in Node's own code: it waits, and has no stack. A thread in native
// code does not even answer.

import { Session } from "node:inspector";
import type { SlotProbe } from "../../protocol/slot.ts";
import { memoryPlace } from "./slot-memory.ts";
import { stackText, type RawFrame } from "./stack-text.ts";

/** For a thread to take its orders; it does so at the next loop or call, or when its event loop turns. */
const answerMs = 600;
/** For a thread that has taken them to pause: it does so at once, unless it waits. */
const pauseMs = 80;
/** The session is kept for so long after a round: the end of one gets in the way of the beginning of the next. */
const detachMs = 2000;

let wanted = new Map<number, ((found: SlotProbe | null) => void)[]>();
let isLooking = false;
let threads: AttachedThreads | null = null;
let closing: NodeJS.Timeout | null = null;

/** What the thread does at this moment; null if it cannot be learnt. Never rejects; takes up to two seconds. */
export function probeThread(threadId: number): Promise<SlotProbe | null> {
  return new Promise((resolve) => {
    wanted.set(threadId, [...(wanted.get(threadId) ?? []), resolve]);
    if (!isLooking) void look();
  });
}

/** Threads that are asked for while others are looked into wait for the next round. */
async function look(): Promise<void> {
  isLooking = true;
  if (closing !== null) clearTimeout(closing);
  await Promise.resolve(); // All that are asked for in one go are one round.
  while (wanted.size > 0) {
    const round = wanted;
    wanted = new Map();
    threads ??= await AttachedThreads.attach();
    await Promise.all(
      [...round].map(async ([threadId, resolves]) => {
        const found = (await threads?.probe(threadId)) ?? null;
        for (const resolve of resolves) resolve(found);
      }),
    );
  }
  isLooking = false;
  closing = setTimeout(detach, detachMs).unref();
}

function detach(): void {
  threads?.detach();
  threads = null;
}

interface ThreadMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
}

interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
}

interface Script {
  readonly url: string;
  readonly sourceMapUrl: string;
}

interface Pause {
  readonly stack: string | null;
  readonly memory: Promise<ThreadMessage | null>;
}

/** The threads of this process, through one session with its main thread. */
class AttachedThreads {
  private readonly session: Session;
  private readonly sessionOf = new Map<number, string>();
  private readonly listeners = new Map<string, (message: ThreadMessage) => void>();
  private readonly answers = new Map<string, (message: ThreadMessage | null) => void>();
  private lastId = 0;

  /** Null where there is no inspector, or it is not ours to use: then nothing is learnt. */
  static async attach(): Promise<AttachedThreads | null> {
    try {
      const session = new Session();
      session.connect();
      const threads = new AttachedThreads(session);
      await new Promise<void>((resolve, reject) => {
        session.post("NodeWorker.enable", { waitForDebuggerOnStart: false }, (error) =>
          error === null ? resolve() : reject(error),
        );
      });
      return threads;
    } catch {
      return null;
    }
  }

  private constructor(session: Session) {
    this.session = session;
    session.on("NodeWorker.attachedToWorker", ({ params }) => {
      // "[worker 3] shoal slot": the number is the thread's id.
      const threadId = /^\[worker (\d+)\]|^Worker (\d+)/.exec(params.workerInfo.title);
      if (threadId !== null) this.sessionOf.set(Number(threadId[1] ?? threadId[2]), params.sessionId);
    });
    session.on("NodeWorker.detachedFromWorker", ({ params }) => {
      for (const [threadId, id] of this.sessionOf)
        if (id === params.sessionId) this.sessionOf.delete(threadId);
    });
    session.on("NodeWorker.receivedMessageFromWorker", ({ params }) =>
      this.receive(params.sessionId, JSON.parse(params.message) as ThreadMessage),
    );
  }

  detach(): void {
    this.session.disconnect();
  }

  /** Null: it did not take its orders in time, or is not there. */
  async probe(threadId: number): Promise<SlotProbe | null> {
    const id = this.sessionOf.get(threadId);
    if (id === undefined) return null;
    const paused = this.nextPause(id);
    void this.ask(id, "Debugger.enable");
    const isTaken = (await this.ask(id, "Debugger.pause")) !== null;
    const found = isTaken ? await within(pauseMs, paused) : null;
    const memory = memoryIn((await found?.memory) ?? null);
    // Takes back a pause that has not come to pass, and lets go of one that comes now.
    await this.ask(id, "Debugger.disable");
    this.listeners.delete(id);
    return isTaken ? { stack: found?.stack ?? null, ...memory } : null;
  }

  /** What is found when the thread stops next. It goes on at once. */
  private nextPause(id: string): Promise<Pause> {
    const scripts = new Map<string, Script>();
    return new Promise((resolve) => {
      this.listeners.set(id, ({ method, params }) => {
        if (method === "Debugger.scriptParsed") {
          const { scriptId, url, sourceMapURL } = params as Readonly<Record<string, unknown>>;
          scripts.set(String(scriptId), { url: String(url), sourceMapUrl: String(sourceMapURL ?? "") });
        }
        if (method !== "Debugger.paused") return;
        const frames = params!["callFrames"] as readonly CallFrame[];
        const callFrameId = frames[0]?.callFrameId;
        const evaluation = { callFrameId, expression: memoryExpression, returnByValue: true };
        const memory = this.ask(id, "Debugger.evaluateOnCallFrame", evaluation);
        void this.ask(id, "Debugger.resume");
        resolve({ stack: stackOf(frames, scripts), memory });
      });
    });
  }

  /** The thread's answer, or null if it takes too long. */
  private ask(id: string, method: string, params: object = {}): Promise<ThreadMessage | null> {
    const message = ++this.lastId;
    const key = `${id} ${message}`;
    const answer = new Promise<ThreadMessage | null>((resolve) => this.answers.set(key, resolve));
    this.session.post(
      "NodeWorker.sendMessageToWorker",
      { sessionId: id, message: JSON.stringify({ id: message, method, params }) },
      (error) => error !== null && this.answers.get(key)?.(null),
    );
    return within(answerMs, answer).finally(() => this.answers.delete(key));
  }

  private receive(id: string, message: ThreadMessage): void {
    if (message.id === undefined) {
      const listener = this.listeners.get(id);
      if (listener !== undefined) listener(message);
      else if (message.method === "Debugger.paused") void this.ask(id, "Debugger.resume"); // too late to be of use
      return;
    }
    this.answers.get(`${id} ${message.id}`)?.(message);
  }
}

/** What `work` gives, or null after `ms`. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, ms, null)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const memoryExpression = `globalThis[Symbol.for(${JSON.stringify(memoryPlace)})]()`;

function memoryIn(answer: ThreadMessage | null): Pick<SlotProbe, "heapBytes" | "bufferBytes"> {
  const value = (answer?.result?.["result"] as { value?: unknown } | undefined)?.value;
  const figure = (index: number): number | null => {
    const number = Array.isArray(value) ? (value[index] as unknown) : null;
    return typeof number === "number" && Number.isFinite(number) ? number : null;
  };
  return { heapBytes: figure(0), bufferBytes: figure(1) };
}

/** Null if all of it is Node's own: its event loop turns, and was stopped at the first thing that it called. */
function stackOf(frames: readonly CallFrame[], scripts: ReadonlyMap<string, Script>): string | null {
  const raw = frames.map(({ functionName, location }): RawFrame => {
    const script = scripts.get(location.scriptId) ?? { url: "", sourceMapUrl: "" };
    return { functionName, ...script, line: location.lineNumber, column: location.columnNumber };
  });
  return raw.every(({ url }) => url.startsWith("node:")) ? null : stackText(raw);
}
