// Results on disk, by key: bounded, shared by all processes of a state directory, and never in the way. Whatever is
// wrong with it (a full disk, a damaged file), a result is not found, or not kept; it is said once, and nothing fails.
//
// Entries are in generations, tables of the database that are filled one after the other. When one has its share, the
// oldest is emptied at one stroke and filled next: that is all there is of eviction. An entry that is used while it lies
// in the older half is written again into the newest. So a hit costs a read, and a write only now and then; what is not
// used goes; and no entry needs a place in a list.
//
//   newest ──▶ ░░░▒  ▓▓▓▓  ▓▓▓▓  ▓▓▓▓ ◀── oldest, emptied next
//                 ▲─────used─────┘
//
// Which one is the newest is in a table of its own; processes that disagree for a moment lose an entry, not more. All
// generations are searched, the newest first.
//
// Owner of: the entries. Not here: what keys and results mean (model/calls), the file (result-database.ts), entries as
// bytes (result-entry.ts).

import fs from "node:fs";
import { writeEntry, readEntry, type Entry } from "./result-entry.ts";
import { abandon, currentFile, openDatabase, type ResultDatabase, type Table } from "./result-database.ts";

const generations = 4;
/** Older ones are written anew when they are used. */
const youngGenerations = 2;
/** All generations full take this part of the bound: a batch, and pages that are free but not yet used again, the rest. */
const filledPart = 3 / 4;
/** The bound is looked at whenever this part of it is going to have been written. */
const checkedPart = 1 / 64;
/** No batch takes more than this part of the bound, unless it is one entry; no entry takes more than twice of it. */
const batchPart = 1 / 32;
/** What may wait to be written; more is not kept. */
const waitingBytesMax = 64 * 2 ** 20;
/** A disk with less space than this is left alone. */
const diskReserveBytes = 64 * 2 ** 20;

const leavePeriodMs = 10;

const tableNames = ["state", ...Array.from({ length: generations }, (_none, n) => `generation-${n}`)];
const newestKey = Buffer.from("newest");

export interface ResultCacheSettings {
  readonly directory: string;
  /** Of all entries together. */
  readonly bytesMax: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called at most once: why results are not kept any more. */
  readonly onTrouble: (reason: string) => void;
  /** What the disk has left; for tests. */
  readonly diskFreeBytes?: (directory: string) => number;
}

interface Waiting {
  readonly key: Buffer;
  readonly entry: Buffer;
  readonly done: () => void;
}

const dropped = Promise.resolve();

