// From bytes to lines: the hot path of every job on text. Bytes come in through `room` and `added`, lines leave through
// `drain`. One buffer is used again for all of a task's input; only a line longer than it makes it grow.
//
//   buffer   │ pushed │ whole lines: [start, whole) │ begun: [whole, end) │ room │     buffer[0] is the file's byte `base`
//
// - "\n" and "\r\n" end a line; the last line needs no end; a lone "\r" belongs to its line.
// - A line belongs to the range [from, to) in which its first byte lies. Who starts in the middle of a file begins one
//   byte early and skips to the first line end, so that a line that begins exactly at `from` is not lost.
// - Lines are decoded one by one: a slice of a decoded chunk would keep the whole chunk alive.
// - Whether text is ASCII or valid UTF-8 is asked once for each region of about 64 KiB, which is ten times as fast as
//   line by line; only a region that is not valid is looked at line by line.

import { isAscii, isUtf8 } from "node:buffer";
import { ShoalError } from "../../errors.ts";
import type { Push } from "../../plan/operator.ts";
import type { TaskHost } from "../contract.ts";
import { showName } from "./file.ts";
import { byteOrderMark, firstInvalidUtf8, notUtf8, type Slices } from "./utf8.ts";

export interface LineFormat {
  readonly encoding: "utf8" | "latin1";
  readonly invalid: "error" | "skip";
  /** Longest line in bytes. */
  readonly recordBytesMax: number;
}

/** The piece of a file whose lines are asked for. */
export interface LineRange {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** An error about a line of a range. Which line of the file that is takes long to learn: whoever catches this does. */
export class LineError extends Error {
  /** The line's number within the range, from 1. */
  readonly line: number;
  /** The error, when its line in the file is known. */
  readonly at: (line: number) => ShoalError;

  constructor(line: number, at: (line: number) => ShoalError) {
    super("a line is wrong");
    this.line = line;
    this.at = at;
  }
}

/** How the lines of the current region are decoded. */
type Decoding = "bytes" | "utf8" | "each";

const newline = 10;
const carriageReturn = 13;
const regionBytes = 64 * 1024;

export class LineSplitter {
  /** Lines of the range that were pushed or skipped so far: the number of the one pushed last, within the range. */
  lines = 0;
  /** All lines of the range were pushed. */
  isDone = false;
  private readonly format: LineFormat;
  private readonly host: TaskHost;
  private readonly bufferBytes: number;
  private buffer: Buffer & Slices;
  private range!: LineRange;
  /** Lines that begin at this byte of the file or later are another range's. */
  private to = 0;
  private base = 0;
  private start = 0;
  private whole = 0;
  private end = 0;
  /** Looking for the end of a line that is another range's. */
  private isSkipping = false;
  private isFileStart = false;
  private regionEnd = 0;
  private decoding: Decoding = "bytes";

  constructor(format: LineFormat, host: TaskHost, bufferBytes: number) {
    this.format = format;
    this.host = host;
    this.bufferBytes = bufferBytes;
    this.buffer = allocate(bufferBytes);
  }

  /** Begins a range. The bytes to come are the file's from `firstByte` on; see the header for the one before `from`. */
  begin(range: LineRange): { readonly firstByte: number } {
    this.range = range;
    this.to = range.to;
    this.isSkipping = range.from > 0;
    this.isFileStart = range.from === 0;
    this.base = Math.max(0, range.from - 1);
    this.start = this.whole = this.end = this.regionEnd = 0;
    this.lines = 0;
    this.isDone = false;
    return { firstByte: this.base };
  }

  /** Where to write the next bytes: at least half of the buffer's first size. */
  room(): { readonly buffer: Buffer; readonly at: number; readonly length: number } {
    if (this.start > 0) {
      this.buffer.copyWithin(0, this.start, this.end);
      this.base += this.start;
      this.end -= this.start;
      this.whole = Math.max(0, this.whole - this.start);
      this.start = this.regionEnd = 0;
    }
    if (this.buffer.length - this.end < this.bufferBytes / 2) {
      // never much longer than the longest line that is allowed: what does not fit then is too large
      const largest = this.format.recordBytesMax + this.bufferBytes;
      const grown = allocate(
        Math.max(Math.min(2 * this.buffer.length, largest), this.end + this.bufferBytes),
      );
      this.buffer.copy(grown, 0, 0, this.end);
      this.buffer = grown;
    }
    return { buffer: this.buffer, at: this.end, length: this.buffer.length - this.end };
  }

  /** `n` bytes were written where `room` said. */
  added(n: number): void {
    const last = this.buffer.subarray(this.end, this.end + n).lastIndexOf(newline);
    if (last !== -1) this.whole = this.end + last + 1;
    this.end += n;
  }

