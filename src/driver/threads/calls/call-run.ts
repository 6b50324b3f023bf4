// One call that runs in a slot: its clock, its signal, and the ways in which it can fail besides throwing.

import { ShoalError } from "../../../errors.ts";
import type { CallContext } from "../../../executor/call-context.ts";
import type { FromCallSlot, TargetRef } from "../../../protocol/calls.ts";
import type { SharedCalls } from "./shared-calls.ts";
import type { StreamSource } from "./stream-source.ts";

export interface RunPorts {
  readonly slot: number;
  readonly shared: SharedCalls | null;
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
  /** What made it fail besides throwing, whatever its function does. */
  failedWith: { readonly error: unknown } | null = null;
  private readonly ports: RunPorts;
  private controller: AbortController | null = null;
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
    this.stream?.stop();
    this.abortController.abort(new ShoalError("CANCELLED", `the call was aborted: ${reason}`));
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
    const controller = this.abortController;
    if (!controller.signal.aborted && this.ports.shared?.isAborted(this.ticket) === true)
      controller.abort(new ShoalError("CANCELLED", "the call was aborted"));
    return controller.signal;
  }

  private get abortController(): AbortController {
    return (this.controller ??= new AbortController());
  }
}
