// Budgets, errors, backups, time limits.

import type { Mutation } from "./mutation.ts";

const outcomes = "src/core/coordinator/outcomes.ts";
const tasks = "src/core/coordinator/tasks.ts";

export const budgets: readonly Mutation[] = [
  {
    name: "errors-not-counted",
    bug: "a task may fail for ever",
    file: tasks,
    find: "return ++this.errors[task]!;",
    replace: "return this.errors[task]!;",
  },
  {
    name: "losses-not-counted",
    bug: "a task may lose its slot for ever",
    file: tasks,
    find: "losses: ++this.losses[task]!",
    replace: "losses: this.losses[task]!",
  },
  {
    name: "input-losses-not-counted",
    bug: "a task may find its inputs lost for ever",
    file: tasks,
    find: "return ++this.inputLosses[task]!;",
    replace: "return this.inputLosses[task]!;",
  },
  {
    name: "one-loss-too-many",
    bug: "a poison task gets one attempt more than it should",
    file: outcomes,
    find: "if (inRow >= poisonLossesMax)",
    replace: "if (inRow > poisonLossesMax)",
  },
  {
    name: "row-never-ends",
    bug: "losses count as in a row though the slot lived on in between",
    file: tasks,
    find: "    this.breakRow(task);\n    return ++this.errors[task]!;",
    replace: "    return ++this.errors[task]!;",
  },
  {
    name: "blame-of-the-idle",
    bug: "an attempt that never started is held to have ended its slot",
    file: outcomes,
    find: "const isSuspect = attempt.startedAt !== null && ",
    replace: "const isSuspect = ",
  },
  {
    name: "final-error-retried",
    bug: "an error that asking again cannot change is asked again",
    file: outcomes,
    find: "if (failure.final) return failure.error;",
    replace: "if (failure.final && errors > 1) return failure.error;",
  },
  {
    name: "impatient-backups",
    bug: "backups start before a straggler is old enough",
    file: "src/core/coordinator/speculation.ts",
    find: "const ageMs = Math.max(this.limits.backupMinAgeMs, ",
    replace: "const ageMs = Math.max(this.limits.backupMinAgeMs >> 1, ",
  },
  {
    name: "backups-without-limit",
    bug: "any number of backups runs at a time",
    file: "src/core/coordinator/schedule.ts",
    find: "if (s.attempts.backupCount >= s.stragglers.backupsMax(s.workers.totalSlots)) return null;",
    replace: "",
  },
  {
    name: "backup-deadline-missed",
    bug: "nobody wakes the coordinator when a straggler is due",
    file: "src/core/coordinator/coordinator.ts",
    find: "const backup = nextBackup(state)?.at ?? null;",
    replace: "const backup = nextBackup(state) === null ? null : null;",
  },
  {
    name: "survivor-not-watched",
    bug: "an attempt whose backup failed never gets another",
    file: outcomes,
    find: "s.stragglers.watch(rival);",
    replace: "",
  },
  {
    name: "time-limit-never-comes",
    bug: "an attempt that cannot be examined is never told to stop",
    file: "src/core/coordinator/time-limits.ts",
    find: "const overAt = overdue === null ? null : overdue.overdueSince! + examineMs;",
    replace: "const overAt = overdue === null ? null : null;",
  },
];
