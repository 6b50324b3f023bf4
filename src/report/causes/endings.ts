// CANCELLED, CUT_OFF, STATE_LOCKED, COMMITTING, STOPPING, FINISHED: jobs that are over, or about to be.

import { formatDuration } from "../../base/units.ts";
import { count, evidenceOf, listed, say, withAges } from "./attempts.ts";
import { finding, type Cause } from "./finding.ts";

export const cancelled: Cause = ({ case: found }) => {
  const reason = found.outcome?.kind === "cancelled" ? found.outcome.reason : found.cancelReason;
  if (reason === null || found.outcome?.kind === "succeeded" || found.outcome?.kind === "failed") return [];
  const text = `The job was cancelled: ${reason}. ${found.finishedTasks} of ${count(found.totalTasks, "task")} were finished.`;
  return [
    finding("CANCELLED", text, {
      evidence: evidenceOf([], [found.turningPoint]),
      details: { reason, finished: found.finishedTasks, tasks: found.totalTasks },
      hint: found.phase === "finished" ? "The same command continues where it was." : null,
    }),
  ];
};

export const cutOff: Cause = ({ case: found, isRunning }) => {
  const { opened } = found;
  if (isRunning || found.closed !== null || opened === null) return [];
  const running = [...found.live()].map(({ id }) => id);
  const text = say(
    `Process ${opened.pid}, which ran the job, is gone without having ended it: it was killed, or the machine stopped.`,
    `Its journal ends ${formatDuration(found.lastAt - opened.clock)} after it began:`,
    `${found.finishedTasks} of ${count(found.totalTasks, "task")} were finished` +
      (running.length === 0 ? "." : `; ${listed(running)} ran.`),
    found.phase === "committing" && "The output was being published.",
  );
  return [
    finding("CUT_OFF", text, {
      evidence: evidenceOf([], [found.lastEntry]),
      details: {
        pid: opened.pid,
        finished: found.finishedTasks,
        tasks: found.totalTasks,
        running,
        incarnations: found.incarnations.length,
      },
      hint: "The same command continues: finished tasks are not done again.",
    }),
  ];
};

export const stateLocked: Cause = ({ case: found, isRunning, otherHolder }) => {
  if (isRunning || otherHolder === null || found.closed !== null) return [];
  const { pid, host, since } = otherHolder;
  const text = say(
    `The state directory is held by process ${pid} on ${host} since ${since}, for another job:`,
    "this one cannot continue until that has ended.",
  );
  return [
    finding("STATE_LOCKED", text, {
      details: { pid, host, since },
      hint: "Wait for it, end it, or use another --state directory. shoal jobs shows what runs.",
    }),
  ];
};

export const committing: Cause = ({ case: found, now, isRunning }) => {
  if (found.phase !== "committing" || !isRunning) return [];
  const forMs = Math.max(0, now - found.lastAt);
  const output = found.opened?.output ?? null;
  const text =
    `All ${count(found.totalTasks, "task is", "tasks are")} finished; the output is being published` +
    ` for ${formatDuration(forMs)}${output === null ? "" : `, to ${output}`}.`;
  return [
    finding("COMMITTING", text, {
      evidence: evidenceOf([], [found.turningPoint]),
      details: { forMs, output },
    }),
  ];
};

export const stopping: Cause = ({ case: found, now, isRunning }) => {
  if (!isRunning || found.phase === "finished") return [];
  const told = [...found.inFlight.values()].filter(({ cancelReason }) => cancelReason !== null);
  if (told.length === 0 || [...found.live()].length > 0 || found.phase === "committing") return [];
  const text = say(
    `The job is over, and waits for ${count(told.length, "attempt that was", "attempts that were")} told to stop:`,
    `${withAges(told, now)}. What does not listen to its signal is ended with its slot.`,
  );
  return [
    finding("STOPPING", text, {
      evidence: evidenceOf(told),
      details: { attempts: told.map(({ id }) => id), reason: told[0]!.cancelReason },
    }),
  ];
};

export const succeeded: Cause = ({ case: found, task }) => {
  if (found.outcome?.kind !== "succeeded" || task !== null) return [];
  const report = found.closed?.report as { wallMs?: unknown } | null | undefined;
  const wallMs =
    typeof report?.wallMs === "number" ? report.wallMs : found.lastAt - (found.opened?.clock ?? 0);
  const trouble = [
    ...(found.retries > 0 ? [count(found.retries, "retry", "retries")] : []),
    ...(found.backups > 0 ? [count(found.backups, "backup")] : []),
    ...(found.remade.length > 0
      ? [count(found.remade.length, "output made again", "outputs made again")]
      : []),
    ...(found.incarnations.length > 1 ? [`${count(found.incarnations.length - 1, "interruption")}`] : []),
  ];
  const text =
    `The job succeeded: ${count(found.totalTasks, "task")} in ${formatDuration(wallMs)} on ` +
    `${count(found.opened?.slots ?? 0, "slot")}${trouble.length === 0 ? "" : `, with ${listed(trouble)}`}.`;
  return [
    finding("FINISHED", text, {
      evidence: evidenceOf([], [found.turningPoint]),
      details: {
        wallMs,
        tasks: found.totalTasks,
        retries: found.retries,
        backups: found.backups,
        remade: found.remade.length,
        incarnations: found.incarnations.length,
      },
    }),
  ];
};
