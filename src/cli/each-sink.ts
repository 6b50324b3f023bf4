// Where the output of jobs goes: standard output or standard error, chunk by chunk at the reader's pace.

import type { Writable } from "node:stream";

export type Chunk = string | Uint8Array;

export class Sink {
  private readonly stream: Pick<Writable, "write" | "on">;
  private failed: NodeJS.ErrnoException | null = null;

  constructor(stream: Pick<Writable, "write" | "on">) {
    this.stream = stream;
    stream.on("error", (error: NodeJS.ErrnoException) => (this.failed ??= error));
  }

  /** What went wrong: EPIPE when the reader went away. Nothing is written any more then. */
  get failure(): NodeJS.ErrnoException | null {
    return this.failed;
  }

  /** Resolves when the chunk is on its way, or nobody wants it. */
  async write(chunk: Chunk): Promise<void> {
    if (this.failed !== null) return;
    await new Promise<void>((resolve) => {
      this.stream.write(chunk, (error) => {
        this.failed ??= (error as NodeJS.ErrnoException | null | undefined) ?? null;
        resolve();
      });
    });
  }
}
