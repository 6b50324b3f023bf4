// One call that runs in a slot: its clock, its signal, and the ways in which it can fail besides throwing.

import { ShoalError } from "../../../errors.ts";
import { setCallContext, type CallContext } from "../../../executor/call-context.ts";
import type { FromCallSlot, TargetRef } from "../../../protocol/calls.ts";
import type { StreamSource } from "./stream-source.ts";

export interface RunPorts {
  readonly slot: number;
  /** Whether it was told to stop, as far as that can be known while its messages wait. */
  isAborted(ticket: number): boolean;
  send(message: FromCallSlot): void;
  /** A call began or ceased to wait for messages. */
  onBlocked(by: 1 | -1): void;
}

export class CallRun implements CallContext {
  readonly ticket: number;
  /** Its entry in shared memory; −1: it is answered by messages. */
  entry: number;
  beginsAt = 0;
  module = "";
  name = "";
  stream: StreamSource | null = null;
  /** Its module is being loaded: aborted now, its function never begins. */
  isLoading = false;
  /** What made it fail besides throwing, whatever its function does. */
  failedWith: { readonly error: unknown } | null = null;
  private readonly ports: RunPorts;
  private controller: AbortController | null = null;
  private isAborted = false;
  private blocks = 0;
  private wasBlocked = false;
  private reject: ((error: unknown) => void) | null = null;
  private failurePromise: Promise<never> | null = null;
  private letOthers: (() => void) | null = null;
  private othersPromise: Promise<void> | null = null;

  constructor(ticket: number, entry: number, ports: RunPorts) {
    this.ticket = ticket;
    this.entry = entry;
    this.ports = ports;
  }

  /** How long it has run; null if it waited for others meanwhile. */
  micros(): number | null {
    return this.wasBlocked ? null : Math.round((performance.now() - this.beginsAt) * 1000);
  }

  fail(error: unknown): void {
    this.failedWith ??= { error };
    this.reject?.(this.failedWith.error);
  }

  get slot(): number {
    return this.ports.slot;
  }

  of({ module, name }: TargetRef): this {
    this.module = module;
    this.name = name;
    return this;
  }

  /** Nobody waits for it any more. */
  get isStopped(): boolean {
    this.look();
    return this.isAborted;
  }

  /** Runs a part of it that begins after an await. */
  within<T>(work: () => T): T {
    setCallContext(this);
    try {
      return work();
    } finally {
      setCallContext(null);
    }
  }

  /** Rejects when it fails besides throwing. */
  get failure(): Promise<never> {
    if (this.failurePromise === null) {
      this.failurePromise = new Promise((_resolve, reject) => (this.reject = reject));
      this.failurePromise.catch(() => {});
      if (this.failedWith !== null) this.reject!(this.failedWith.error);
    }
    return this.failurePromise;
  }

  abort(reason: string): void {
    const error = new ShoalError("CANCELLED", `the call was aborted: ${reason}`);
    this.stream?.stop();
    this.isAborted = true;
    this.abortController.abort(error);
    if (this.isLoading) this.fail(error);
  }

  /** Settles when it first waits for others. */
  get letsOthersRun(): Promise<void> {
    return (this.othersPromise ??=
      this.blocks > 0 ? Promise.resolve() : new Promise((resolve) => (this.letOthers = resolve)));
  }

  block(): void {
    this.wasBlocked = true;
    if (++this.blocks > 1) return;
    this.ports.onBlocked(1);
    this.ports.send({ kind: "blocked", ticket: this.ticket });
    this.letOthers?.();
  }

  unblock(): void {
    if (--this.blocks > 0) return;
    this.ports.onBlocked(-1);
    this.ports.send({ kind: "unblocked", ticket: this.ticket });
  }

  /** Code that computes without a pause takes no message: the flag in shared memory tells it. */
  get signal(): AbortSignal {
    this.look();
    return this.abortController.signal;
  }

  private get abortController(): AbortController {
    if (this.controller !== null) return this.controller;
    this.controller = new AbortController();
    lookFirst(this.controller.signal, () => this.look());
    return this.controller;
  }

  private look(): void {
    if (this.isAborted || !this.ports.isAborted(this.ticket)) return;
    this.isAborted = true;
    this.abortController.abort(new ShoalError("CANCELLED", "the call was aborted"));
  }
}

/** Code that took the signal once, and asks it again and again without a pause, is answered by `look`. */
function lookFirst(signal: AbortSignal, look: () => void): void {
  const { prototype } = AbortSignal;
  for (const name of ["aborted", "reason"] as const) {
    const { get } = Object.getOwnPropertyDescriptor(prototype, name)!;
    Object.defineProperty(signal, name, {
      configurable: true,
      get() {
        look();
        return get!.call(signal) as unknown;
      },
    });
  }
  Object.defineProperty(signal, "throwIfAborted", {
    configurable: true,
    value: () => {
      look();
      prototype.throwIfAborted.call(signal);
    },
  });
}
