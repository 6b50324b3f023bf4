// The journal: records appended to the last segment of a directory, in order, each whole or not there (frames.ts).
//
// Three stages of safety, and who needs which:
//
//   append     it is in memory: gone with this process. Written at the end of the event loop's turn.
//   write      the operating system has it: survives the death of this process. Synchronous, microseconds.
//   durable    the disk has it: survives the death of the machine. One fdatasync at a time covers all that was written
//              before it began; without being asked, one follows each write within `syncEveryMs`.
//
// Writes are synchronous so that order in the file is order of appending, whatever dies between; syncs never block.
//
// **A failed write or sync is never tried again**: after a failed fdatasync the kernel may have dropped the pages and
// report success the next time (Rebello et al., ATC 2020). The journal is broken from then on: what is appended goes
// nowhere, `durable` rejects, and `onBroken` is told once.
//
// Owner of: the segments in its directory. Whoever opens one holds the state directory's lock.

import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ShoalError } from "../../errors.ts";
import type { JournalRecord } from "../../protocol/journal.ts";
import type { MapRecord } from "../../protocol/map-journal.ts";
import { syncDirectory, syncDirectoryNow } from "../durable.ts";
import { encodeFrames, encodeHeader, encodeMark, payloadBytesMax } from "./frames.ts";
import { failed, readSegments, segmentName, segmentsIn, type JournalEnd, type TornTail } from "./segments.ts";

/** What the journal needs of a file, so that tests can make it fail. */
export interface SegmentFile {
  /** May write less. */
  write(bytes: Buffer): number;
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

export interface JournalOptions {
  /** A segment that has grown to this is followed by a new one. Default 16 MiB. */
  readonly segmentBytes?: number;
  /** Default 250. */
  readonly syncEveryMs?: number;
  readonly onBroken?: (error: ShoalError) => void;
  readonly openFile?: (path: string, isNew: boolean) => SegmentFile;
}

/** Buffered bytes at which they are written without waiting for the end of the turn. */
const bufferedMax = 256 * 1024;

export class Journal {
  readonly directory: string;
  /** What was cut off when it was opened. */
  readonly torn: TornTail | null;
  private readonly options: Required<JournalOptions>;
  private file: SegmentFile | null = null;
  private segment: number;
  /** The last base segment that this process has begun. */
  private base = 0;
  private segmentBytes: number;
  private buffered: string[] = [];
  private bufferedChars = 0;
  /** Says what is durable of this segment. Written with the next records, so that an idle journal does not grow. */
  private mark: string | null = null;
  private isTurnPlanned = false;
  private timer: NodeJS.Timeout | null = null;
  private isSyncing = false;
  private waiters: {
    readonly upTo: number;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  /** Bytes ever written and ever synced, over all segments: what `durable` waits for. */
  private written = 0;
  private synced = 0;
  private broken: ShoalError | null = null;

  private constructor(directory: string, options: JournalOptions, { segment, bytes, torn }: JournalEnd) {
    this.directory = directory;
    this.options = {
      segmentBytes: 16 * 2 ** 20,
      syncEveryMs: 250,
      onBroken: () => {},
      openFile: openSegment,
      ...options,
    };
    this.segment = segment;
    this.segmentBytes = bytes;
    this.torn = torn;
  }

  /**
   * Opens the journal in `directory`, or makes a new one: gives what is there to `take`, payload by payload, and cuts off
   * a torn tail. JOURNAL_DAMAGED, STATE_NEWER, JOURNAL_FAILED.
   */
  static async open(
    directory: string,
    take: (payload: Buffer) => void,
    options: JournalOptions = {},
  ): Promise<Journal> {
    const reading = readSegments(directory);
    let step = await reading.next();
    for (; step.done !== true; step = await reading.next()) for (const payload of step.value) take(payload);
    const journal = new Journal(directory, options, step.value);
    try {
      mkdirSync(directory, { recursive: true });
      journal.resume();
    } catch (error) {
      throw failed(directory, "open", error);
    }
    return journal;
  }

  /** Begins the journal in `directory` anew, whatever is there: a base segment after all others. JOURNAL_FAILED. */
  static async startOver(directory: string, options: JournalOptions = {}): Promise<Journal> {
    const last = (await segmentsIn(directory)).at(-1) ?? 0;
    const journal = new Journal(directory, options, { segment: last, bytes: 0, torn: null });
    try {
      mkdirSync(directory, { recursive: true });
      journal.rotate(true);
    } catch (error) {
      throw failed(directory, "open", error);
    }
    return journal;
  }

  /** Why it is broken, or null. */
  get failure(): ShoalError | null {
    return this.broken;
  }

  /** Takes a record; it is written at the end of this turn. One that is too large breaks the journal: it cannot be left out. */
  append(record: JournalRecord | MapRecord): void {
    if (this.broken !== null) return;
    const payload = JSON.stringify(record);
    if (payload.length * 3 > payloadBytesMax && Buffer.byteLength(payload) > payloadBytesMax) {
      this.fail("write", new Error(`a record of ${payload.length} characters is too large`));
      return;
    }
    this.buffered.push(payload);
    this.bufferedChars += payload.length;
    if (this.bufferedChars >= bufferedMax) {
      this.write();
    } else if (!this.isTurnPlanned) {
      this.isTurnPlanned = true;
      setImmediate(() => {
        this.isTurnPlanned = false;
        this.write();
      });
    }
  }

  /** Hands everything appended so far to the operating system: from here on it survives the death of this process. */
  write(): void {
    if (this.buffered.length === 0 || this.broken !== null || this.file === null) return;
    const bytes = encodeFrames(this.mark === null ? this.buffered : [this.mark, ...this.buffered]);
    this.mark = null;
    this.buffered = [];
    this.bufferedChars = 0;
    try {
      this.writeAll(bytes);
      if (this.segmentBytes >= this.options.segmentBytes) this.rotate(false);
    } catch (error) {
      this.fail("write", error);
      return;
    }
    this.timer ??= setTimeout(() => this.sync(), this.options.syncEveryMs).unref();
  }

  /** Resolves when everything appended so far is on disk. Rejects with JOURNAL_FAILED if the journal is broken. */
  async durable(): Promise<void> {
    this.write();
    if (this.broken !== null) throw this.broken;
    if (this.synced >= this.written) return;
    await new Promise<void>((resolve, reject) => {
      this.waiters.push({ upTo: this.written, resolve, reject });
      this.sync();
    });
  }

  /** Begins a new segment whose records stand for all before: dropEarlier may then delete what was before. */
  startOver(): void {
    this.write();
    if (this.broken !== null) throw this.broken;
    try {
      this.rotate(true);
    } catch (error) {
      throw this.fail("write", error);
    }
  }

  /** Deletes the segments before the last base; `isWanted`: only once what was appended since then is durable. */
  async dropEarlier(isWanted = true): Promise<void> {
    const earlier = (await segmentsIn(this.directory)).filter((number) => number < this.base);
    if (earlier.length === 0) return;
    if (isWanted) await this.durable();
    for (const number of earlier) rmSync(join(this.directory, segmentName(number)), { force: true });
  }

  /**
   * Writes what is left and closes. `isDurable`: only after the disk has it, too. Never rejects: what failed is in
   * `failure`.
   */
  async close(isDurable = true): Promise<void> {
    this.write();
    if (isDurable) await this.durable().catch(() => {}); // told by `failure`
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { file } = this;
    this.file = null;
    try {
      if (!this.isSyncing) file?.close();
    } catch (error) {
      this.fail("close", error);
    }
  }

  private resume(): void {
    const { torn } = this;
    const path = join(this.directory, segmentName(this.segment));
    if (this.segment === 0 || this.segmentBytes === 0) {
      if (this.segment > 0) rmSync(path, { force: true });
      this.segment = Math.max(0, this.segment - 1);
      this.rotate(this.segment === 0);
      return;
    }
    if (torn !== null) truncateSync(path, torn.offset);
    this.file = this.options.openFile(path, false);
    this.written = this.segmentBytes;
  }

  /** Ends the segment, durably, and begins the next one: only the last can have a torn tail. */
  private rotate(isBase: boolean): void {
    if (this.file !== null) {
      this.file.syncNow();
      this.synced = this.written;
      if (!this.isSyncing) this.file.close(); // else the sync closes it when it is done
    }
    this.segment++;
    if (isBase) this.base = this.segment;
    this.mark = null;
    this.file = this.options.openFile(join(this.directory, segmentName(this.segment)), true);
    this.segmentBytes = 0;
    this.writeAll(encodeHeader(isBase));
  }

  private writeAll(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += this.file!.write(bytes.subarray(at));
    this.segmentBytes += bytes.length;
    this.written += bytes.length;
  }

  private sync(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.isSyncing || this.broken !== null || this.file === null) return;
    if (this.synced >= this.written) return;
    this.isSyncing = true;
    const { written, segment, segmentBytes, file } = this;
    const end = (act: () => void): void => {
      this.isSyncing = false;
      if (file !== this.file) file.close();
      if (this.broken === null) act();
    };
    file.sync().then(
      () => end(() => this.becomeSynced(written, segment, segmentBytes)),
      (error: unknown) => end(() => void this.fail("sync", error)),
    );
  }