  /**
   * Pushes the lines that are complete; with `isEnd`, the last one too. Returns a promise when `push` did: wait for it
   * and call again. Done when it returns undefined.
   */
  drain(push: Push, isEnd: boolean): void | Promise<void> {
    if (isEnd) this.whole = this.end;
    if (this.isFileStart && !this.passMark(isEnd)) return;
    if (this.isSkipping && !this.passForeignLine()) return;
    for (;;) {
      if (this.start >= this.regionEnd && !this.nextRegion()) return;
      const waiting =
        this.decoding === "each" ? this.pushEach(push) : this.pushRegion(push, this.decoding === "utf8");
      if (waiting !== undefined) return waiting;
    }
  }

  /** False: more bytes are needed to know. */
  private passMark(isEnd: boolean): boolean {
    if (this.end < 3 && !isEnd) return false;
    this.isFileStart = false;
    if (this.format.encoding !== "utf8") return true;
    this.start = byteOrderMark(this.buffer, this.end, this.range.name);
    // the first line is the range's that has the file's first byte, which is the mark's
    if (this.start > 0) this.to = Math.max(this.to, this.start + 1);
    return true;
  }

  /** False: more bytes are needed. */
  private passForeignLine(): boolean {
    const at = this.buffer.indexOf(newline, this.start);
    this.isSkipping = at === -1 || at >= this.end;
    this.start = this.isSkipping ? this.end : at + 1;
    return !this.isSkipping || this.base + this.start >= this.to;
  }

  /** Finds the next region: whole lines that are ours, about 64 KiB of them. False: there is none for now. */
  private nextRegion(): boolean {
    const own = this.to - this.base;
    if (this.start >= own) {
      this.isDone = true;
      return false;
    }
    if (this.start >= this.whole) {
      if (this.end - this.start > this.format.recordBytesMax + 1) throw this.tooLarge();
      return false;
    }
    // the line that holds byte `least` is the region's last one
    const least = Math.min(this.start + regionBytes, own, this.whole) - 1;
    const stop = this.buffer.indexOf(newline, least);
    this.regionEnd = stop === -1 || stop >= this.whole ? this.whole : stop + 1;
    this.decoding = this.decodingOf(this.start, this.regionEnd);
    this.host.tick();
    return true;
  }

  private decodingOf(from: number, to: number): Decoding {
    if (this.format.encoding === "latin1") return "bytes";
    const region = this.buffer.subarray(from, to);
    return isAscii(region) ? "bytes" : isUtf8(region) ? "utf8" : "each";
  }

  private pushRegion(push: Push, isUtf8Text: boolean): void | Promise<void> {
    const {
      buffer,
      regionEnd,
      format: { recordBytesMax },
      host: { meter },
    } = this;
    for (let at = this.start; at < regionEnd;) {
      const found = buffer.indexOf(newline, at);
      // only the last line of a file can be without an end
      const stop =
        found === -1 || found >= regionEnd
          ? regionEnd
          : found > at && buffer[found - 1] === carriageReturn
            ? found - 1
            : found;
      this.start = stop === regionEnd ? regionEnd : found + 1;
      this.lines++;
      if (stop - at > recordBytesMax) throw this.tooLarge(stop - at);
      meter.recordsIn++;
      const waiting = push(isUtf8Text ? buffer.utf8Slice(at, stop) : buffer.latin1Slice(at, stop));
      if (waiting !== undefined) return waiting;
      at = this.start;
    }
  }

  /** As pushRegion, where at least one line is not valid UTF-8. */
  private pushEach(push: Push): void | Promise<void> {
    while (this.start < this.regionEnd) {
      const at = this.start;
      const found = this.buffer.indexOf(newline, at);
      const end = found === -1 || found >= this.regionEnd ? this.regionEnd : found + 1;
      const invalid = firstInvalidUtf8(this.buffer, at, end);
      this.start = end;
      if (invalid !== -1) {
        this.lines++;
        if (this.format.invalid === "error") {
          const { name } = this.range;
          const [byte, value] = [this.base + invalid, this.buffer[invalid]!];
          throw new LineError(this.lines, (line) => notUtf8(name, line, byte, value));
        }
        this.host.meter.skipped++;
        continue;
      }
      const regionEnd = this.regionEnd;
      this.start = at;
      this.regionEnd = end;
      const waiting = this.pushRegion(push, true);
      this.regionEnd = regionEnd;
      if (waiting !== undefined) return waiting;
    }
  }

  private tooLarge(bytes?: number): LineError {
    const { name } = this.range;
    const { recordBytesMax } = this.format;
    const size = bytes === undefined ? `more than ${recordBytesMax}` : String(bytes);
    return new LineError(
      bytes === undefined ? this.lines + 1 : this.lines,
      (line) =>
        new ShoalError(
          "RECORD_TOO_LARGE",
          `line ${line} of ${showName(name)} has ${size} bytes, recordBytesMax is ${recordBytesMax}`,
          { details: { file: name, line, recordBytesMax } },
        ),
    );
  }
}

const allocate = (bytes: number): Buffer & Slices => Buffer.allocUnsafeSlow(bytes) as Buffer & Slices;
