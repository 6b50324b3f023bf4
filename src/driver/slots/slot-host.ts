// One slot, as the agent sees it, whatever carries it: what it runs, calls with answers, its memory, its last words,
// and its end with the reason.
//
// Not here: who runs what (core/worker), what runs (executor/), how it is carried (slot-thread.ts, slot-process.ts).

import type { AttemptId } from "../../base/ids.ts";
import type { StageIndex } from "../../core/types.ts";
import { fromErrorData, type ErrorData } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { ToCallSlot } from "../../protocol/calls.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import { userFrames } from "../../bundle/frames.ts";
import { isExternal, slotError, type EndReason, type SlotFacts, type SlotWork } from "./certificate.ts";
import { LastLines } from "./last-lines.ts";
import { MemoryCurve } from "./memory-curve.ts";
import type { BodyEnd, SlotBody } from "./slot-body.ts";

export type SlotListener = (message: FromSlot) => void;

export interface SlotEnd {
  readonly error: ErrorData;
  /** Somebody else ended it, as far as is known. */
  readonly isExternal: boolean;
  /** Tickets of calls that it had certainly not begun, as far as its body knows. */
  readonly unbegun: readonly number[];
}

/** An attempt that the slot runs. */
export interface RunningAttempt extends SlotWork {
  readonly attempt: AttemptId;
  readonly stage: StageIndex;
}

interface SlotMemory {
  readonly at: number;
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/** The log's clock (threads-run.ts). */
const clock = (): number => Math.floor(performance.now());

export class SlotHost {
  readonly slot: number;
  /** Settles when the slot has ended: why, as far as is known. Never rejects. */
  readonly exited: Promise<SlotEnd>;
  /** Settles when the slot takes work. Never rejects: one that ends first settles `exited`. */
  readonly ready: Promise<void>;
  /** Takes every message but "ready", memory and answers to calls. */
  listener: SlotListener = () => {};
  private readonly body: SlotBody;
  private readonly heapLimitBytes: number | null;
  private readonly workOf: () => SlotWork | null;
  private readonly loaded = new Set<string>();
  private readonly calls = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  private readonly lines = new LastLines();
  private readonly curve = new MemoryCurve();
  private lastCall = 0;
  private end: SlotEnd | null = null;
  private reason: EndReason | null = null;
  private attempt: RunningAttempt | null = null;
  private call_: SlotWork | null = null;
  private memory: SlotMemory = { at: 0, heapBytes: 0, bufferBytes: 0 };
  private stack: string | null = null;

  /** `workOf` tells what it is at where that is not known here: the calls of the call plane. */
  constructor(
    slot: number,
    body: SlotBody,
    heapLimitBytes: number | null,
    workOf: () => SlotWork | null = () => null,
  ) {
    this.slot = slot;
    this.workOf = workOf;
    this.body = body;
    this.heapLimitBytes = heapLimitBytes;
    let reportReady = (): void => {};
    this.ready = new Promise((resolve) => (reportReady = resolve));
    body.onMessage = (message) => (message.kind === "ready" ? reportReady() : this.receive(message));
    this.exited = body.ended.then((end) => this.conclude(end));
  }

  get isAlive(): boolean {
    return this.end === null;
  }

  get isEnding(): boolean {
    return this.reason !== null;
  }

  get running(): RunningAttempt | null {
    return this.attempt;
  }

  /** What it runs, attempt or call. */
  get work(): SlotWork | null {
    return this.attempt ?? this.call_ ?? this.workOf();
  }

  /** What its JavaScript held when it was last learnt. */
  get lastMemory(): SlotMemory {
    return this.memory;
  }

  /** Memory of its own process; null if it is a thread. */
  get rssBytes(): number | null {
    return this.body.rssBytes;
  }

  run(program: ProgramRef, key: string, assignment: Assignment, stageName: string): void {
    const { attempt, stage } = assignment;
    this.begin();
    this.attempt = { attempt, stage, what: stageName, startedAt: clock(), recordsIn: 0, bytesIn: 0 };
    this.load(program, key);
    this.body.post({ kind: "run", key, assignment });
  }

  abort(attempt: AttemptId, reason: string): void {
    this.body.post({ kind: "abort", attempt, reason });
  }

