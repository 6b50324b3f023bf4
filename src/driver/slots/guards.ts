// What user code in a slot may not do to the rest of the process: flood it with output, or end it.

import { firstUserFrame } from "../../bundle/frames.ts";
import { ShoalError, toErrorData } from "../../errors.ts";

/** Characters of user output that one attempt may pass on; what is more is counted, and said. */
const outputMax = 256 * 1024;

/** Passes text on to `emit`, up to a limit for each window between resets. */
export class PrintAllowance {
  private readonly emit: (text: string) => void;
  private left = outputMax;
  private dropped = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(emit: (text: string) => void) {
    this.emit = emit;
  }

  print(text: string): void {
    const taken = text.slice(0, this.left);
    if (taken !== "") this.emit(taken === text ? text : `${taken}\n`);
    this.left -= taken.length;
    this.dropped += text.length - taken.length;
    this.timer ??= setTimeout(() => this.replenish(), 5000).unref();
  }

  /** A slot that prints steadily for hours is no flood: the allowance comes back with time. */
  private replenish(): void {
    this.timer = null;
    if (this.dropped > 0) this.emit(`[… ${this.dropped} characters more were printed, and dropped]\n`);
    this.left = outputMax;
    this.dropped = 0;
  }
}

/** Sends what is printed in this thread to `emit`, within its allowance. */
export function guardOutput(emit: (text: string) => void): void {
  const allowance = new PrintAllowance(emit);
  const write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
    allowance.print(typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString("utf8"));
    const callback = typeof encoding === "function" ? encoding : done;
    if (typeof callback === "function") queueMicrotask(callback as () => void);
    return true;
  };
  process.stdout.write = write as typeof process.stdout.write;
  process.stderr.write = write as typeof process.stderr.write;
}

/** Makes `process.exit` in user code an error at its line, even when the user's code catches what it throws. */
export function guardExit(fail: (error: ShoalError) => void): void {
  process.exit = (code?: number | string | null): never => {
    const frame = firstUserFrame(new Error().stack ?? "");
    const place = frame === null ? "" : ` at ${frame.file}:${frame.line}:${frame.column}`;
    const error = new ShoalError(
      "USER_ERROR",
      `process.exit(${code ?? ""}) was called in a slot${place}; a task ends by returning or throwing`,
      { hint: "Throw an error to fail the task, or return to finish it." },
    );
    fail(error);
    throw error;
  };
}

/** Errors that no function that was called will throw: `failed` gets them, as an error that says so, and as they were. */
export function guardErrors(failed: (error: ShoalError, cause: unknown) => void): void {
  const wrapped =
    (what: string) =>
    (cause: unknown): void => {
      const { name, message } = toErrorData(cause);
      failed(new ShoalError("USER_ERROR", `${what}: ${name}: ${message}`, { cause }), cause);
    };
  process.on("unhandledRejection", wrapped("a promise was rejected and nothing handled it"));
  process.on("uncaughtException", wrapped("an error was thrown outside of the function that was called"));
}
