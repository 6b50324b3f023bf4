// The checkers of any run that has a log. What needs more than the log is added where that is known.

import type { AttemptId } from "../../src/base/ids.ts";
import { attemptIds } from "./attempt-ids.ts";
import { backups } from "./backups.ts";
import type { Checker } from "./checker.ts";
import { discards } from "./discards.ts";
import { honestErrors } from "./honest-errors.ts";
import { oneCommit } from "./one-commit.ts";
import { oneWinner } from "./one-winner.ts";
import { paused } from "./paused.ts";
import { rightInputs } from "./right-inputs.ts";
import { slotLimits } from "./slot-limits.ts";
import { timeLimits } from "./time-limits.ts";
import { toldToStop } from "./told-to-stop.ts";
import { workConserving } from "./work-conserving.ts";

export interface LogFacts {
  /** How late the coordinator's timer may be. Default: any time. */
  readonly lateMsMax?: number;
  /** Nothing is left of the attempt's first use. */
  readonly isForgotten?: (attempt: AttemptId) => boolean;
}

/** Fresh ones: each remembers what it has seen of one run. */
export const checkersOfLog = ({ lateMsMax = Infinity, isForgotten }: LogFacts = {}): Checker[] => [
  attemptIds(isForgotten),
  oneWinner(),
  rightInputs(),
  slotLimits(),
  paused(),
  toldToStop(),
  discards(),
  workConserving(),
  honestErrors(),
  backups(lateMsMax),
  timeLimits(lateMsMax),
  oneCommit(),
];
