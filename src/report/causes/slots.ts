// SLOTS_BUSY, SLOTS_STARTING, FEWER_TASKS_THAN_SLOTS: what slots and tasks that could run keep each other from.

import { formatDuration } from "../../base/units.ts";
import type { RunCase } from "../why-case.ts";
import type { StageCase } from "../why-stage.ts";
import { count, evidenceOf, listed, say, withAges } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const slotsBusy: Cause = ({ case: found, now, isRunning, task: asked }) => {
  if (!isRunning || found.phase !== "running" || asked !== null) return [];
  const open = found.stages.filter((stage) => found.readyIn(stage) > 0);
  const waiting = open.reduce((sum, stage) => sum + found.readyIn(stage), 0);
  const { total } = found.slots;
  if (waiting === 0 || total === 0 || found.inFlight.size < total) return [];
  const running = [...found.inFlight.values()];
  const etaMs = estimate(found, open, now);
  const text = say(
    `${count(waiting, "task waits", "tasks wait")} for a slot:`,
    `${total === 1 ? "the only slot is" : `all ${total} slots are`} busy with ${withAges(running, now, 4)}.`,
    etaMs === "no-median" && "No task of the stage has finished, so there is nothing to estimate from.",
    etaMs === "stuck" &&
      "All of these take much longer than tasks of their stage did so far: " +
        "there is no telling when a slot is free.",
    typeof etaMs === "number" &&
      `At the median so far, the last of them begins to run in about ${formatDuration(etaMs)}.`,
  );
  return [
    finding("SLOTS_BUSY", text, {
      evidence: evidenceOf(running),
      details: {
        waiting,
        slots: total,
        running: running.map(({ id }) => id),
        etaMs: typeof etaMs === "number" ? etaMs : null,
      },
      hint: "This is how it should be while there is work. More --slots help if there are cores for them: see shoal what-if.",
    }),
  ];
};

/**
 * When the last waiting task has begun, if all take their stage's median. Slots whose attempts take much longer than
 * that already are not counted on.
 */
function estimate(found: RunCase, open: readonly StageCase[], now: number): number | "no-median" | "stuck" {
  const rests: number[] = [];
  for (const { task, assignedAt } of found.inFlight.values()) {
    const medianMs = found.stageOf(task)!.medianMs;
    if (medianMs === null) return "no-median";
    const restMs = medianMs - (now - assignedAt);
    if (restMs > -found.limits.backupFactor * Math.max(medianMs, 100)) rests.push(Math.max(0, restMs));
  }
  if (rests.length === 0) return "stuck";
  let work = rests.reduce((sum, ms) => sum + ms, 0);
  let last = 0;
  for (const stage of open) {
    if (stage.medianMs === null) return "no-median";
    work += found.readyIn(stage) * stage.medianMs;
    last = stage.medianMs;
  }
  return Math.max(0, work / rests.length - last);
}

export const slotsStarting: Cause = ({ case: found, now, isRunning }) => {
  if (!isRunning || found.phase !== "running") return [];
  const starting = found.slots.starting();
  const pending = [...found.live()].filter(({ startedAt }) => startedAt === null);
  if (starting.length === 0 || pending.length === 0) return [];
  const restarted = starting.filter(({ exits }) => exits > 0);
  const names = starting.map(
    ({ worker, slot, since }) => `${worker}/s${slot} (${formatDuration(now - since)})`,
  );
  const exits = restarted.reduce((sum, slot) => sum + slot.exits, 0);
  const text = say(
    `${count(pending.length, "attempt waits", "attempts wait")} for slots that are starting: ${listed(names, 4)}.`,
    restarted.length > 0 &&
      `${count(restarted.length, "of them starts", "of them start")} again after ending ${count(exits, "time")}.`,
  );
  return [
    finding("SLOTS_STARTING", text, {
      evidence: starting.map(({ entry }) => entry),
      details: {
        attempts: pending.map(({ id }) => id),
        starting: starting.length,
        restarted: restarted.length,
      },
    }),
  ];
};

export const fewerTasks: Cause = ({ case: found, isRunning, task: asked, found: earlier }) => {
  if (!isRunning || found.phase !== "running" || asked !== null) return [];
  if (earlier.some(({ code }) => code === "WAITING_FOR_SHUFFLE")) return [];
  const { total } = found.slots;
  const idle = total - found.inFlight.size;
  const left = found.totalTasks - found.finishedTasks;
  if (idle <= 0 || left === 0 || found.stages.some((stage) => found.readyIn(stage) > 0)) return [];
  const running = [...found.live()];
  const text =
    `${idle} of ${count(total, "slot is", "slots are")} idle: ` +
    (left === 1 ? "only one task is left, and it runs" : `only ${left} tasks are left, and all of them run`) +
    ` (${listed(running.map(({ id }) => id))}).`;
  return [
    finding("FEWER_TASKS_THAN_SLOTS", text, {
      evidence: evidenceOf(running),
      details: { idle, slots: total, left, running: running.map(({ id }) => id) },
      hint: "Smaller splits (--split-size) or more --partitions make more tasks.",
    }),
  ];
};
