// What a remote function threw, for the caller: without the stack frames of what called the function.

import { userStack } from "../../../bundle/frames.ts";
import { toThrown } from "../../../data/calls/thrown.ts";
import type { Thrown } from "../../../protocol/calls.ts";

/** Never throws, whatever it is given. */
export const userThrown = (thrown: unknown): Thrown => withUserFrames(toThrown(thrown));

function withUserFrames({ error, cause, errors, ...others }: Thrown): Thrown {
  return {
    ...others,
    error: error.stack === undefined ? error : { ...error, stack: userStack(error.stack) },
    ...(cause === undefined ? {} : { cause: withUserFrames(cause) }),
    ...(errors === undefined ? {} : { errors: errors.map(withUserFrames) }),
  };
}
