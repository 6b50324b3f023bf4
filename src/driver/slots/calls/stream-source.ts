// The slot's end of a stream: takes items from what the function returned, as far as they are pulled, and sends them.
//
// Backpressure: no more items are taken than the reader has asked for. While it has not, the call is blocked, so that
// streams nobody reads keep no slot.

import { requirePortable } from "../../../data/portable.ts";
import type { CallRun } from "./call-run.ts";
import type { FromCallSlot } from "../../../protocol/calls.ts";

type Stream = AsyncIterable<unknown> | Iterator<unknown>;

/** Sent together at most. */
const batchMax = 64;
/** An item waits no longer than this for others to be sent with. */
const waitMaxMs = 2;

/** Iterators and async iterables; not the arrays, strings, maps and sets that are values. */
export const isStream = (value: unknown): value is Stream =>
  typeof value === "object" &&
  value !== null &&
  (typeof (value as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === "function" ||
    (typeof (value as { next?: unknown }).next === "function" && Symbol.iterator in value));

export class StreamSource {
  private readonly iterator: AsyncIterator<unknown> | Iterator<unknown>;
  private readonly call: CallRun;
  private readonly send: (message: FromCallSlot) => void;
  private credit = 0;
  private isStopped = false;
  private wake: (() => void) | null = null;
  private batch: unknown[] = [];
  private isFlushing = false;
  private flushedAt = performance.now();

  constructor(stream: Stream, call: CallRun, { send }: { send(message: FromCallSlot): void }) {
    this.call = call;
    this.send = send;
    this.iterator =
      Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : (stream as Iterator<unknown>);
  }

  pull(count: number): void {
    this.credit += count;
    this.wake?.();
  }

  /** Nobody reads it any more. */
  stop(): void {
    this.isStopped = true;
    this.wake?.();
  }

  /** Settles when the stream is over or nobody reads it any more; rejects with what it throws. */
  async run(): Promise<void> {
    for (;;) {
      if (this.credit === 0 && !this.isStopped) await this.untilPulled();
      if (this.isStopped) {
        await this.iterator.return?.();
        return;
      }
      const { done, value } = await this.next();
      if (done === true) return this.flush();
      try {
        requirePortable(value, "an item of the stream");
      } catch (error) {
        await this.failWith(error);
      }
      this.credit--;
      this.batch.push(value);
      // A source that computes leaves no turn of the event loop to flush in.
      if (this.batch.length >= batchMax || performance.now() - this.flushedAt > waitMaxMs) this.flush();
      else this.flushSoon();
    }
  }

  private async next(): Promise<IteratorResult<unknown>> {
    try {
      return await this.call.within(() => this.iterator.next());
    } catch (error) {
      this.flush();
      throw error;
    }
  }

  /** The source is closed; what it throws then is told less than why. */
  private async failWith(error: unknown): Promise<never> {
    this.flush();
    try {
      await this.iterator.return?.();
    } catch {
      // The first error is the one that counts.
    }
    throw error;
  }

  private async untilPulled(): Promise<void> {
    this.flush();
    this.call.block();
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = null;
    this.call.unblock();
  }

  /** At the next turn of the event loop: until then more may come. */
  private flushSoon(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    setImmediate(() => {
      this.isFlushing = false;
      this.flush();
    });
  }

  private flush(): void {
    this.flushedAt = performance.now();
    if (this.batch.length === 0) return;
    this.send({ kind: "items", ticket: this.call.ticket, items: this.batch });
    this.batch = [];
  }
}
