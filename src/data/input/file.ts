// One file of the input: opened so that nothing can hang, checked to be the one that was planned, before and after.
//
// Reads of this machine's files are synchronous: a slot is a thread of its own, and a read into a buffer that is used
// again costs a third of a stream. Objects of stores (object-file.ts) have the same face, and come later.

import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from "node:fs";
import { ShoalError } from "../../errors.ts";
import type { ObjectPlace } from "../../protocol/place.ts";
import type { Meter } from "../contract.ts";

/** A file as it was when the input was cut. */
export interface FileRef {
  /** As it matched: relative if the pattern was. What users see. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  /** Of an object: 0, as is `ino`. Its ETag tells it from others. */
  readonly mtimeMs: number;
  readonly ino: number;
  readonly object?: ObjectRef;
}

/** An object as it was then. */
export interface ObjectRef {
  readonly place: ObjectPlace;
  readonly etag: string;
}

/** Get one by `openInput`. */
export interface InputFile {
  readonly ref: FileRef;
  /** Reads up to `length` bytes at `position` into `buffer` from `at` on, at least one; 0 at the end of the file. */
  read(buffer: Uint8Array, at: number, length: number, position: number): number | Promise<number>;
  /** Throws INPUT_CHANGED unless the file is still the one that was planned. */
  verify(when: string): void;
  close(): void;
}

export class LocalFile implements InputFile {
  readonly ref: FileRef;
  private readonly meter: Meter;
  private readonly fd: number;

  private constructor(ref: FileRef, fd: number, meter: Meter) {
    this.ref = ref;
    this.fd = fd;
    this.meter = meter;
  }

  /** INPUT_UNREADABLE, INPUT_NOT_A_FILE, INPUT_CHANGED. */
  static open(ref: FileRef, meter: Meter): LocalFile {
    const began = performance.now();
    let fd: number;
    try {
      // O_NONBLOCK: a FIFO that took the file's place since it was planned must not make open() wait for a writer
      fd = openSync(ref.path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      throw unreadable(ref.name, error);
    }
    const file = new LocalFile(ref, fd, meter);
    try {
      file.verify("when it was opened");
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    meter.waitMs += performance.now() - began;
    return file;
  }

  read(buffer: Uint8Array, at: number, length: number, position: number): number {
    const began = performance.now();
    try {
      return readSync(this.fd, buffer, at, length, position);
    } catch (error) {
      throw unreadable(this.ref.name, error);
    } finally {
      this.meter.waitMs += performance.now() - began;
    }
  }

  verify(when: string): void {
    const now = fstatSync(this.fd);
    requireRegular(this.ref.name, now);
    const { size, mtimeMs, ino } = this.ref;
    if (now.ino !== ino) throw changed(this.ref.name, when, "was replaced by another file");
    if (now.size !== size)
      throw changed(this.ref.name, when, `had ${now.size} bytes, ${size} when the input was planned`);
    if (now.mtimeMs !== mtimeMs)
      throw changed(this.ref.name, when, "had been written to since the input was planned");
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A name as it can stand in a message or on a line of a log. */
export const showName = (name: string): string => (unprintable.test(name) ? JSON.stringify(name) : name);

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unprintable = /[\u0000-\u001f\u007f"]/;

/** To be thrown when a read came to the end of the file before its planned size. */
export const shrunk = ({ name, size }: FileRef, position: number): ShoalError =>
  changed(name, "while it was read", `ended at byte ${position} of ${size}`);

export const changed = (name: string, when: string, what: string): ShoalError =>
  new ShoalError("INPUT_CHANGED", `${showName(name)} changed: ${when} it ${what}`, {
    details: { file: name },
  });

export function unreadable(name: string, cause: unknown): ShoalError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return changed(name, "when it was opened", "was gone");
  if (code === "ENXIO") return notAFile(name, "a socket or a device without a driver");
  return new ShoalError("INPUT_UNREADABLE", `cannot read ${showName(name)}: ${reasonOf(cause)}`, {
    cause,
    details: { file: name },
  });
}

const notAFile = (name: string, kind: string): ShoalError =>
  new ShoalError("INPUT_NOT_A_FILE", `${showName(name)} is ${kind}, expected a regular file`, {
    details: { file: name, kind },
  });

export function requireRegular(name: string, stats: Stats): void {
  if (stats.isFile()) return;
  throw notAFile(
    name,
    stats.isFIFO()
      ? "a FIFO (named pipe)"
      : stats.isSocket()
        ? "a socket"
        : stats.isCharacterDevice() || stats.isBlockDevice()
          ? "a device"
          : stats.isDirectory()
            ? "a directory"
            : "no regular file",
  );
}

/** "permission denied (EACCES)". */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM" ? `permission denied (${code})` : message;
}

/** stat, or null where nothing has this path. */
export function statOrNull(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ERR_INVALID_ARG_VALUE") return null;
    throw error;
  }
}