  private becomeSynced(written: number, segment: number, segmentBytes: number): void {
    this.synced = Math.max(this.synced, written);
    if (segment === this.segment) this.mark = encodeMark(segmentBytes);
    const ready = this.waiters.filter(({ upTo }) => upTo <= this.synced);
    this.waiters = this.waiters.filter(({ upTo }) => upTo > this.synced);
    for (const { resolve } of ready) resolve();
    if (this.waiters.length > 0) this.sync();
  }

  private fail(verb: string, cause: unknown): ShoalError {
    if (this.broken !== null) return this.broken;
    const error = failed(join(this.directory, segmentName(this.segment)), verb, cause);
    this.broken = error;
    this.buffered = [];
    for (const { reject } of this.waiters.splice(0)) reject(error);
    this.options.onBroken(error);
    return error;
  }
}

const fdatasyncAsync = promisify(fdatasync);

/** A new segment's name, and that of its directory, become durable with its first sync. */
export function openSegment(path: string, isNew: boolean): SegmentFile {
  const fd = openSync(path, isNew ? "ax" : "a");
  let isNamed = !isNew;
  return {
    write: (bytes) => writeSync(fd, bytes),
    async sync() {
      await fdatasyncAsync(fd);
      if (isNamed) return;
      await syncDirectory(dirname(path));
      await syncDirectory(dirname(dirname(path)));
      isNamed = true;
    },
    syncNow() {
      fdatasyncSync(fd);
      if (isNamed) return;
      for (const directory of [dirname(path), dirname(dirname(path))]) syncDirectoryNow(directory);
      isNamed = true;
    },
    close: () => closeSync(fd),
  };
}
