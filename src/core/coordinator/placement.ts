// Placement: which runnable task goes to which free slot, by where its input is.
//
// First tasks whose input is at a worker with a free slot, then tasks that are at home nowhere, in the order of the ready
// queue. What is left has its input at workers that are busy: it is held back, and free slots elsewhere wait, each
// worker's at most as long as moving the input would take and never longer than `placeWaitMsMax`. A worker that has
// waited helps the others at once, until it finds something of its own again. This is delay scheduling (Zaharia et al.,
// EuroSys 2010, §3), with the slot's time and not the job's: there, one task in time keeps the others waiting for ever.
//
// Not here: assigning (schedule.ts), what is where (places.ts, outputs.ts). Owner of nothing.

import { invariant } from "../../base/assert.ts";
import type { TaskNumber, WorkerId } from "../../base/ids.ts";
import type { Millis, StageIndex } from "../types.ts";
import type { CoordinatorEvent } from "./events.ts";
import { ignore, note, type CoordinatorState } from "./state.ts";
import type { Worker } from "./workers.ts";

export interface Placement {
  readonly task: TaskNumber;
  readonly worker: WorkerId;
  /** The worker has what the task reads. */
  readonly isLocal: boolean;
}

/** The task that is assigned next, and where. Null: none can run, or those that could are held back. */
export function nextPlacement(s: CoordinatorState): Placement | null {
  if (s.workers.freeSlots === 0) return null;
  for (let stage = s.ready.nextStage(0); stage !== -1; stage = s.ready.nextStage(stage + 1)) {
    const found = placeIn(s, stage);
    if (found !== null) return found;
  }
  return null;
}

function placeIn(s: CoordinatorState, stage: StageIndex): Placement | null {
  const first = s.ready.firstOf(stage);
  if (s.places.hasCopies(stage)) {
    for (const { id } of s.workers.roomy()) {
      const task = s.places.firstLocal(id);
      if (task !== -1 && s.stages.stageOf(task) === stage) return { task, worker: id, isLocal: true };
    }
    const loose = s.places.firstLoose(stage);
    if (loose !== -1) return anywhere(s, loose);
  } else {
    const homes = homesOf(s, first);
    if (homes.length === 0) return anywhere(s, first);
    for (const id of homes) if (hasRoom(s, id)) return { task: first, worker: id, isLocal: true };
  }
  const waitMs = waitMsOf(s, first);
  for (const { id } of s.workers.roomy()) {
    const since = s.places.idleSince(id);
    if (waitMs === 0 || (since !== null && s.now >= since + waitMs))
      return { task: first, worker: id, isLocal: false };
  }
  return null;
}

/** To the roomiest worker, but not to where its last attempt was lost if it can be helped. */
function anywhere(s: CoordinatorState, task: TaskNumber): Placement {
  const avoided = s.tasks.lastLostAt(task);
  const worker = avoided === null ? s.workers.roomiest() : s.workers.roomiestOtherThan(avoided);
  invariant(worker !== null, "I8", () => `${s.workers.freeSlots} slots are free at no worker`);
  return { task, worker: worker.id, isLocal: false };
}

/** Workers that can take work, and have what the task reads. */
export function homesOf(s: CoordinatorState, task: TaskNumber): readonly WorkerId[] {
  const stage = s.stages.stageOf(task);
  if (s.places.hasCopies(stage)) return s.places.usableHolders(task);
  if (s.stages.spec(stage).reads.length === 0 || s.tasks.lastLostAt(task) !== null) return [];
  return s.outputs.home(stage).workers.filter((id) => s.workers.get(id)?.isPaused === false);
}

/** How long a slot elsewhere may wait before it takes the task. */
export function waitMsOf(s: CoordinatorState, task: TaskNumber): Millis {
  const { moveBytesPerMs, placeWaitMsMax } = s.spec.limits;
  const stage = s.stages.stageOf(task);
  const bytes = s.places.hasCopies(stage)
    ? s.places.bytesOf(task)
    : s.outputs.home(stage).bytes / s.stages.spec(stage).tasks;
  return Math.min(placeWaitMsMax, Math.floor(bytes / moveBytesPerMs));
}

const hasRoom = (s: CoordinatorState, id: WorkerId): boolean => {
  const worker = s.workers.get(id);
  return worker !== null && !worker.isPaused && worker.free > 0;
};

/** After all that can be assigned was: whose free slots wait, from now on or still. */
export function noteWaiting(s: CoordinatorState): void {
  if (s.ready.isEmpty) return s.places.endAllIdle();
  const began: Worker[] = [];
  for (const worker of s.workers.roomy()) if (s.places.becomeIdle(worker.id, s.now)) began.push(worker);
  if (began.length === 0) return;
  const waitMs = shortestWait(s);
  for (const { id } of began) note(s, { kind: "slots-wait", worker: id, untilMs: s.now + waitMs });
}

/** When the first slot has waited for long enough; null: none waits. */
export function waitsUntil(s: CoordinatorState): Millis | null {
  if (s.workers.freeSlots === 0 || s.ready.isEmpty) return null;
  let since: Millis | null = null;
  for (const { id } of s.workers.roomy()) {
    const idle = s.places.idleSince(id);
    if (idle !== null && (since === null || idle < since)) since = idle;
  }
  return since === null ? null : since + shortestWait(s);
}

/** Of the stages' first tasks, which are taken first. */
function shortestWait(s: CoordinatorState): Millis {
  let shortest = Infinity;
  for (let stage = s.ready.nextStage(0); stage !== -1; stage = s.ready.nextStage(stage + 1))
    shortest = Math.min(shortest, waitMsOf(s, s.ready.firstOf(stage)));
  return shortest;
}

/** A worker tells what it has. What makes no sense is refused, and said. */
export function inputsHeld(
  s: CoordinatorState,
  worker: WorkerId,
  copies: (CoordinatorEvent & { kind: "InputsHeld" })["copies"],
): void {
  if (s.job.phase !== "running") return ignore(s, "InputsHeld", `the job is ${s.job.phase}`);
  if (!s.workers.isHere(worker)) return ignore(s, "InputsHeld", `worker ${worker} is not here`);
  let refused = 0;
  for (const [task, bytes] of copies) {
    if (isCopy(s, task, bytes) && !s.places.isFull) s.places.hold(worker, task, bytes);
    else refused++;
  }
  if (refused > 0) ignore(s, "InputsHeld", `${refused} of ${copies.length} copies are of no use`);
}

/** A task that was lost with its slot goes elsewhere, and has no place any more. */
const isCopy = (s: CoordinatorState, task: TaskNumber, bytes: number): boolean =>
  Number.isInteger(task) &&
  task >= 0 &&
  s.tasks.has(task) &&
  s.stages.spec(s.stages.stageOf(task)).reads.length === 0 &&
  s.tasks.lastLostAt(task) === null &&
  Number.isFinite(bytes) &&
  bytes >= 0;
