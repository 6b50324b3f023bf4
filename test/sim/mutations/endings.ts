// Slots, endings, workers, links, determinism.

import type { Mutation } from "./mutation.ts";

const ending = "src/core/coordinator/ending.ts";
const queue = "src/core/worker/queue.ts";
const worker = "src/core/worker/worker.ts";

export const endings: readonly Mutation[] = [
  {
    name: "slot-leak",
    bug: "the slot of an attempt that was told to stop is never free again",
    file: "src/core/coordinator/outcomes.ts",
    find: "  s.workers.giveSlotBack(attempt.worker);",
    replace: `  if (attempt.mode !== "cancelling") s.workers.giveSlotBack(attempt.worker);`,
  },
  {
    name: "cancel-forgotten",
    bug: "a job that failed or was cancelled lets its attempts run on",
    file: ending,
    find: `s.job.apply("stop-decided", outcome);\n  cancelAll(s, reason);`,
    replace: `s.job.apply("stop-decided", outcome);\n  if (s.attempts.count > 1) cancelAll(s, reason);`,
  },
  {
    name: "commit-cancels-nobody",
    bug: "a job whose output is complete lets losing backups run on",
    file: ending,
    find: `    cancelAll(s, "the job's output is complete");\n`,
    replace: "",
  },
  {
    name: "cancel-during-commit",
    bug: "a job is cancelled while its output is being published",
    file: "src/core/coordinator/coordinator.ts",
    find: `      if (s.job.phase !== "running") return ignore(s, event.kind, \`the job is \${s.job.phase}\`);\n      return stopJob(`,
    replace: "      return stopJob(",
  },
  {
    name: "assigned-after-the-end",
    bug: "work is given out while the job stops",
    file: "src/core/coordinator/schedule.ts",
    find: `  if (s.job.phase !== "running") return;\n  for (`,
    replace: "  for (",
  },
  {
    name: "assignment-runs-twice",
    bug: "an assignment that arrives twice runs twice",
    file: queue,
    find: "if (w.recent.has(attempt)) return ignore(",
    replace: "if (w.waiting.includes(attempt)) return ignore(",
  },
  {
    name: "withdrawn-without-a-word",
    bug: "an attempt that is cancelled while it waits for a slot is never reported",
    file: queue,
    find: "  w.waiting.splice(place, 1);\n  w.effects.push(",
    replace: "  w.waiting.splice(place, 1);\n  if (w.waiting.length > 0) w.effects.push(",
  },
  {
    name: "waits-for-the-dead",
    bug: "attempts wait for ever at a worker none of whose slots comes up",
    file: worker,
    find: `if (w.slots.countIn("down") === w.slots.count) failWaiting(w, error);`,
    replace: "",
  },
  {
    name: "grace-without-end",
    bug: "an attempt that does not listen keeps its slot",
    file: worker,
    find: "if (slot.graceEndsAt === null || slot.graceEndsAt > w.now) continue;",
    replace: "if (slot.graceEndsAt === null || slot.graceEndsAt >= w.now) continue;",
  },
  {
    name: "slot-not-restarted",
    bug: "a slot that ended is not started again",
    file: worker,
    find: `if (restarted.mode === "starting") return startSlot(w, restarted);`,
    replace: `if (restarted.mode === "starting" && restarted.generation < 3) return startSlot(w, restarted);`,
  },
  {
    name: "worker-joins-twice",
    bug: "a worker that says hello twice is two workers",
    file: "src/core/coordinator/coordinator.ts",
    find: "if (s.workers.wasSeen(worker)) return ignore(",
    replace: "if (s.workers.isHere(worker) && slots > 1) return ignore(",
  },
  {
    name: "silent-gets-work",
    bug: "a worker that is suspected to be dead gets new attempts",
    file: "src/core/coordinator/workers.ts",
    find: "    this.unfile(worker);\n    worker.isPaused = true;\n    this.free -= worker.free;\n",
    replace: "",
  },
  {
    name: "never-resumed",
    bug: "a worker that was silent once gets no work ever after",
    file: "src/driver/links/door.ts",
    find: "      this.listener.silent(worker, false);\n",
    replace: "",
  },
  {
    name: "said-once-only",
    bug: "what was lost on the way is never said again",
    file: "src/driver/links/session.ts",
    find: "if (age === 0 || age % resendTicks !== 0) continue;",
    replace: "if (age !== resendTicks) continue;",
  },
  {
    name: "gone-is-welcome",
    bug: "a worker that was declared lost is never told so, and waits for work",
    file: "src/driver/links/door.ts",
    find: "if (this.gone.has(worker) || ",
    replace: "if (",
  },
  {
    name: "chance-decides",
    bug: "placement depends on chance that is not in the state",
    file: "src/core/coordinator/placement.ts",
    find: "const worker = avoided === null ? s.workers.roomiest()",
    replace: "const worker = avoided === null || Math.random() < 0.5 ? s.workers.roomiest()",
  },
];
