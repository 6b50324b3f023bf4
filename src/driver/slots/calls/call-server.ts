// Runs the calls of a slot. Owner of: the calls that have begun here and not ended.
//
// Small answers go through shared memory, others beside it or, without shared memory, as messages.

import { unwrapAll, unwrapBuffers, wrapBuffers, type Moving } from "../../../data/calls/buffers.ts";
import { writeValue, readValues } from "../../../data/calls/values.ts";
import { isMoved, transferables } from "../../../data/calls/moved.ts";
import { requirePortable } from "../../../data/portable.ts";
import { loadFunction, type UserFunction } from "../../../executor/functions.ts";
import { ShoalError } from "../../../errors.ts";
import { setCallContext } from "../../../executor/call-context.ts";
import {
  callForms,
  type FromCallSlot,
  type NestedResult,
  type TargetRef,
  type ToCallSlot,
} from "../../../protocol/calls.ts";
import { CallRun, type RunPorts } from "./call-run.ts";
import { runBatch } from "./call-batch.ts";
import { wrapped } from "./message-values.ts";
import { NestedPlane } from "./nested-plane.ts";
import { payloadMax, type SharedCalls } from "./shared-calls.ts";
import { Spin } from "./spin.ts";
import { isStream, StreamSource } from "./stream-source.ts";
import { userThrown } from "./user-thrown.ts";

export interface ServerPorts {
  readonly slot: number;
  readonly shared: SharedCalls | null;
  send(message: FromCallSlot, transfer?: readonly ArrayBuffer[]): void;
  /** What is too large for shared memory, in both directions, in the order of what announces it. */
  readonly payloads: {
    next(): unknown;
    post(value: unknown, transfer: readonly ArrayBuffer[]): void;
  };
  /** Whether that call was the last that was told to stop: for code that computes and takes no message. */
  isAborted(ticket: number): boolean;
  /** Whether the thread lives on while nothing but messages could come. */
  keepAlive(isKept: boolean): void;
  /** The thread is this slot's alone: what connects in it is a call. */
  readonly isOwnThread: boolean;
}

interface Target {
  ref: TargetRef | null;
  /** Undefined until it is loaded. */
  fn: UserFunction | undefined;
  readonly defined: Promise<TargetRef>;
  readonly loaded: Promise<UserFunction>;
  define(ref: TargetRef): void;
}

/**
 * Computing goes on without a turn of the event loop for no longer than this: the shorter time while calls wait for
 * something, which may have come; a turn after a pause costs as much as ten small calls.
 */
const sliceMs = 20;
const sliceWhileWaitingMs = 5;
/**
 * After a call the thread blocks for the next one, which wakes it in a third of the time that its event loop takes; not
 * longer than this, since timers and sockets of the user's module wait meanwhile.
 */
const blockMs = 2;

export class CallServer {
  private readonly ports: ServerPorts;
  private readonly targets: (Target | undefined)[] = [];
  private readonly runs = new Map<number, CallRun>();
  private readonly invoked: (ToCallSlot & { kind: "invoke" })[] = [];
  private wake: () => void = () => {};
  private current: CallRun | null = null;

  private readonly nested: NestedPlane;
  private readonly runPorts: RunPorts;
  private readonly spin = new Spin();
  /** Calls that wait for messages. */
  private blocked = 0;

  constructor(ports: ServerPorts) {
    const send = (message: FromCallSlot, transfer: readonly ArrayBuffer[] = []): void => {
      const moving: Moving = { isMove: transfer.length > 0, buffers: [...transfer] };
      ports.send(wrapped(message, moving), moving.buffers);
    };
    this.ports = { ...ports, send };
    this.runPorts = {
      slot: ports.slot,
      isAborted: ports.isAborted,
      send,
      onBlocked: (by) => {
        this.blocked += by;
        this.keepAlive();
      },
    };
    this.nested = new NestedPlane(send, () => this.current);
    if (ports.isOwnThread) this.nested.announce();
  }

  /** No call runs. */
  get isIdle(): boolean {
    return this.current === null && this.runs.size === 0;
  }

  /** Makes the call that runs fail, whatever its function does. False: none runs. */
  fail(error: unknown): boolean {
    const run = this.current ?? this.runs.values().next().value;
    if (run === undefined) return false;
    run.fail(error);
    return true;
  }

