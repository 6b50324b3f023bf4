// The causes, in the order in which they are told: what ended the job, what holds it up, what is merely so.
// To add one: a file beside this one, its code in finding.ts, a line here and in docs/cli.md.

import { clusterAway } from "./cluster-away.ts";
import { diskFull } from "./disk-full.ts";
import { cancelled, committing, cutOff, stateLocked, stopping, succeeded } from "./endings.ts";
import type { Cause } from "./finding.ts";
import { inputMissing } from "./input-missing.ts";
import { memoryExhausted } from "./memory-exhausted.ts";
import { nobodyLeads } from "./nobody-leads.ts";
import { noProgress } from "./no-progress.ts";
import { outputsRemade } from "./outputs-remade.ts";
import { poisonTask } from "./poison-task.ts";
import { waitingForPlace } from "./places.ts";
import { retrying } from "./retrying.ts";
import { fewerTasks, slotsBusy, slotsStarting } from "./slots.ts";
import { straggler } from "./straggler.ts";
import { taskFailed } from "./task-failed.ts";
import { timeLimit } from "./time-limit.ts";
import { waitingForShuffle } from "./waiting-for-shuffle.ts";
import { waitingForWorkers } from "./waiting-for-workers.ts";
import { taskAsked, working } from "./working.ts";

export const causes: readonly Cause[] = [
  succeeded,
  cutOff,
  cancelled,
  stateLocked,
  clusterAway,
  nobodyLeads,
  inputMissing,
  memoryExhausted,
  poisonTask,
  timeLimit,
  diskFull,
  taskFailed,
  committing,
  stopping,
  noProgress,
  straggler,
  retrying,
  outputsRemade,
  waitingForWorkers,
  waitingForShuffle,
  slotsStarting,
  waitingForPlace,
  slotsBusy,
  fewerTasks,
  taskAsked,
  working,
];
