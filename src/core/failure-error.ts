// Errors that the machines themselves report, as data. No Error object is made on the way: its stack would name
// places in the machine, which help nobody, and would make traces differ from one machine to the next.

import { errorCodes, type ErrorCode, type ErrorData } from "../errors.ts";

interface FailureErrorOptions {
  readonly cause?: ErrorData;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function failureError(code: ErrorCode, message: string, options: FailureErrorOptions = {}): ErrorData {
  return {
    name: "ShoalError",
    message,
    code,
    hint: errorCodes[code].hint,
    details: options.details ?? {},
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  };
}
