// What one job prints, on its way to whoever asked: a file without a name, which the job itself writes.
//
// So output of any size takes no memory, jobs never wait for a reader, and nothing is left behind by a process that is
// killed. The bytes are those that were there when the job ended; what a process in the background writes later is not
// part of them.

import { closeSync, fstatSync, openSync, read, readSync, unlinkSync } from "node:fs";
import { randomUUID } from "node:crypto";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { ShoalError } from "../../errors.ts";

const readAsync = promisify(read);
const chunkBytes = 2 ** 18;
/** What is read at once, and without leaving the thread. */
const smallBytes = 2 ** 16;

/** What a job printed, on one of its streams. Can be read until the next result is asked for. */
export interface EachOutput {
  readonly bytes: number;
  /** All of it; bytes that are no UTF-8 become U+FFFD. For output that surely fits into memory. */
  text(): string;
  /** Chunk by chunk, any number of times. A chunk's memory is not used again. */
  chunks(): AsyncIterable<Uint8Array>;
}

export class OutputFile implements EachOutput {
  private state: "open" | "closed" = "open";
  private size = 0;
  readonly fd: number;

  constructor() {
    const file = path.join(os.tmpdir(), `shoal-each-${process.pid}-${randomUUID()}`);
    this.fd = openSync(file, "wx+", 0o600);
    unlinkSync(file);
  }

  get bytes(): number {
    return this.size;
  }

  /** The job has ended: what is there now is its output. */
  seal(): void {
    this.size = fstatSync(this.fd).size;
    // Many results may wait to be taken; those that are empty need no descriptor.
    if (this.size === 0) this.release();
  }

  /** Gives up the bytes. May be called twice. */
  release(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    closeSync(this.fd);
  }

  text(): string {
    if (this.size === 0) return "";
    this.check();
    const bytes = Buffer.allocUnsafe(this.size);
    let at = 0;
    while (at < this.size) {
      const got = readSync(this.fd, bytes, at, this.size - at, at);
      if (got === 0) break;
      at += got;
    }
    return bytes.toString("utf8", 0, at);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    let at = 0;
    while (at < this.size) {
      this.check();
      const length = Math.min(chunkBytes, this.size - at);
      const chunk = Buffer.allocUnsafe(length);
      const got =
        this.size <= smallBytes
          ? readSync(this.fd, chunk, 0, length, at)
          : (await readAsync(this.fd, chunk, 0, length, at)).bytesRead;
      if (got === 0) return; // The job's own descendants have cut it since.
      at += got;
      yield chunk.subarray(0, got);
    }
  }

  private check(): void {
    if (this.state === "open") return;
    throw new ShoalError("CLOSED", "the output of a job was read after the next result was asked for", {
      hint: "Read stdout and stderr of a result, or copy them, before the next one is asked for.",
    });
  }
}

/** Of a job that was never started. */
export const noOutput: EachOutput = {
  bytes: 0,
  text: () => "",
  chunks: async function* () {
    // Nothing was printed.
  },
};
