// Items from whatever map() was given, in batches: iterables, async iterables, web streams. Nothing is taken before it
// is asked for.
//
// Owner of: the place in the input.

import { ShoalError } from "../../errors.ts";

export type Inputs<T> = Iterable<T> | AsyncIterable<T> | ReadableStream<T>;

/** A slow source: the first item of a batch waits no longer for others. */
const patienceMs = 5;

export class ItemSource<T> {
  /** Items in all, where the input tells. */
  readonly total: number | null;
  private readonly iterator: Iterator<T> | AsyncIterator<T>;
  private readonly isSync: boolean;
  private early: Promise<IteratorResult<T>> | null = null;
  private isOver = false;
  /** What the input threw, after items that are still to be taken. */
  private failure: { readonly error: unknown } | null = null;

  /** BAD_OPTION for what cannot be iterated. */
  constructor(inputs: Inputs<T>) {
    const given = inputs as Partial<AsyncIterable<T>> & Partial<Iterable<T>>;
    const makeAsync = given?.[Symbol.asyncIterator];
    const make = given?.[Symbol.iterator];
    if (typeof makeAsync === "function") this.iterator = makeAsync.call(inputs);
    else if (typeof make === "function" && typeof inputs !== "string") this.iterator = make.call(inputs);
    else {
      const received = inputs === null ? "null" : typeof inputs;
      throw new ShoalError(
        "BAD_OPTION",
        `the inputs of map() must be an iterable, an async iterable or a ReadableStream, received ${received}`,
      );
    }
    this.isSync = typeof makeAsync !== "function";
    this.total = Array.isArray(inputs)
      ? inputs.length
      : inputs instanceof Set || inputs instanceof Map
        ? inputs.size
        : null;
  }

  /** The next items, at most `max`; empty: there are no more. Rejects with what the input throws, after its items. */
  async take(max: number): Promise<T[]> {
    const items: T[] = [];
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure.error;
    if (this.isOver) return items;
    try {
      if (this.isSync) this.takeSync(items, max);
      else await this.takeAsync(items, max);
    } catch (error) {
      this.isOver = true;
      if (items.length === 0) throw error;
      this.failure = { error };
    }
    return items;
  }

  /** Nobody wants more. Does not wait for an item that is on its way. */
  async close(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    const closed = this.iterator.return?.();
    if (this.early === null) await closed;
    else for (const late of [closed, this.early]) Promise.resolve(late).catch(() => {}); // nobody is there to be told
  }

  private async takeAsync(items: T[], max: number): Promise<void> {
    const iterator = this.iterator as AsyncIterator<T>;
    let patience: Promise<typeof late> | null = null;
    let timer: NodeJS.Timeout | undefined;
    try {
      while (items.length < max) {
        const next = (this.early ??= iterator.next());
        if (items.length > 0)
          patience ??= new Promise((resolve) => (timer = setTimeout(resolve, patienceMs, late)));
        const step = patience === null ? await next : await Promise.race([next, patience]);
        if (step === late) return;
        this.early = null;
        if (step.done === true) {
          this.isOver = true;
          return;
        }
        items.push(step.value);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private takeSync(items: T[], max: number): void {
    const iterator = this.iterator as Iterator<T>;
    while (items.length < max) {
      const step = iterator.next();
      if (step.done === true) {
        this.isOver = true;
        return;
      }
      items.push(step.value);
    }
  }
}

const late = Symbol("late");
