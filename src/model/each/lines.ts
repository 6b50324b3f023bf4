// The lines of a file or a stream, as they are asked for: no more is read than the line needs.
//
// `close()` ends a read that waits for bytes which may never come, such as a terminal's or a pipe's.

import { constants, createReadStream, fstat, open } from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";
import { ShoalError } from "../../errors.ts";
import { textOf } from "./bytes.ts";

const openDescriptor = promisify(open);
const describeDescriptor = promisify(fstat);

/** Longer than any argument that a system takes (Linux: 128 KiB). */
const lineBytesMax = 4 * 2 ** 20;

/** What of a stream this needs. */
export type ByteStream = AsyncIterable<Uint8Array | string> & { destroy?(): unknown };

export class LineReader implements AsyncIterableIterator<string> {
  private readonly name: string;
  private readonly delimiter: number;
  private readonly open: () => Promise<ByteStream>;
  private stream: ByteStream | null;
  private chunks: AsyncIterator<Uint8Array | string> | null = null;
  /** Read and not given out yet, from `at` on. */
  private pending = Buffer.alloc(0);
  private at = 0;
  private linesGiven = 0;
  private isClosed = false;

  /** `name` is for messages. `delimiter`: the byte that ends a line. A file is opened by the first `next()`. */
  constructor(name: string, delimiter: number, source: ByteStream | (() => Promise<ByteStream>)) {
    this.name = name;
    this.delimiter = delimiter;
    this.stream = typeof source === "function" ? null : source;
    this.open = typeof source === "function" ? source : async () => source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    let searched = this.at;
    for (;;) {
      const end = this.pending.indexOf(this.delimiter, searched);
      if (end !== -1) {
        const line = this.line(end);
        this.at = end + 1;
        return { done: false, value: line };
      }
      this.pending = this.pending.subarray(this.at);
      this.at = 0;
      searched = this.pending.length;
      if (searched > lineBytesMax) throw this.tooLong();
      const chunk = await this.read();
      if (chunk === null) break;
      this.pending = Buffer.concat([this.pending, chunk]);
    }
    // The last line may lack its end.
    if (this.pending.length === 0) return { done: true, value: undefined };
    const line = this.line(this.pending.length);
    this.at = this.pending.length;
    return { done: false, value: line };
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  close(): void {
    this.isClosed = true;
    this.pending = Buffer.alloc(0);
    this.at = 0;
    this.stream?.destroy?.();
  }

  private line(end: number): string {
    this.linesGiven++;
    const bytes = this.pending.subarray(this.at, end);
    if (this.delimiter !== 0 && bytes.includes(0)) {
      throw new ShoalError("INPUT_CORRUPT", `line ${this.linesGiven} of ${this.name} holds a NUL byte`, {
        hint: "No argument can hold one. Where NUL bytes end the arguments (find -print0), say --null.",
        details: { file: this.name, line: this.linesGiven },
      });
    }
    return textOf(bytes);
  }

  private async read(): Promise<Buffer | null> {
    if (this.isClosed) return null;
    try {
      this.stream ??= await this.open();
      if (this.isClosed) this.close();
      this.chunks ??= this.stream[Symbol.asyncIterator]();
      const { done, value } = await this.chunks.next();
      if (done === true || this.isClosed) return null;
      return typeof value === "string"
        ? Buffer.from(value)
        : Buffer.from(value.buffer, value.byteOffset, value.length);
    } catch (error) {
      if (this.isClosed) return null; // It was destroyed under the read.
      throw unreadable(this.name, error as NodeJS.ErrnoException);
    }
  }

  private tooLong(): ShoalError {
    const line = this.linesGiven + 1;
    const message = `line ${line} of ${this.name} is longer than ${lineBytesMax} bytes, which no argument can be`;
    return new ShoalError("RECORD_TOO_LARGE", message, {
      hint: "Is this the right file, and the right end of its lines (--null)?",
      details: { file: this.name, line },
    });
  }
}

/** A file's bytes. What may wait for its writer (a pipe) is read without a thread that would wait with it. */
export async function openFile(file: string): Promise<ByteStream> {
  const fd = await openDescriptor(file, "r");
  const { mode } = await describeDescriptor(fd);
  const isPipe = (mode & constants.S_IFMT) === constants.S_IFIFO;
  return isPipe ? new Socket({ fd, readable: true, writable: false }) : createReadStream(file, { fd });
}

function unreadable(name: string, error: NodeJS.ErrnoException): ShoalError {
  const isMissing = error.code === "ENOENT";
  return new ShoalError(
    isMissing ? "INPUT_NOT_FOUND" : "INPUT_UNREADABLE",
    isMissing ? `${name} does not exist` : `${name} cannot be read: ${error.message}`,
    { cause: error, hint: "Check the path and its permissions.", details: { file: name } },
  );
}
