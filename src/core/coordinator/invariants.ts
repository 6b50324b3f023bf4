// The coordinator's invariants, checked over its whole state. Tests call this after every event; the machine itself
// only has the cheap asserts in its rooms. DESIGN.md beside it says what each number means and why it matters.
//
// It recounts what the rooms keep counts of, from the other end: two ways to the same figure, or it throws.

import { invariant } from "../../base/assert.ts";
import type { AttemptId, WorkerId } from "../../base/ids.ts";
import type { Millis } from "../types.ts";
import type { Attempt } from "./attempts.ts";
import { homesOf, waitsUntil } from "./placement.ts";
import { nextBackup } from "./schedule.ts";
import type { CoordinatorState } from "./state.ts";
import { isUnfinished } from "./tasks.ts";

/** Throws an InvariantError, with the story of the task where there is one, if the state is not sound. */
export function checkInvariants(s: CoordinatorState): void {
  const live = liveByTask(s);
  checkAttempts(s, live);
  checkTasks(s, live);
  checkStages(s);
  checkWorkers(s);
  if (s.job.phase === "running") checkRunning(s, live);
  else
    invariant(
      live.size === 0,
      "I14",
      () => `the job is ${s.job.phase} and ${[...live.keys()].join(" ")} still live`,
    );
  invariant(
    (s.job.outcome === null) === (s.job.phase === "running" || s.job.phase === "committing"),
    "I14",
    () => `the job is ${s.job.phase} with the outcome ${s.job.outcome?.kind}`,
  );
}

function liveByTask(s: CoordinatorState): Map<number, Attempt[]> {
  const live = new Map<number, Attempt[]>();
  for (const attempt of s.attempts) {
    if (attempt.mode === "cancelling") continue;
    live.set(attempt.task, [...(live.get(attempt.task) ?? []), attempt]);
  }
  return live;
}

function checkAttempts(s: CoordinatorState, live: ReadonlyMap<number, readonly Attempt[]>): void {
  const ids = new Set<AttemptId>();
  for (const attempt of s.attempts) {
    const { id, task, number, mode, rival, startedAt } = attempt;
    const story = (): string[] => s.tasks.story(task);
    invariant(!ids.has(id), "I1", () => `${id} is in flight twice`, story);
    ids.add(id);
    invariant(
      number >= 1 && number <= s.tasks.attemptCount(task),
      "I1",
      () => `${id} has a number of the future`,
      story,
    );
    invariant(mode !== "running" || startedAt !== null, "I3", () => `${id} runs and has not started`, story);
    invariant(
      (mode === "cancelling") === (attempt.cancelReason !== null),
      "I3",
      () => `${id} is ${mode}`,
      story,
    );
    const others = (live.get(task) ?? []).filter((other) => other !== attempt);
    const isPaired =
      mode === "cancelling" ? rival === null : others.length <= 1 && rival === (others[0] ?? null);
    invariant(
      isPaired,
      "I3",
      () => `${id} (${mode}) has the rival ${rival?.id}, and live: ${others.length} more`,
      story,
    );
    invariant(
      rival === null || rival.rival === attempt,
      "I3",
      () => `${id} and ${rival?.id} do not agree`,
      story,
    );
  }
}

function checkTasks(s: CoordinatorState, live: ReadonlyMap<number, readonly Attempt[]>): void {
  const isRunning = s.job.phase === "running";
  const { errorAttemptsMax, lossAttemptsMax, poisonLossesMax } = s.spec.limits;
  for (let task = 0; task < s.tasks.count; task++) {
    const state = s.tasks.stateOf(task);
    const story = (): string[] => s.tasks.story(task);
    const output = s.outputs.of(task);
    invariant(
      (output !== null) === (state === "finished"),
      "I4",
      () => `t${task} is ${state} with ${output?.attempt}`,
      story,
    );
    invariant(s.ready.has(task) === (state === "pending"), "I5", () => `t${task} is ${state}`, story);
    if (s.places.hasCopies(s.stages.stageOf(task))) {
      const isLoose = state === "pending" && s.places.usableHolders(task).length === 0;
      invariant(s.places.isLoose(task) === isLoose, "I16", () => `t${task} is ${state}`, story);
    }
    if (output !== null && s.stages.spec(s.stages.stageOf(task)).output === "blocks" && isRunning) {
      invariant(
        s.workers.isHere(output.worker) || !s.workers.wasSeen(output.worker),
        "I10",
        () => `${output.attempt} is at ${output.worker}, lost`,
        story,
      );
    }
    if (!isRunning) continue;
    const attempts = live.get(task)?.length ?? 0;
    invariant(
      attempts > 0 === (state === "running"),
      "I3",
      () => `t${task} is ${state}, ${attempts} live`,
      story,
    );
    const { errors, losses, lossesInRow, inputLosses } = s.tasks.budgetOf(task);
    const isWithin =
      errors < errorAttemptsMax &&
      losses < lossAttemptsMax &&
      lossesInRow < poisonLossesMax &&
      inputLosses <= lossAttemptsMax;
    invariant(
      isWithin && state !== "failed",
      "I13",
      () => `t${task} is over its budget and the job runs on`,
      story,
    );
  }
}

