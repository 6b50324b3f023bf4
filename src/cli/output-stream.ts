// Standard output as the command line writes it: in order, at the reader's pace, and quiet when the reader
// has gone.

import type { Writable } from "node:stream";
import { ShoalError } from "../errors.ts";

export class OutputStream {
  private readonly stream: Writable;
  private isGone = false;
  private failure: Error | null = null;

  constructor(stream: Writable) {
    this.stream = stream;
    // A closed pipe (`shoal run … | head`) is no error: nobody wants the rest.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      this.isGone = true;
      if (error.code !== "EPIPE") this.failure ??= error;
    });
  }

  /** Writes all chunks, unless the reader goes away. OUTPUT_FAILED for what else goes wrong (a full disk). */
  async write(chunks: Iterable<string> | AsyncIterable<string>): Promise<void> {
    for await (const chunk of chunks) {
      if (this.isGone) break;
      await new Promise<void>((resolve) => this.stream.write(chunk, () => resolve()));
    }
    // The stream tells of an error after the write's callback.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failure === null) return;
    const { failure } = this;
    const message = `standard output cannot be written: ${failure.message}`;
    throw new ShoalError("OUTPUT_FAILED", message, { cause: failure });
  }
}