export class ResultCache {
  private readonly settings: ResultCacheSettings;
  private readonly database: ResultDatabase;
  private readonly state: Table;
  private readonly tables: readonly Table[];
  private bytesMax: number;
  private newest: number;
  /** Reads go on when writes fail, but not in a file whose structure is broken. */
  private mode: "open" | "read-only" | "off" = "open";
  private waiting: Waiting[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> | null = null;
  private sinceCheck = Infinity;
  private leftAt = -Infinity;
  /** Keys that are being written anew. */
  private readonly renewing = new Set<string>();

  private constructor(settings: ResultCacheSettings, database: ResultDatabase) {
    this.settings = settings;
    this.database = database;
    [this.state, ...this.tables] = database.tables as [Table, ...Table[]];
    this.bytesMax = settings.bytesMax;
    this.newest = this.readNewest();
  }

  /** Throws if there can be no cache in the directory. */
  static async open(settings: ResultCacheSettings): Promise<ResultCache> {
    const { directory } = settings;
    const attempt = async (): Promise<ResultCache> =>
      new ResultCache(settings, await openDatabase(directory, tableNames));
    try {
      return await attempt();
    } catch (error) {
      if (!isBroken(error)) throw error;
      abandon(currentFile(directory));
      return await attempt();
    }
  }

  /** From now on. */
  setBound(bytesMax: number): void {
    if (bytesMax === this.bytesMax) return;
    this.bytesMax = bytesMax;
    this.sinceCheck = Infinity;
  }

  /** A copy of the result, if there is one that was made less than `ttlMs` ago. */
  get(key: Buffer, ttlMs: number): Uint8Array | null {
    if (this.mode === "off") return null;
    try {
      for (let age = 0; age < generations; age++) {
        const bytes = this.generation(age).getBinary(key);
        if (bytes === undefined) continue;
        const entry = readEntry(key, bytes);
        if (entry === null || !this.isFresh(entry, ttlMs)) continue; // an older generation may have a better one
        if (age >= youngGenerations) this.renew(key, bytes);
        return entry.result;
      }
    } catch (error) {
      this.trouble(error);
    } finally {
      this.leave();
    }
    return null;
  }

  /** Settles when the result can be found, or will not be. Never rejects. */
  async put(key: Buffer, result: Uint8Array): Promise<void> {
    await this.write(key, writeEntry(key, result, this.settings.now()));
  }

  /** Settles when nothing waits to be written. */
  async settled(): Promise<void> {
    while (this.writing !== null) await this.writing;
  }

  /** Of use to tests: the database is otherwise open until the process ends. */
  async close(): Promise<void> {
    await this.settled();
    const { mode } = this;
    this.mode = "off";
    // After a write that failed, LMDB would wait for it for ever.
    if (mode === "open") await this.database.root.close();
    this.database.marker.close();
  }

  private isFresh({ madeAt }: Entry, ttlMs: number): boolean {
    if (ttlMs === Infinity) return true;
    const age = this.settings.now() - madeAt;
    return age >= 0 && age < ttlMs; // from the future: a clock was wrong, and its age is not known
  }

  /** 0 is the newest. */
  private generation(age: number): Table {
    return this.tables[(this.newest - age + generations) % generations]!;
  }

  /**
   * While somebody reads, no page is used again that was in use when that began, and LMDB reads on until the event loop
   * turns, which code that computes puts off. To end it costs a timer; so not after each of many reads at once.
   */
  private leave(): void {
    const now = performance.now();
    if (this.mode === "off" || now - this.leftAt < leavePeriodMs) return;
    this.leftAt = now;
    try {
      this.database.root.resetReadTxn();
    } catch (error) {
      this.trouble(error);
    }
  }

  private renew(key: Buffer, bytes: Buffer): void {
    const name = key.toString("latin1");
    if (this.mode !== "open" || this.renewing.has(name)) return;
    this.renewing.add(name);
    void this.write(Buffer.from(key), bytes).finally(() => this.renewing.delete(name));
  }

  private write(key: Buffer, entry: Buffer): Promise<void> {
    const bytes = key.length + entry.length;
    if (this.mode !== "open" || bytes > this.bytesMax * batchPart * 2) return dropped;
    if (this.waitingBytes + bytes > waitingBytesMax) return dropped;
    return new Promise((done) => {
      this.waiting.push({ key, entry, done });
      this.waitingBytes += bytes;
      this.writing ??= this.writeWaiting();
    });
  }

  /** One batch after the other, each with what has come meanwhile. */
  private async writeWaiting(): Promise<void> {
    while (this.waiting.length > 0) {
      await new Promise((resolve) => setImmediate(resolve)); // for all that this turn brings
      const { entries, bytes } = this.takeBatch();
      try {
        if (this.mode === "open") await this.writeBatch(entries, bytes);
      } catch (error) {
        this.trouble(await causeOf(error));
      }
      for (const { done } of entries) done();
    }
    this.writing = null;
  }

  private takeBatch(): { entries: readonly Waiting[]; bytes: number } {
    let bytes = 0;
    let count = 0;
    for (const { key, entry } of this.waiting) {
      if (count > 0 && bytes > this.bytesMax * batchPart) break;
      bytes += key.length + entry.length;
      count++;
    }
    this.waitingBytes -= bytes;
    return { entries: this.waiting.splice(0, count), bytes };
  }

  private async writeBatch(entries: readonly Waiting[], bytes: number): Promise<void> {
    this.newest = this.readNewest();
    this.sinceCheck += bytes;
    const emptied = this.sinceCheck >= this.bytesMax * checkedPart ? this.check(bytes) : [];
    this.leave();
    if (this.mode !== "open") return;
    await this.database.root.batch(() => {
      for (const table of emptied) void table.clearAsync();
      if (emptied.length > 0) void this.state.put(newestKey, Buffer.from([this.newest]));
      for (const { key, entry } of entries) void this.generation(0).put(key, entry);
    });
    void this.database.root.flushed.then(() => this.database.marker.written());
  }

  /** Turns to the next generation if `coming` is too much for this one. Returns those that are to be emptied now. */
  private check(coming: number): readonly Table[] {
    this.sinceCheck = 0;
    if (this.diskFreeBytes() < diskReserveBytes) {
      this.stop("read-only", `the disk has less than ${diskReserveBytes / 2 ** 20} MiB left`);
      return [];
    }
    const sizes = this.tables.map(bytesOf);
    const emptied = new Set<number>();
    const empty = (n: number): void => {
      emptied.add(n);
      sizes[n] = 0;
    };
    const filledMax = this.bytesMax * filledPart;
    if (sizes[this.newest]! + coming > filledMax / generations) {
      this.newest = (this.newest + 1) % generations;
      empty(this.newest);
    }
    // The bound may have been larger.
    for (let age = generations - 1; age > 0; age--) {
      const oldest = (this.newest - age + generations) % generations;
      if (sizes.reduce((sum, size) => sum + size) > filledMax) empty(oldest);
    }
    return [...emptied].map((n) => this.tables[n]!);
  }

  private readNewest(): number {
    const newest = this.state.getBinary(newestKey)?.[0] ?? 0;
    return newest < generations ? newest : 0;
  }

  private diskFreeBytes(): number {
    const { directory, diskFreeBytes } = this.settings;
    if (diskFreeBytes !== undefined) return diskFreeBytes(directory);
    try {
      const { bavail, bsize } = fs.statfsSync(directory);
      return bavail * bsize;
    } catch {
      return Infinity; // Not told here: then a failing write tells.
    }
  }

  private trouble(error: unknown): void {
    if (isBroken(error)) {
      this.stop("off", `its file ${this.database.file} is damaged, and will be made anew: ${String(error)}`);
      try {
        abandon(this.database.file);
      } catch {
        // The disk has more troubles than one; this one has been told.
      }
    } else this.stop("read-only", String(error));
  }

  private stop(mode: "read-only" | "off", reason: string): void {
    const isFirst = this.mode === "open";
    this.mode = mode;
    if (isFirst) this.settings.onTrouble(reason);
  }
}

const bytesOf = (table: Table): number => {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = table.getStats() as Readonly<
    Record<string, number>
  >;
  return pageSize! * (treeBranchPageCount! + treeLeafPageCount! + overflowPages!);
};

const causeWaitMs = 1000;

/**
 * A failed commit tells its reason a little later, by a promise that would end the process if nobody looked at it. That
 * it always does is not certain.
 */
async function causeOf(error: unknown): Promise<unknown> {
  const cause = (error as { commitError?: Promise<unknown> } | null)?.commitError;
  if (cause === undefined) return error;
  const told = cause.catch((reason: unknown) => reason);
  return await Promise.race([
    told,
    new Promise((resolve) => setTimeout(resolve, causeWaitMs, error).unref()),
  ]);
}

/** LMDB's own codes are negative (lmdb.h); these say that something is full, not that it is broken. */
const fullCodes = new Set([-30_792, -30_791, -30_790, -30_789, -30_788, -30_787, -30_785]);

function isBroken(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "number" && code < 0 && !fullCodes.has(code);
}
