// The caller's end of a stream: asks for items as they are read, a bounded number ahead.

export interface StreamOrders {
  pull(count: number): void;
  stop(): void;
  /** The reader waits for an item. */
  awaited(): void;
}

/** Items that are asked for ahead of the reader. More are asked for when half of them have been read. */
const aheadMax = 128;

export class StreamSink {
  isOpen = false;
  /** The reader waits for an item. */
  isAwaited = false;
  private readonly orders: StreamOrders;
  private items: unknown[] = [];
  private at = 0;
  private end_: { readonly isFailure: boolean; readonly error: unknown } | null = null;
  private wake: () => void = () => {};
  private isRead = false;
  private isStopped = false;
  /** Read since items were last asked for. */
  private owed = 0;

  constructor(orders: StreamOrders) {
    this.orders = orders;
  }

  /** The slot has begun to give a stream. */
  open(): void {
    this.isOpen = true;
    if (this.isStopped) this.orders.stop();
    else if (this.isRead) this.orders.pull(aheadMax);
  }

  push(items: readonly unknown[]): void {
    if (this.isStopped) return;
    if (this.at === this.items.length) {
      this.items = [...items];
      this.at = 0;
    } else for (const item of items) this.items.push(item);
    this.wake();
  }

  end(): void {
    this.end_ ??= { isFailure: false, error: null };
    this.wake();
  }

  fail(error: unknown): void {
    this.end_ ??= { isFailure: true, error };
    this.wake();
  }

  /** The items in order; then what the source threw, if it did. Leaving the loop ends the source. */
  async *read(started: Promise<unknown>): AsyncGenerator<unknown, void, undefined> {
    started.catch(() => {}); // told here, by `fail`
    this.isRead = true;
    if (this.isOpen) this.orders.pull(aheadMax);
    try {
      for (;;) {
        if (this.at < this.items.length) {
          const item = this.items[this.at];
          this.items[this.at++] = undefined;
          if (++this.owed >= aheadMax / 2) this.askForMore();
          yield item;
        } else if (this.end_ !== null) {
          if (this.end_.isFailure) throw this.end_.error;
          return;
        } else await this.itemComes();
      }
    } finally {
      this.stop();
    }
  }

  /** Nobody reads it any more. Its source is closed, now or when it begins. */
  stop(): void {
    if (this.isStopped || this.end_ !== null) return;
    this.isStopped = true;
    this.items = [];
    this.at = 0;
    if (this.isOpen) this.orders.stop();
  }

  private async itemComes(): Promise<void> {
    this.isAwaited = true;
    this.orders.awaited();
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.isAwaited = false;
  }

  private askForMore(): void {
    this.orders.pull(this.owed);
    this.owed = 0;
  }
}
