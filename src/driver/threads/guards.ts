// What user code in a slot may not do to the rest of the process: flood it with output, or end it.

import { firstUserFrame } from "../../bundle/frames.ts";
import { ShoalError } from "../../errors.ts";

/** Characters of user output that one attempt may pass on; what is more is counted, and said. */
const outputMax = 256 * 1024;

/** Sends what is printed in this thread to `emit`, up to a limit for each window between resets. */
export function guardOutput(emit: (text: string) => void): void {
  let left = outputMax;
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;
  // A slot that prints steadily for hours is no flood: the allowance comes back with time.
  const replenish = (): void => {
    timer = null;
    if (dropped > 0) emit(`[… ${dropped} characters more were printed, and dropped]\n`);
    left = outputMax;
    dropped = 0;
  };
  const write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString("utf8");
    if (left > 0) {
      emit(text.length <= left ? text : `${text.slice(0, left)}\n`);
      dropped += Math.max(0, text.length - left);
      left -= Math.min(left, text.length);
    } else {
      dropped += text.length;
    }
    timer ??= setTimeout(replenish, 5000).unref();
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
    const error = new ShoalError("USER_ERROR",
      `process.exit(${code ?? ""}) was called in a slot${place}; a task ends by returning or throwing`,
      { hint: "Throw an error to fail the task, or return to finish it." });
    fail(error);
    throw error;
  };
}
