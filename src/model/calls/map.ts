// map(): a remote function over many inputs: batches of about 50 ms, a bounded number of them under way or unread, results
// as they are pulled.
//
//   inputs ──take──▶ batch ──call──▶ slot ──▶ batch of results ──▶ next()
//            └──────── no more than `concurrency` batches in between ──────┘
//
// Owner of: the batches between the input and the reader.

import { fromThrown } from "../../data/calls/thrown.ts";
import { ShoalError } from "../../errors.ts";
import type { BatchResult } from "../../protocol/calls.ts";
import { allFailed, invalidItems, merged, withInvalid } from "./batch-outcome.ts";
import { BatchSize, batchMax } from "./batch-size.ts";
import { ItemSource, type Inputs } from "./item-source.ts";
import type { MapJournal } from "./map-journal.ts";
import { MapMeter, type MapProgress } from "./map-progress.ts";
import { check, checkWhole, isWhole } from "../option-checks.ts";
import { checkCallOptions, type CallOptions } from "./options.ts";
import type { RemoteRef } from "./remote.ts";

export interface MapOptions extends Omit<CallOptions, "transfer"> {
  /** Results in the order of the inputs (default), or as they come. */
  readonly ordered?: boolean;
  /** Batches that are under way, or done and unread, at most. Default: twice the slots. 1 to 10,000. */
  readonly concurrency?: number;
  /** Items of a batch. Default: as many as take about 50 ms. 1 to 4,096. */
  readonly batch?: number;
  /**
   * "throw" (default): the first item that fails ends the map with its error. "skip": it is left out. "collect": results
   * are MapOutcomes, of items that failed too.
   */
  readonly onError?: "throw" | "skip" | "collect";
  /** How many inputs there are, where the input does not tell: for progress. */
  readonly total?: number;
  /** Called at most ten times a second, and at the end. */
  readonly onProgress?: (progress: MapProgress) => void;
  /**
   * Results are journaled under this name in the state directory: when the program was killed and is run again, items that
   * were done are not done again, as long as the function's code and the item are the same.
   */
  readonly resume?: string;
  /** One line: what is kept of an earlier run. */
  readonly onNote?: (line: string) => void;
}

/** What became of one item, with onError "collect". */
export type MapOutcome<T> =
  | { readonly ok: true; readonly index: number; readonly value: T }
  | { readonly ok: false; readonly index: number; readonly error: unknown };

export interface MapSettings {
  readonly fn: RemoteRef;
  /** How many there are, now. */
  readonly slots: () => number;
  /** Opens the journal of a map that resumes. */
  readonly journal: ((name: string) => Promise<MapJournal>) | null;
}

interface Batch {
  readonly first: number;
  readonly items: readonly unknown[];
  /** What is to be read of it, once it is done. */
  results: readonly unknown[] | null;
  error: { readonly error: unknown } | null;
}

const nothing: BatchResult = { values: [], failures: [], runMicros: 0 };

export function checkMapOptions(options: MapOptions): void {
  checkCallOptions(options);
  const { concurrency, batch, onError, total, resume } = options;
  checkWhole("concurrency", concurrency, 1, 10_000);
  checkWhole("batch", batch, 1, batchMax);
  const isTotal = total === undefined || isWhole(total, 0, Number.MAX_SAFE_INTEGER);
  check(isTotal, "total", total, "an integer of 0 or more");
  const policies = [undefined, "throw", "skip", "collect"];
  check(policies.includes(onError), "onError", onError, '"throw", "skip" or "collect"');
  const isName =
    resume === undefined ||
    (typeof resume === "string" && /^[\w.-]{1,100}$/.test(resume) && !/^\.+$/.test(resume));
  check(isName, "resume", resume, "a name of letters, digits, dots, dashes and underscores, up to 100");
}

/** The results of a map, to be read once: by `for await`, `toArray()` or `forEach()`. Nothing runs before. */
export class MapResults<T> implements AsyncIterableIterator<T> {
  private readonly source: ItemSource<unknown>;
  private readonly settings: MapSettings;
  private readonly options: MapOptions;
  private readonly size: BatchSize;
  private readonly meter: MapMeter;
  private readonly stopping = new AbortController();
  /** Under way or unread, in the order of their inputs. */
  private batches: Batch[] = [];
  private underWay = 0;
  private current: { readonly results: readonly unknown[]; at: number } | null = null;
  /** Calls of next() that wait for a batch, and the last of them. */
  private asking = 0;
  private lastAsked: Promise<void> = Promise.resolve();
  private nextIndex = 0;
  private isFilling = false;
  private isSourceOver = false;
  private sourceError: { readonly error: unknown } | null = null;
  /** Thrown when the results before it have been read. */
  private failure: { readonly error: unknown } | null = null;
  private readonly signals: readonly AbortSignal[];
  private isOver = false;
  private journal: MapJournal | null = null;
  private wake: () => void = () => {};

