// A call as the pool keeps it until it has settled.

import { ShoalError } from "../../../errors.ts";
import type { CallHandle, CallRequest } from "../../call-plane.ts";
import { StreamSink } from "./stream-sink.ts";

/** Where its call is: what a slot was given. */
export interface Carrier {
  pull(pending: PendingCall, count: number): void;
  stop(pending: PendingCall): void;
}

/** What a slot knows the call by. */
export const ticketOf = (call: number): number => call & 0x7fffffff;

interface Ended {
  readonly failure: { readonly error: unknown } | null;
}

const returned: Ended = { failure: null };

export class PendingCall implements CallHandle {
  readonly call: number;
  readonly request: CallRequest;
  readonly promise: Promise<unknown>;
  resolve!: (value: unknown) => void;
  reject!: (error: unknown) => void;
  /** Its entry in the shared memory of the slot that has it; −1: none. Written by the slot. */
  entry = -1;
  slot: Carrier | null = null;
  /** The number of the slot that it was last given to. Written by the pool. */
  lastSlot = -1;
  /** What its slot gave, until the dispatcher says what that means. */
  result: { readonly isThrown: boolean; readonly value: unknown } | null = null;
  /** What was moved by it, while a slot that is far away has it: a copy, so that it can go to another. Written by the slot. */
  moved: readonly unknown[] | null = null;
  private sink: StreamSink | null = null;
  private ended: Ended | null = null;
  /** Why it was ended from here, besides its signal. Written by the pool. */
  endReason: { readonly reason: unknown } | null = null;

  private readonly onAwaited: () => void;

  /** `onAwaited` is called when somebody begins to wait for an item of its stream. */
  constructor(call: number, request: CallRequest, onAwaited: () => void) {
    this.call = call;
    this.request = request;
    this.onAwaited = onAwaited;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** As slots know it. */
  get ticket(): number {
    return ticketOf(this.call);
  }

  stream(): AsyncGenerator<unknown, void, undefined> {
    return this.openSink().read(this.promise);
  }

  /** The slot says that the call gives a stream. */
  get isStream(): boolean {
    return this.sink?.isOpen ?? false;
  }

  /** It gives a stream whose next item nobody waits for. */
  get isUnread(): boolean {
    return this.sink !== null && this.sink.isOpen && !this.sink.isAwaited;
  }

  stop(): void {
    this.promise.catch(() => {}); // of no interest any more
    this.openSink().stop();
  }

  openSink(): StreamSink {
    if (this.sink !== null) return this.sink;
    this.sink = new StreamSink({
      pull: (count) => this.slot?.pull(this, count),
      stop: () => this.slot?.stop(this),
      awaited: this.onAwaited,
    });
    if (this.ended !== null) this.endSink(this.sink, this.ended);
    return this.sink;
  }

  /** The end of it all, one way … */
  succeed(value: unknown): void {
    this.end(returned);
    this.resolve(value);
  }

  /** … or the other. */
  fail(error: unknown): void {
    this.end({ failure: { error } });
    this.reject(error);
  }

  private end(ended: Ended): void {
    this.ended = ended;
    if (this.sink !== null) this.endSink(this.sink, ended);
  }

  /** Whoever reads the stream is told there; the promise is of no interest then. */
  private endSink(sink: StreamSink, { failure }: Ended): void {
    this.promise.catch(() => {});
    if (failure !== null) sink.fail(failure.error);
    else if (sink.isOpen) sink.end();
    else sink.fail(noStream(this.request.target.ref.name));
  }
}

const noStream = (name: string): ShoalError =>
  new ShoalError("USER_ERROR", `${name} gave a value, and was read as a stream`, {
    hint: "Await the call, or make the function a generator.",
  });
