// Calls by number, in order of number. A Map does the same; but numbers come one after the other and calls leave in
// nearly that order, so that pages of an array find them without hashing, which with 100,000 calls is most of what an
// event costs: each look into so large a Map misses the processor's caches.
//
// A page is there while a call of it is: one that stays for long keeps its page, not all that came after it. The newest
// page stays even when it is empty.

import type { Call } from "./calls.ts";
import type { CallNumber } from "./events.ts";

const pageSize = 256;
const emptyPage: readonly (Call | undefined)[] = Array.from({ length: pageSize }, () => undefined);

interface Page {
  readonly number: number;
  readonly calls: (Call | undefined)[];
  count: number;
}

export class CallTable {
  private readonly pages = new Map<number, Page>();
  private newest: Page | null = null;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(call: CallNumber): Call | undefined {
    return this.page(call)?.calls[call % pageSize];
  }

  /** Numbers that are added only grow. */
  add(record: Call): void {
    const page = this.page(record.call) ?? this.turnPage(record.call);
    page.calls[record.call % pageSize] = record;
    page.count++;
    this.count++;
  }

  delete(call: CallNumber): void {
    const page = this.page(call);
    if (page?.calls[call % pageSize] === undefined) return;
    page.calls[call % pageSize] = undefined;
    page.count--;
    this.count--;
    if (page.count === 0 && page !== this.newest) this.pages.delete(page.number);
  }

  *[Symbol.iterator](): IterableIterator<Call> {
    for (const { calls, count } of this.pages.values()) {
      let left = count;
      for (let at = 0; left > 0 && at < pageSize; at++) {
        const call = calls[at];
        if (call === undefined) continue;
        left--;
        yield call;
      }
    }
  }

  private page(call: CallNumber): Page | undefined {
    const number = Math.floor(call / pageSize);
    return this.newest?.number === number ? this.newest : this.pages.get(number);
  }

  private turnPage(call: CallNumber): Page {
    if (this.newest?.count === 0) this.pages.delete(this.newest.number);
    const number = Math.floor(call / pageSize);
    this.newest = { number, calls: emptyPage.slice(), count: 0 };
    this.pages.set(number, this.newest);
    return this.newest;
  }
}