  receive(message: ToCallSlot): void {
    switch (message.kind) {
      case "define":
        return this.target(message.target).define(message.ref);
      case "invoke":
        this.invoked.push({ ...message, args: unwrapAll(message.args) });
        this.ports.shared?.wake();
        return this.wake();
      case "take-back":
        return; // Who watches the slot knows what has begun, and answers.
      case "abort-call":
        return this.abort(message.ticket, message.reason);
      case "pull":
        return this.runs.get(message.ticket)?.stream?.pull(message.count);
      case "stop":
        return this.abort(message.ticket, "nobody reads its stream any more");
      case "nested-ended":
        return this.nested.receive(message.nested, unwrapBuffers(message.result) as NestedResult);
    }
  }

  /** The calls that it waits for are cancelled with it: nobody needs them any more. */
  private abort(ticket: number, reason: string): void {
    const run = this.runs.get(ticket);
    if (run === undefined) return;
    run.abort(reason);
    this.nested.cancelOf(run);
  }

  /** Takes calls for ever. */
  async serve(): Promise<void> {
    let sliceBegan = performance.now();
    let mayBlock = false;
    for (;;) {
      const over = this.next();
      if (over === null) {
        if (mayBlock && this.blockForCall()) continue;
        await (mayBlock ? turn() : this.callComes());
        mayBlock = false;
        sliceBegan = performance.now();
        continue;
      }
      mayBlock = true;
      if (over !== done) await over; // maybe without a turn of the event loop
      const slice = this.runs.size > 0 ? sliceWhileWaitingMs : sliceMs;
      if (performance.now() - sliceBegan < slice) continue;
      await turn();
      sliceBegan = performance.now();
    }
  }

  /** Runs the next call. Null: there is none. A promise: it is under way until that settles. */
  private next(): Promise<unknown> | typeof done | null {
    const message = this.invoked.shift();
    if (message !== undefined) {
      const { ticket, target, form, args } = message;
      return this.begin(ticket, target, callForms.indexOf(form), args, -1);
    }
    const { shared } = this.ports;
    if (shared === null) return null;
    const entry = shared.begin(() => this.nextPayload());
    if (entry < 0) return null;
    const args = shared.length(entry) < 0 ? this.nextPayload() : readValues(shared, shared.payload(entry));
    const ticket = shared.ticket(entry);
    if (args !== null) return this.begin(ticket, shared.target(entry), shared.form(entry), args, entry);
    const run = new CallRun(ticket, entry, this.runPorts);
    this.threw(
      run,
      new ShoalError("VALUE_INVALID", "the arguments cannot be read in the slot: they did not arrive whole"),
    );
    return done;
  }

  /** The next arguments that came as a message; null: they cannot be read. */
  private nextPayload(): readonly unknown[] | null {
    try {
      return unwrapAll(this.ports.payloads.next() as readonly unknown[]);
    } catch {
      return null; // their memory was moved elsewhere, or there is none left for them here
    }
  }

  /** Whether a call came. False: look at messages first. */
  private blockForCall(): boolean {
    const { shared } = this.ports;
    if (shared === null || this.runs.size > 0) return false;
    if (this.spin.until(() => shared.hasOrder())) return true;
    if (!shared.listen()) return true;
    shared.blockForOrder(blockMs);
    return shared.hasOrder();
  }

  private async callComes(): Promise<void> {
    const { shared } = this.ports;
    if (shared === null) return await new Promise<void>((resolve) => (this.wake = resolve));
    if (!shared.listen()) return;
    await shared.orderComes();
    shared.unlisten();
  }

  private begin(
    ticket: number,
    target: number,
    form: number,
    args: readonly unknown[],
    entry: number,
  ): Promise<unknown> | typeof done {
    const found = this.target(target);
    const run = new CallRun(ticket, entry, this.runPorts);
    if (found.fn === undefined) return this.beginLater(run, found, form, args);
    this.current = run;
    run.beginsAt = performance.now();
    let result: unknown;
    try {
      setCallContext(run.of(found.ref!));
      const { fn } = found; // called as itself, not as a method
      result = this.nested.within(run, () =>
        form === 0 ? fn(...args) : runBatch(fn, args[0] as readonly unknown[], form === 2, run),
      );
    } catch (error) {
      this.threw(run, error);
      return done;
    } finally {
      setCallContext(null);
      this.current = null;
    }
    if (typeof result === "object" && result !== null && isLater(result)) return this.waitFor(run, result);
    this.returned(run, result);
    return done;
  }

  /** The first call of a target waits for its module. */
  private async beginLater(run: CallRun, target: Target, form: number, args: readonly unknown[]) {
    this.runs.set(run.ticket, run);
    run.isLoading = true;
    run.beginsAt = performance.now();
    try {
      await this.untilDefined(target);
      await Promise.race([target.loaded, run.failure]);
    } catch (error) {
      return this.threw(run, error);
    } finally {
      this.runs.delete(run.ticket);
      this.keepAlive();
    }
    const { ticket, entry } = run;
    const over = this.begin(ticket, this.targets.indexOf(target), form, args, entry);
    if (over !== done) await over;
  }

