// Where a call was made, for the stacks of its errors.
//
// To look costs some microseconds, as much as a small call. So only the first few calls of each millisecond look; those
// that follow at once say that they were made about there, which for calls in a loop is the same line.
//
// Owner of: the last look.

import { userFrames } from "../../bundle/frames.ts";
import type { Caller } from "../../driver/call-plane.ts";

const looksMax = 16;
const windowMs = 1;

let windowEnds = 0;
let looks = 0;
let last: Caller = { frames: () => null };

class Look implements Caller {
  private readonly seen = new Error();

  frames(): string | null {
    return framesOf(this.seen);
  }
}

class About implements Caller {
  private readonly seen: Caller;

  constructor(seen: Caller) {
    this.seen = seen;
  }

  frames(): string | null {
    const frames = this.seen.frames();
    return frames === null ? null : `    at --- about there: one of many calls at once ---\n${frames}`;
  }
}

/** The place of the call that is being made now. */
export function caller(): Caller {
  const now = performance.now();
  if (now >= windowEnds) {
    windowEnds = now + windowMs;
    looks = 0;
  }
  if (looks++ < looksMax) return (last = new Look());
  if (looks === looksMax + 1) last = new About(last);
  return last;
}

/** Lines of the stack that are the user's; null: none are known. */
function framesOf({ stack = "" }: Error): string | null {
  const lines = stack.split("\n").filter((line) => userFrames(line).length > 0);
  return lines.length === 0 ? null : lines.join("\n");
}
