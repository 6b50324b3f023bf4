// Items from whatever map() was given, in batches: iterables, async iterables, web streams. Nothing is taken before it
// is asked for.
//
// Owner of: the place in the input.

import { ShoalError } from "../../errors.ts";

export type Inputs<T> = Iterable<T> | AsyncIterable<T> | ReadableStream<T>;

/** A slow source: a batch that has items waits no longer for the next one. */
const patienceMs = 5;

export class ItemSource<T> {
  /** Items in all, where the input tells. */
  readonly total: number | null;
  private readonly iterator: Iterator<T> | AsyncIterator<T>;
  private readonly isSync: boolean;
  private early: Promise<IteratorResult<T>> | null = null;
  private isOver = false;

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

  /** The next items, at most `max`; empty: there are no more. Rejects with what the input throws. */
  async take(max: number): Promise<T[]> {
    const items: T[] = [];
    if (this.isOver) return items;
    if (this.isSync) {
      this.takeSync(items, max);
      return items;
    }
    while (items.length < max) {
      const next = this.early ?? (this.iterator as AsyncIterator<T>).next();
      this.early = next;
      const step = items.length === 0 ? await next : await orLate(next);
      if (step === late) return items;
      this.early = null;
      if (step.done === true) {
        this.isOver = true;
        return items;
      }
      items.push(step.value);
    }
    return items;
  }

  /** Nobody wants more. */
  async close(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.early?.catch(() => {});
    await this.iterator.return?.();
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

async function orLate<T>(next: Promise<T>): Promise<T | typeof late> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<typeof late>((resolve) => (timer = setTimeout(resolve, patienceMs, late)));
  try {
    return await Promise.race([next, patience]);
  } finally {
    clearTimeout(timer);
  }
}