  /** What the target is comes as a message, maybe later than the call. */
  private async untilDefined({ ref, defined }: Target): Promise<void> {
    if (ref === null) {
      this.runPorts.onBlocked(1);
      await defined;
      this.runPorts.onBlocked(-1);
    } else this.keepAlive();
  }

  /** Settles when the call has ended, or lets others run meanwhile. */
  private waitFor(run: CallRun, result: object): Promise<unknown> {
    this.runs.set(run.ticket, run);
    this.keepAlive();
    const ended = this.untilEnded(run, result).finally(() => {
      this.runs.delete(run.ticket);
      this.keepAlive();
    });
    return Promise.race([ended, run.letsOthersRun]);
  }

  private async untilEnded(run: CallRun, result: object): Promise<void> {
    try {
      const value = isStream(result) ? result : await Promise.race([result, run.failure]);
      if (!isStream(value)) return this.returned(run, value);
      run.stream = new StreamSource(value, run, this.ports);
      this.streaming(run);
      const { stream } = run;
      await Promise.race([this.nested.within(run, () => stream.run()), run.failure]);
      this.ports.send({ kind: "returned", ticket: run.ticket, value: undefined, runMicros: null });
    } catch (error) {
      this.threw(run, error);
    }
  }

  /** While user code alone can make anything happen, the thread's loop may run empty: that is how it is found out. */
  private keepAlive(): void {
    this.ports.keepAlive(this.runs.size === 0 || this.blocked > 0);
  }

  private streaming(run: CallRun): void {
    if (run.entry < 0) this.ports.send({ kind: "streaming", ticket: run.ticket });
    else this.ports.shared!.answer(run.entry, "stream", 0, null);
    run.entry = -1;
  }

  private returned(run: CallRun, result: unknown): void {
    if (run.failedWith !== null) return this.threw(run, run.failedWith.error);
    let value = result;
    let transfer: readonly ArrayBuffer[] = [];
    try {
      if (isMoved(result)) {
        value = result.value;
        transfer = transferables(value, "the result");
      }
      requirePortable(value, "the result");
      this.answer(run, value, transfer);
    } catch (error) {
      this.threw(run, error);
    }
  }

  /** Throws what cannot be sent; nothing was sent then. */
  private answer(run: CallRun, value: unknown, transfer: readonly ArrayBuffer[]): void {
    const { shared } = this.ports;
    if (run.entry < 0 || shared === null) {
      return this.ports.send(
        { kind: "returned", ticket: run.ticket, value, runMicros: run.micros() },
        transfer,
      );
    }
    const start = shared.payload(run.entry);
    const end = transfer.length > 0 ? -1 : writeValue(shared, value, start, start + payloadMax);
    if (end < 0) this.postPayload(value, transfer);
    shared.rest();
    shared.answer(run.entry, end < 0 ? "value-message" : "value", end - start, run.micros());
  }

  private threw(run: CallRun, error: unknown): void {
    const thrown = userThrown(run.failedWith?.error ?? error);
    const { shared } = this.ports;
    if (run.entry < 0 || shared === null) {
      return this.ports.send({ kind: "threw", ticket: run.ticket, thrown, runMicros: run.micros() });
    }
    this.postPayload(thrown, []);
    shared.rest();
    shared.answer(run.entry, "thrown-message", 0, run.micros());
  }

  private postPayload(value: unknown, transfer: readonly ArrayBuffer[]): void {
    const moving: Moving = { isMove: transfer.length > 0, buffers: [...transfer] };
    this.ports.payloads.post(wrapBuffers(value, moving), moving.buffers);
  }

  private target(number: number): Target {
    return (this.targets[number] ??= newTarget());
  }
}

/** One turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The call has ended already. */
const done = Symbol("done");

const isLater = (result: object): boolean =>
  typeof (result as { then?: unknown }).then === "function" || isStream(result);

function newTarget(): Target {
  let begin: (ref: TargetRef) => void = () => {};
  const defined = new Promise<TargetRef>((resolve) => (begin = resolve));
  const target: Target = {
    ref: null,
    fn: undefined,
    defined,
    loaded: defined.then(async (ref) => (target.fn = await loadFunction(ref))),
    define: (ref) => {
      target.ref = ref;
      begin(ref);
    },
  };
  target.loaded.catch(() => {}); // told by each call that waits for it
  return target;
}
