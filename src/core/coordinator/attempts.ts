// Attempt ledger: the attempts in flight, that is from AssignAttempt until their end is reported or their worker is
// lost. Each holds a slot of its worker all that time, also when it was told to stop.
//
//   assigned ──▶ running ──▶ (out)         live: its end decides something
//      └──────────┴──▶ cancelling ──▶ (out)   told to stop: its end only frees the slot
//
// Not here: what the end of an attempt means for its task (outcomes.ts), when a backup is due (speculation.ts).
// Owner of: state.attempts.
//
// Invariants
//   I3  While the job runs, a running task has one live attempt or two, which are each other's rivals; any other
//       task has none.

import { invariant } from "../../base/assert.ts";
import { attemptId, type AttemptId, type TaskNumber, type WorkerId } from "../../base/ids.ts";
import { LinkedList, type ListNode } from "../../base/linked-list.ts";
import type { Millis, StageIndex } from "../types.ts";

export type AttemptMode = "assigned" | "running" | "cancelling";

/** Read by all, written by this file only. */
export interface Attempt {
  readonly id: AttemptId;
  readonly task: TaskNumber;
  readonly number: number;
  readonly stage: StageIndex;
  readonly worker: WorkerId;
  readonly isBackup: boolean;
  /** Grows with every assignment: a total order of attempts by age. */
  readonly order: number;
  readonly assignedAt: Millis;
  readonly startedAt: Millis | null;
  readonly mode: AttemptMode;
  /** Why it was told to stop. */
  readonly cancelReason: string | null;
  /** When its time was up, while it is found out where it is. */
  readonly overdueSince: Millis | null;
  /** The other live attempt of the same task. */
  readonly rival: Attempt | null;
}

interface AttemptRecord extends Attempt {
  startedAt: Millis | null;
  mode: AttemptMode;
  cancelReason: string | null;
  rival: AttemptRecord | null;
  overdueSince: Millis | null;
  /** Its place in `byStart`, or in `overdue` once it is that. */
  node: ListNode<Attempt> | null;
}

type NewAttempt = Pick<Attempt, "task" | "number" | "stage" | "worker" | "assignedAt"> & {
  rival: Attempt | null;
};

export class AttemptLedger {
  private readonly byId = new Map<AttemptId, AttemptRecord>();
  private readonly byWorker = new Map<WorkerId, Set<AttemptRecord>>();
  /** Live, started and not overdue, in order of their start: the first is the first to time out. */
  private readonly byStart = new LinkedList<Attempt>();
  /** Live and overdue, in order of that. */
  private readonly overdue = new LinkedList<Attempt>();
  private lastOrder = 0;
  private backups = 0;

  get count(): number {
    return this.byId.size;
  }

  /** Attempts that were ever added. */
  get assignedEver(): number {
    return this.lastOrder;
  }

  /** Backups in flight, those told to stop included. */
  get backupCount(): number {
    return this.backups;
  }

  get(id: AttemptId): Attempt | undefined {
    return this.byId.get(id);
  }

  [Symbol.iterator](): IterableIterator<Attempt> {
    return this.byId.values();
  }

  /** The live attempt that started first, of those that are not overdue. */
  get oldestStarted(): Attempt | null {
    return this.byStart.first?.value ?? null;
  }

  get oldestOverdue(): Attempt | null {
    return this.overdue.first?.value ?? null;
  }

  /** `rival`: the live attempt that this one backs up. */
  add({ task, number, stage, worker, assignedAt, rival }: NewAttempt): Attempt {
    const id = attemptId(task, number);
    invariant(!this.byId.has(id), "I1", () => `attempt ${id} is in flight already`);
    const attempt: AttemptRecord = {
      id,
      task,
      number,
      stage,
      worker,
      assignedAt,
      isBackup: rival !== null,
      order: ++this.lastOrder,
      startedAt: null,
      mode: "assigned",
      cancelReason: null,
      rival: null,
      overdueSince: null,
      node: null,
    };
    this.byId.set(id, attempt);
    const there = this.byWorker.get(worker);
    if (there === undefined) this.byWorker.set(worker, new Set([attempt]));
    else there.add(attempt);
    if (rival !== null) this.pair(attempt, this.record(rival));
    return attempt;
  }

  becomeRunning(attempt: Attempt, now: Millis): void {
    const record = this.record(attempt);
    invariant(record.mode === "assigned", "I3", () => `${attempt.id} is ${attempt.mode}, so it cannot start`);
    record.mode = "running";
    record.startedAt = now;
    record.node = this.byStart.append(record);
  }

  /** Its time is up; it stays live until it is told to stop. */
  becomeOverdue(attempt: Attempt, now: Millis): void {
    const record = this.record(attempt);
    invariant(
      record.mode === "running" && record.overdueSince === null,
      "I3",
      () =>
        `${attempt.id} is ${attempt.mode}, overdue since ${attempt.overdueSince}, so its time cannot be up`,
    );
    this.unfile(record);
    record.overdueSince = now;
    record.node = this.overdue.append(record);
  }

  /** It no longer counts; its slot is still taken. */
  becomeCancelling(attempt: Attempt, reason: string): void {
    const record = this.record(attempt);
    invariant(record.mode !== "cancelling", "I3", () => `${attempt.id} was told to stop twice`);
    this.detach(record);
    record.mode = "cancelling";
    record.cancelReason = reason;
  }

  /** Its end was reported. */
  remove(attempt: Attempt): void {
    const record = this.record(attempt);
    this.detach(record);
    this.byId.delete(record.id);
    if (record.isBackup) this.backups--;
    this.byWorker.get(record.worker)!.delete(record);
  }

  /** Removes all attempts at a worker that was lost, oldest first. Rivals stay paired; outcomes.ts parts them. */
  removeWorker(worker: WorkerId): Attempt[] {
    const lost = [...(this.byWorker.get(worker) ?? [])];
    this.byWorker.delete(worker);
    for (const attempt of lost) {
      this.byId.delete(attempt.id);
      if (attempt.isBackup) this.backups--;
      this.unfile(attempt);
    }
    return lost;
  }

  /** Ends the rivalry. Returns who was the rival. */
  part(attempt: Attempt): Attempt | null {
    const rival = (attempt as AttemptRecord).rival;
    if (rival !== null) rival.rival = null;
    (attempt as AttemptRecord).rival = null;
    return rival;
  }

  private pair(backup: AttemptRecord, rival: AttemptRecord): void {
    invariant(
      rival.rival === null && rival.mode !== "cancelling" && rival.task === backup.task,
      "I3",
      () => `${rival.id} (${rival.mode}) cannot have ${backup.id} as its backup`,
    );
    backup.rival = rival;
    rival.rival = backup;
    this.backups++;
  }

  private detach(record: AttemptRecord): void {
    this.part(record);
    this.unfile(record);
  }

  private unfile(record: AttemptRecord): void {
    const { node, overdueSince } = record;
    if (node !== null) (overdueSince === null ? this.byStart : this.overdue).remove(node);
    record.node = null;
  }

  private record(attempt: Attempt): AttemptRecord {
    const record = this.byId.get(attempt.id);
    invariant(record !== undefined && record === attempt, "I3", () => `${attempt.id} is not in flight`);
    return record;
  }
}
