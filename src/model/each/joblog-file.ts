// The joblog's file: read to continue a run, and appended to.

import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { ShoalError } from "../../errors.ts";
import { joblogHead, joblogLine, parseJoblog, type Joblog, type JoblogEntry } from "./joblog.ts";

/** What the file says, or null if it is not there. INPUT_UNREADABLE, or BAD_OPTION if it is no joblog. */
export function readJoblog(file: string): Joblog | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw failed("INPUT_UNREADABLE", `the joblog ${file} cannot be read`, error);
  }
  return parseJoblog(file, bytes);
}

export class JoblogFile {
  private readonly file: string;
  private readonly fd: number;

  /**
   * `before`: what is in the file and stays there, or null to begin it anew. OUTPUT_INVALID if it cannot be written.
   */
  constructor(file: string, before: Joblog | null) {
    this.file = file;
    try {
      this.fd = openSync(file, before === null ? "w" : "a");
      // The line on which the last process died; its job is done again.
      if (before !== null) ftruncateSync(this.fd, before.wholeBytes);
      if (before === null || before.wholeBytes === 0) this.write(Buffer.from(joblogHead));
    } catch (error) {
      throw failed("OUTPUT_INVALID", `the joblog ${file} cannot be written`, error);
    }
  }

  /** OUTPUT_FAILED if it cannot be written. */
  append(entry: JoblogEntry): void {
    try {
      this.write(joblogLine(entry));
    } catch (error) {
      throw failed("OUTPUT_FAILED", `the joblog ${this.file} cannot be written`, error);
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  /** In one write where the system takes it in one, so that a kill leaves whole lines. */
  private write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.fd, bytes, at);
  }
}

type Code = "INPUT_UNREADABLE" | "OUTPUT_INVALID" | "OUTPUT_FAILED";

const failed = (code: Code, message: string, cause: unknown): ShoalError =>
  new ShoalError(code, `${message}: ${(cause as Error).message}`, {
    cause,
    hint: "Check the path of the joblog, its permissions and the free space.",
  });