  constructor(inputs: Inputs<unknown>, options: MapOptions, settings: MapSettings) {
    checkMapOptions(options);
    this.source = new ItemSource(inputs);
    this.settings = settings;
    this.options = options;
    this.size = new BatchSize(options.batch ?? null);
    this.meter = new MapMeter(options.total ?? this.source.total, options.onProgress ?? null);
    this.signals = [options.signal, settings.fn.options.signal].filter((signal) => signal !== undefined);
    for (const signal of this.signals) signal.addEventListener("abort", this.onAbort);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next result. Rejects with what an item or the input threw, or with the signal's reason. */
  next(): Promise<IteratorResult<T, undefined>> {
    const read = this.asking === 0 ? this.nextRead() : null;
    if (read !== null) return Promise.resolve(read);
    // Who asks ahead gets results in the order of asking.
    this.asking++;
    const next = this.lastAsked.then(() => this.nextAsked());
    this.lastAsked = next.then(
      () => {},
      () => {}, // told to who asked
    );
    return next;
  }

  private async nextAsked(): Promise<IteratorResult<T, undefined>> {
    try {
      return this.nextRead() ?? (await this.nextOfBatch());
    } finally {
      this.asking--;
    }
  }

  private nextRead(): IteratorResult<T, undefined> | null {
    const { current } = this;
    if (current === null || current.at === current.results.length) return null;
    return { done: false, value: current.results[current.at++] as T };
  }

  /** Ends it: what is under way is aborted, the input closed. */
  async return(): Promise<IteratorResult<T, undefined>> {
    await this.end(new ShoalError("CANCELLED", "the map's results are not read any more"));
    return { done: true, value: undefined };
  }

  /** All results. */
  async toArray(): Promise<T[]> {
    const all: T[] = [];
    for (let results = await this.unread(); results !== null; results = await this.unread())
      for (const result of results) all.push(result as T);
    return all;
  }

  /** Calls `each` with one result after the other; waits for it if it gives a promise. Returns how many there were. */
  async forEach(each: (result: T, index: number) => unknown): Promise<number> {
    let count = 0;
    try {
      for (let results = await this.unread(); results !== null; results = await this.unread()) {
        for (const result of results) {
          const done = each(result as T, count++);
          if (typeof (done as { then?: unknown } | null | undefined)?.then === "function") await done;
        }
      }
    } catch (error) {
      return await this.failWith(error);
    }
    return count;
  }

  /** What is left of the batch that `next()` gives, or the next one; null: there are no more. */
  private async unread(): Promise<readonly unknown[] | null> {
    const { current } = this;
    this.current = null;
    return current !== null && current.at < current.results.length
      ? current.results.slice(current.at)
      : await this.nextBatch();
  }

  private async nextOfBatch(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const results = await this.nextBatch();
      if (results === null) return { done: true, value: undefined };
      if (results.length === 0) continue;
      this.current = { results, at: 1 };
      return { done: false, value: results[0] as T };
    }
  }

  /** The results of the next batch that is done; null: there are no more. */
  private async nextBatch(): Promise<readonly unknown[] | null> {
    for (;;) {
      if (this.isOver) return null;
      const aborted = this.signals.find((signal) => signal.aborted);
      if (aborted !== undefined) return await this.failWith(aborted.reason);
      if (this.failure !== null) return await this.failWith(this.failure.error);
      void this.fill();
      const batch = this.takeDone();
      if (batch === null && this.sourceError !== null && this.batches.length === 0)
        return await this.failWith(this.sourceError.error);
      if (batch === null && this.isSourceOver && this.batches.length === 0) {
        await this.finish();
        return null;
      }
      if (batch === null) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      if (batch.error !== null) {
        this.failure = batch.error;
        this.stopping.abort(batch.error.error);
      } else void this.fill(); // its room is free
      if (batch.results !== null) return batch.results;
    }
  }

  private takeDone(): Batch | null {
    const isDone = ({ results, error }: Batch): boolean => results !== null || error !== null;
    const at = this.options.ordered === false ? this.batches.findIndex(isDone) : 0;
    const batch = this.batches[at];
    if (batch === undefined || !isDone(batch)) return null;
    this.batches.splice(at, 1);
    return batch;
  }