  /** Makes a program known before it is used, so that it loads early. */
  load(program: ProgramRef, key: string): void {
    if (this.loaded.has(key)) return;
    this.loaded.add(key);
    this.body.post({ kind: "load", key, module: program.module, data: program.data });
  }

  async call(program: ProgramRef, key: string, method: string, argument: unknown): Promise<unknown> {
    if (this.end !== null) throw fromErrorData(this.end.error);
    this.load(program, key);
    const call = ++this.lastCall;
    this.begin();
    this.call_ = {
      attempt: null,
      what: `the call "${method}"`,
      startedAt: clock(),
      recordsIn: 0,
      bytesIn: 0,
    };
    return await new Promise((resolve, reject) => {
      this.calls.set(call, { resolve, reject });
      this.body.post({ kind: "call", key, call, method, argument });
    });
  }

  /** For the call plane: a message of its own. */
  post(message: ToCallSlot): void {
    this.body.post(message);
  }

  async terminate(why: string): Promise<void> {
    await this.endFor({ kind: "told", why });
  }

  /** Ends it at once. The first reason given is the one that is told. */
  async endFor(reason: EndReason): Promise<void> {
    this.reason ??= reason;
    this.body.end();
    await this.exited;
  }

  /** Whether it keeps the agent's process alive. */
  setReferenced(isReferenced: boolean): void {
    this.body.setReferenced(isReferenced);
  }

  /** Adds a sample to the curve of what runs. `rssBytes`: of the process that it runs in. */
  sample(now: number, rssBytes: number): void {
    const { heapBytes, bufferBytes } = this.memory;
    this.curve.add({ at: now, heapBytes, bufferBytes, rssBytes });
  }

  /**
   * Looks where it is, also when it is busy, and what it holds: which is then its last sign of life. Null: it waits, or
   * that cannot be learnt.
   */
  async look(): Promise<string | null> {
    const { work } = this;
    const found = await this.body.probe();
    if (found === null || this.work?.startedAt !== work?.startedAt) return null;
    if (found.heapBytes !== null && found.bufferBytes !== null) {
      this.memory = { at: clock(), heapBytes: found.heapBytes, bufferBytes: found.bufferBytes };
    }
    if (found.stack !== null) this.stack = withoutOuterFrames(found.stack);
    return found.stack === null ? null : this.stack;
  }

  private begin(): void {
    this.curve.clear();
    this.stack = null;
  }

  private receive(message: FromSlot): void {
    switch (message.kind) {
      case "memory":
        this.memory = { at: clock(), heapBytes: message.heapBytes, bufferBytes: message.bufferBytes };
        return;
      case "answered":
      case "refused": {
        const call = this.calls.get(message.call);
        this.calls.delete(message.call);
        this.call_ = null;
        if (message.kind === "answered") call?.resolve(message.value);
        else call?.reject(fromErrorData(message.error));
        return;
      }
      case "progress":
        if (this.attempt?.attempt === message.attempt) {
          this.attempt = { ...this.attempt, recordsIn: message.recordsIn, bytesIn: message.bytesIn };
        }
        break;
      case "printed":
        this.lines.add(message.text);
        break;
      case "finished":
      case "failed":
        this.attempt = null;
        break;
      case "ready":
        return;
    }
    this.listener(message);
  }

  private conclude(end: BodyEnd): SlotEnd {
    const facts: SlotFacts = {
      isolation: this.body.isolation,
      slot: this.slot,
      heapLimitBytes: this.heapLimitBytes,
      end,
      reason: this.reason,
      work: this.work,
      now: clock(),
      memory: this.curve.samples(),
      lastLines: this.lines.lines(),
      stack: this.stack,
    };
    this.end = { error: slotError(facts), isExternal: isExternal(facts), unbegun: end.unbegun ?? [] };
    this.attempt = null;
    this.call_ = null;
    for (const call of this.calls.values()) call.reject(fromErrorData(this.end.error));
    this.calls.clear();
    return this.end;
  }
}

/** Without the frames that called the user's code, if any is the user's: they are the same in every stack. */
function withoutOuterFrames(stack: string): string {
  const lines = stack.split("\n");
  const last = lines.findLastIndex((line) => userFrames(line).length > 0);
  return last === -1 ? stack : lines.slice(0, last + 1).join("\n");
}
