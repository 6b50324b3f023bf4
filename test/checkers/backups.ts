// Speculation is patient and does happen: a backup only for a straggler (three times the median of its stage, and old
// enough, and most of its stage finished), only in a slot that nothing else wants, not too many at a time, at most one
// rival; and every straggler gets one when a slot is there for it, in time.

import { must, type Checker } from "./checker.ts";
import { taskOf, type InFlight, type View } from "./view.ts";

/** `lateMsMax`: how late the coordinator's timer may be. */
export function backups(lateMsMax = Infinity): Checker {
  /** By stage: how long finished attempts took, sorted. */
  let runTimes: number[][] = [];
  const boundsOf = (view: View, stage: number): [number, number] => {
    const times = runTimes[stage]!;
    const { backupFactor, backupMinAgeMs } = view.spec.limits;
    const at = (index: number): number => Math.max(backupMinAgeMs, backupFactor * (times[index] ?? 0));
    return [at((times.length - 1) >> 1), Math.ceil(at(times.length >> 1)) + 1];
  };
  const note = (stage: number, tookMs: number): void => {
    const times = runTimes[stage]!;
    let place = times.length;
    while (place > 0 && times[place - 1]! > tookMs) place--;
    times.splice(place, 0, tookMs);
  };
  const checkDue = (event: string, at: number, view: View): void => {
    if (
      view.isEnding ||
      view.incarnation === 0 ||
      view.freeSlots <= 0 ||
      backupsOf(view).length >= backupsMax(view) ||
      view.runnableTask() !== null // slots that wait for it are wanted
    )
      return;
    for (const attempt of view.inFlight.values()) {
      if (attempt.isCancelled || !isFarEnough(view, attempt.stage) || !view.isReadable(attempt.stage))
        continue;
      const [, most] = boundsOf(view, attempt.stage);
      if (at - attempt.assignedAt <= most || view.liveOf(attempt.task).length > 1) continue;
      must(
        false,
        () =>
          `at ${event} ${attempt.attempt} is ${at - attempt.assignedAt} ms old (${most} would do), and has no backup`,
      );
    }
  };
  return {
    name: "backups",
    before({ event, at, isIgnored }, view) {
      if (event.kind !== "JobSubmitted") checkDue(event.kind, at - lateMsMax, view);
      if (event.kind === "JobSubmitted" && !isIgnored) runTimes = view.spec.stages.map(() => []);
      if (event.kind !== "AttemptFinished") return;
      const ended = view.subject(event);
      if (ended === null || ended.isCancelled) return;
      note(ended.stage, at - ended.assignedAt);
    },
    after({ event, at, effects }, view) {
      if (event.kind === "OutputsAdopted") {
        for (const { task, figures } of event.outputs)
          if (view.adopted.has(task)) note(view.stageOf(task), Math.round(figures.runMs));
      }
      for (const effect of effects) {
        if (effect.kind !== "AssignAttempt") continue;
        const rivals = view
          .liveOf(taskOf(effect.attempt))
          .filter(({ attempt }) => attempt !== effect.attempt);
        must(
          rivals.length === (effect.isBackup ? 1 : 0),
          () => `${effect.attempt}${effect.isBackup ? ", a backup," : ""} has ${rivals.length} live rivals`,
        );
        if (!effect.isBackup) continue;
        const rival = rivals[0]!;
        const [least] = boundsOf(view, effect.stage);
        must(
          at - rival.assignedAt >= least,
          () =>
            `${effect.attempt} backs up ${rival.attempt}, which is ${at - rival.assignedAt} ms old, not ${least}`,
        );
        must(
          isFarEnough(view, effect.stage),
          () => `${effect.attempt} is a backup in stage ${effect.stage}, which is not far enough`,
        );
        must(
          backupsOf(view).length <= backupsMax(view),
          () => `${backupsOf(view).length} backups run; at most ${backupsMax(view)} may`,
        );
      }
      checkDue(event.kind, at, view);
    },
  };
}

const backupsOf = (view: View): InFlight[] => [...view.inFlight.values()].filter(({ isBackup }) => isBackup);

const totalSlots = (view: View): number => [...view.workers.values()].reduce((sum, slots) => sum + slots, 0);

const backupsMax = (view: View): number =>
  Math.max(1, Math.floor(view.spec.limits.backupSlotShare * totalSlots(view)));

function isFarEnough(view: View, stage: number): boolean {
  const tasks = view.tasksOf(stage);
  const finished = tasks.filter((task) => view.counts.has(task)).length;
  return finished >= Math.max(1, Math.floor(view.spec.limits.backupAfterShare * tasks.length));
}