  /** Takes input while there is room for batches. */
  private async fill(): Promise<void> {
    if (this.isFilling || this.isSourceOver || this.isOver || this.failure !== null) return;
    this.isFilling = true;
    try {
      await this.open();
      const most = this.options.concurrency ?? 2 * this.settings.slots();
      while (!this.isOver && this.failure === null && this.batches.length < most) {
        const items = await this.source.take(this.size.size);
        if (items.length === 0) {
          this.isSourceOver = true;
          break;
        }
        if (this.isOver) break;
        const batch: Batch = { first: this.nextIndex, items, results: null, error: null };
        this.nextIndex += items.length;
        this.batches.push(batch);
        this.underWay++;
        void this.run(batch);
      }
    } catch (error) {
      this.sourceError = { error };
      this.isSourceOver = true;
    } finally {
      this.isFilling = false;
      if (this.isSourceOver) this.wake();
    }
  }

  private async open(): Promise<void> {
    const { resume } = this.options;
    if (resume === undefined || this.journal !== null) return;
    this.journal = await this.settings.journal!(resume);
    if (this.isOver) return await this.journal.close(false);
    if (this.journal.note !== null) this.options.onNote?.(this.journal.note);
  }

  private async run(batch: Batch): Promise<void> {
    try {
      const result = await this.resultOf(batch);
      this.meter.add(batch.items.length, result.failures.length);
      this.decide(batch, result);
    } catch (error) {
      batch.error = { error };
    }
    this.underWay--;
    this.wake();
  }

  private async resultOf({ first, items }: Batch): Promise<BatchResult> {
    const { journal } = this;
    const ask = (some: readonly unknown[]): Promise<BatchResult> =>
      journal === null ? this.call(some) : journal.resume(first, some, (missing) => this.call(missing));
    try {
      return await ask(items);
    } catch (error) {
      const isThrown = (this.options.onError ?? "throw") === "throw";
      const invalid = invalidItems(items, first);
      if (invalid.length > 0) {
        // Nothing was sent.
        if (isThrown) throw invalid[0]!.error;
        const places = new Set(invalid.map(({ at }) => at));
        const others = items.filter((_item, at) => !places.has(at));
        const result = others.length === 0 ? nothing : await this.call(others);
        return withInvalid(items.length, invalid, result);
      }
      const result = isThrown || this.stopping.signal.aborted ? null : allFailed(items.length, error);
      if (result === null) throw error;
      return result;
    }
  }

  private async call(items: readonly unknown[]): Promise<BatchResult> {
    const { onError = "throw", deadlineMs, priority } = this.options;
    const { fn } = this.settings;
    const { transfer: _none, ...bound } = fn.options;
    const retries = this.options.retries ?? bound.retries ?? 0;
    const options: CallOptions = {
      ...bound,
      signal: this.stopping.signal,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(priority === undefined ? {} : { priority }),
      retries,
    };
    const isUntil = onError === "throw" && retries === 0;
    const ask = async (some: readonly unknown[]): Promise<BatchResult> =>
      (await fn.start(isUntil ? "until" : "each", [some], options, null).promise) as BatchResult;
    let result = await ask(items);
    this.size.learn(items.length, result.runMicros);
    for (let tries = 0; tries < retries && result.failures.length > 0; tries++) {
      result = merged(result, await ask(result.failures.map(({ at }) => items[at])));
    }
    return result;
  }

  /** What is read of a batch, as `onError` says. */
  private decide(batch: Batch, { values, failures }: BatchResult): void {
    const { onError = "throw" } = this.options;
    if (failures.length === 0 && onError !== "collect") {
      batch.results = values;
      return;
    }
    if (onError === "throw") {
      const { at, thrown } = failures[0]!;
      batch.results = values.slice(0, at);
      batch.error = { error: fromThrown(thrown, null) };
      return;
    }
    const failed = new Map(failures.map(({ at, thrown }) => [at, thrown]));
    if (onError === "skip") {
      batch.results = values.filter((_value, at) => !failed.has(at));
      return;
    }
    batch.results = values.map((value, at): MapOutcome<unknown> => {
      const thrown = failed.get(at);
      const index = batch.first + at;
      return thrown === undefined
        ? { ok: true, index, value }
        : { ok: false, index, error: fromThrown(thrown, null) };
    });
  }

  private readonly onAbort = (): void => {
    this.stopping.abort(this.signals.find((signal) => signal.aborted)?.reason);
    this.wake();
  };

  private async finish(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.unlisten();
    this.meter.end();
    await this.journal?.close(true);
  }

  private async end(reason: unknown): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.unlisten();
    this.stopping.abort(reason);
    this.batches = [];
    this.current = null;
    this.wake();
    try {
      await this.source.close();
    } finally {
      await this.journal?.close(false);
    }
  }

  private async failWith(error: unknown): Promise<never> {
    try {
      await this.end(error);
    } catch {
      // The first error is the one that counts.
    }
    throw error;
  }

  private unlisten(): void {
    for (const signal of this.signals) signal.removeEventListener("abort", this.onAbort);
  }
}
