// The file that an attempt writes: appended to, made durable, closed. Writes are synchronous, as are the reads: a slot
// is a thread of its own.

import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { ShoalError } from "../../errors.ts";
import type { Meter } from "../contract.ts";

export class FileWriter {
  readonly path: string;
  private readonly meter: Meter;
  /** Null once it is closed. */
  private fd: number | null;

  /** Creates `path`, which must not exist. OUTPUT_FAILED. */
  constructor(path: string, meter: Meter) {
    this.path = path;
    this.meter = meter;
    try {
      this.fd = openSync(path, "wx");
    } catch (error) {
      throw failed(path, "create", error);
    }
  }

  write(bytes: Uint8Array): void {
    try {
      // a full disk may take a part and refuse the rest at the next call
      for (let at = 0; at < bytes.length;) at += writeSync(this.fd!, bytes, at, bytes.length - at);
    } catch (error) {
      throw failed(this.path, "write", error);
    }
    this.meter.bytesOut += bytes.length;
  }

  /** Makes the contents durable, and closes. A failed sync is not tried again: the kernel may have dropped the pages. */
  finish(): void {
    try {
      fdatasyncSync(this.fd!);
      const fd = this.fd!;
      this.fd = null;
      closeSync(fd);
    } catch (error) {
      throw failed(this.path, "finish", error);
    }
  }

  /** Closes as it is. Never throws. */
  abort(): void {
    if (this.fd === null) return;
    const fd = this.fd;
    this.fd = null;
    try {
      closeSync(fd);
    } catch {
      // the file is about to be deleted: what could not be written does not matter
    }
  }
}

const failed = (path: string, verb: string, cause: unknown): ShoalError => {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why =
    code === "ENOSPC"
      ? "the disk is full (ENOSPC)"
      : code === "EDQUOT"
        ? "the quota is used up (EDQUOT)"
        : message;
  return new ShoalError("OUTPUT_FAILED", `cannot ${verb} ${path}: ${why}`, {
    cause,
    details: { path, reason: code ?? null },
  });
};