function checkStages(s: CoordinatorState): void {
  for (let stage = 0; stage < s.stages.count; stage++) {
    let finished = 0;
    let unfinished = 0;
    let pending = 0;
    let forgotten = 0;
    for (
      let task = s.stages.first(stage);
      task < s.stages.first(stage) + s.stages.spec(stage).tasks;
      task++
    ) {
      const state = s.tasks.stateOf(task);
      if (state === "finished") finished++;
      if (state === "pending") pending++;
      if (state === "forgotten") forgotten++;
      if (isUnfinished(state)) unfinished++;
      invariant(
        s.stages.stageOf(task) === stage,
        "I7",
        () => `t${task} is not known to be in stage ${stage}`,
      );
    }
    invariant(s.outputs.isWeighedRight(stage), "I17", () => `stage ${stage} is not where it is held to be`);
    const counts = [finished, unfinished, pending].join(" ");
    const kept = [
      s.stages.finishedCount(stage),
      s.stages.unfinishedCount(stage),
      s.ready.pendingCount(stage),
    ].join(" ");
    invariant(
      counts === kept,
      "I7",
      () => `stage ${stage} has finished, unfinished, pending ${counts}; kept is ${kept}`,
    );
    invariant(
      s.ready.isOpen(stage) === s.stages.isReadable(stage),
      "I6",
      () => `stage ${stage} open: ${s.ready.isOpen(stage)}`,
    );
    invariant(
      forgotten === 0 || !s.stages.isNeeded(stage),
      "I12",
      () => `stage ${stage} is needed and has forgotten outputs`,
    );
  }
}

function checkWorkers(s: CoordinatorState): void {
  const taken = new Map<WorkerId, number>();
  let backups = 0;
  for (const { worker, isBackup, id } of s.attempts) {
    taken.set(worker, (taken.get(worker) ?? 0) + 1);
    if (isBackup) backups++;
    invariant(s.workers.isHere(worker), "I8", () => `${id} is in flight at ${worker}, which is not here`);
  }
  let free = 0;
  let slots = 0;
  let most = 0;
  for (const worker of s.workers) {
    const expected = worker.slots - (taken.get(worker.id) ?? 0);
    invariant(
      worker.free === expected && expected >= 0,
      "I8",
      () => `${worker.id} has ${worker.free} free, not ${expected}`,
    );
    slots += worker.slots;
    if (worker.isPaused) continue;
    free += worker.free;
    most = Math.max(most, worker.free);
  }
  invariant(
    free === s.workers.freeSlots && slots === s.workers.totalSlots,
    "I8",
    () => `${free} of ${slots} slots free`,
  );
  invariant(
    (s.workers.roomiest()?.free ?? 0) === most,
    "I8",
    () => `the roomiest worker has not ${most} slots free`,
  );
  invariant(
    backups === s.attempts.backupCount,
    "I11",
    () => `${backups} backups in flight, ${s.attempts.backupCount} kept`,
  );
}

function earliest(times: readonly (Millis | null)[]): Millis | null {
  let found: Millis | null = null;
  for (const time of times) if (time !== null && (found === null || time < found)) found = time;
  return found;
}

/** Slots are free and tasks could run: all of these are at home at workers without a free slot, and the wait has an end. */
function checkHeldBack(s: CoordinatorState): void {
  const until = waitsUntil(s);
  invariant(
    until !== null && until > s.now && until <= s.now + s.spec.limits.placeWaitMsMax,
    "I9",
    () => `${s.workers.freeSlots} slots wait until ${until} while t${s.ready.first()} could run`,
  );
  for (let stage = 0; stage < s.stages.count; stage++) {
    if (!s.ready.isOpen(stage)) continue;
    const first = s.stages.first(stage);
    for (let task = first; task < first + s.stages.spec(stage).tasks; task++) {
      // Of a stage that reads others the first task speaks for all.
      if (!s.ready.has(task) || (s.stages.spec(stage).reads.length > 0 && task !== s.ready.firstOf(stage)))
        continue;
      const homes = homesOf(s, task);
      const isHeldBack = homes.length > 0 && homes.every((id) => s.workers.get(id)!.free === 0);
      invariant(isHeldBack, "I9", () => `t${task} waits, and could run at (${homes.join(" ")})`);
    }
  }
}

/** What holds only while the job runs. */
function checkRunning(s: CoordinatorState, live: ReadonlyMap<number, readonly Attempt[]>): void {
  invariant(!s.stages.areSinksDone(), "I14", () => "all is done and nothing is committed");
  if (s.workers.freeSlots > 0 && !s.ready.isEmpty) checkHeldBack(s);
  for (let stage = 0; stage < s.stages.count; stage++) {
    const alone = [...live.values()]
      .filter((attempts) => attempts.length === 1)
      .map(([attempt]) => attempt!)
      .filter((attempt) => attempt.stage === stage)
      .sort((a, b) => a.order - b.order)
      .map(({ id }) => id)
      .join(" ");
    const watched = [...s.stragglers.watchedIn(stage)].map(({ id }) => id).join(" ");
    invariant(
      alone === watched,
      "I11",
      () => `stage ${stage} watches (${watched}), and alone are (${alone})`,
    );
  }
  const backup = nextBackup(s);
  invariant(
    backup === null || backup.at > s.now,
    "I15",
    () => `a backup was due at ${backup?.at}, now is ${s.now}`,
  );
  const attempts = [...live.values()].flat();
  const started = attempts
    .filter(({ overdueSince }) => overdueSince === null)
    .map(({ startedAt }) => startedAt);
  const oldest = earliest(started);
  invariant(
    oldest === (s.attempts.oldestStarted?.startedAt ?? null),
    "I15",
    () => `the oldest live attempt is of ${oldest}`,
  );
  const overdue = earliest(attempts.map(({ overdueSince }) => overdueSince));
  invariant(
    overdue === (s.attempts.oldestOverdue?.overdueSince ?? null),
    "I15",
    () => `the first to be overdue is so since ${overdue}`,
  );
}
