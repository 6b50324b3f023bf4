// A worker machine on real slots, for one job: performs its effects, and turns what comes of them into events. Drivers
// whose slots are threads or processes share it; what the worker reports goes to the coordinator by the driver's way.
//
// Not here: who decides (core/worker), what a slot is (slot-host.ts), where the coordinator is.
// Owner of: which slots the job has in use, the assignments that were not yet reported.

import type { AttemptId, WorkerId } from "../../base/ids.ts";
import type { CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { StageIndex } from "../../core/types.ts";
import { createWorker, type Worker } from "../../core/worker/worker.ts";
import type { WorkerEffect, WorkerEvent } from "../../core/worker/events.ts";
import { toErrorData } from "../../errors.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import type { Loop } from "../loop.ts";
import type { SlotHost } from "./slot-host.ts";

/** The slots that a job gets of a machine. */
export interface SeatSlots {
  readonly slots: number;
  readonly abortGraceMs: number;
  readonly onPrint: (text: string) => void;
  /** The program's key in the slots. */
  readonly key: string;
  /** The slot of this number, started if it has ended. */
  host(slot: number): SlotHost;
}

export interface SeatOptions extends SeatSlots {
  readonly worker: WorkerId;
  readonly program: ProgramRef;
  stageName(stage: StageIndex): string;
  /** What has to be done before an attempt counts as finished. What it throws makes the attempt fail. */
  beforeFinish?(attempt: AttemptId): Promise<void>;
  /** Tells the coordinator. `cause` is an entry of the loop's log. */
  report(event: CoordinatorEvent, cause: number): void;
}

export class WorkerSeat {
  readonly machine: Worker = createWorker();
  private readonly name: `w${number}`;
  private readonly loop: Loop;
  private readonly options: SeatOptions;
  private readonly inUse = new Map<number, SlotHost>();
  /** Assigned and not yet reported. */
  private readonly assignments = new Map<AttemptId, Assignment>();

  /** `loop` is to hand the effects of the machine to `perform`. */
  constructor(loop: Loop, options: SeatOptions) {
    this.name = options.worker as `w${number}`;
    this.loop = loop;
    this.options = options;
    loop.add(this.name, this.machine);
  }

  start(): void {
    const { slots, abortGraceMs } = this.options;
    this.post({ kind: "WorkerStarted", slots, abortGraceMs }, null);
  }

  assign(assignment: Assignment, cause: number | null): void {
    this.assignments.set(assignment.attempt, assignment);
    this.post({ kind: "AttemptAssigned", attempt: assignment.attempt }, cause);
  }

  cancel(attempt: AttemptId, cause: number | null): void {
    this.post({ kind: "CancelRequested", attempt }, cause);
  }

  /** Its JavaScript stack, while it runs; null: none could be taken. */
  async examine(attempt: AttemptId): Promise<string | null> {
    const host = [...this.inUse.values()].find(({ running }) => running?.attempt === attempt);
    return host === undefined ? null : await host.look();
  }

  /** The job is over, for this worker at least: whatever still runs of it is ended. The slots stay warm otherwise. */
  async leave(): Promise<void> {
    await Promise.all(
      [...this.inUse.values()].map(async (host) => {
        if (host.running !== null) await host.terminate("its job is over");
        host.listener = () => {};
        if (host.isAlive) host.setReferenced(false);
      }),
    );
  }

  perform(effect: WorkerEffect, entry: number): void {
    const { worker, report } = this.options;
    switch (effect.kind) {
      case "StartSlot":
        return this.startSlot(effect.slot, effect.generation, entry);
      case "RunAttempt":
        return this.run(effect.slot, effect.generation, effect.attempt, entry);
      case "AbortAttempt":
        return this.inUse.get(effect.slot)!.abort(effect.attempt, "it is no longer needed");
      case "TerminateSlot":
        return void this.inUse.get(effect.slot)?.terminate(effect.why);
      case "ReportStarted": {
        const { attempt, slot } = effect;
        return report({ kind: "AttemptStarted", worker, attempt, slot }, entry);
      }
      case "ReportFinished": {
        const { attempt, figures } = effect;
        this.assignments.delete(attempt);
        return report({ kind: "AttemptFinished", worker, attempt, figures }, entry);
      }
      case "ReportFailed": {
        const { attempt, failure } = effect;
        this.assignments.delete(attempt);
        return report({ kind: "AttemptFailed", worker, attempt, failure }, entry);
      }
      case "EventIgnored":
        return;
    }
  }

  private startSlot(slot: number, generation: number, entry: number): void {
    const { program, key } = this.options;
    const host = this.options.host(slot);
    host.setReferenced(true);
    this.inUse.set(slot, host);
    host.load(program, key);
    host.listener = (message) => this.receive(slot, generation, message, entry);
    void host.ready.then(() => this.post({ kind: "SlotReady", slot, generation }, entry));
    void host.exited.then(({ error, isExternal }) =>
      this.post(
        { kind: "SlotExited", slot, generation, error, ...(isExternal ? { isExternal } : {}) },
        entry,
      ),
    );
  }

  private run(slot: number, generation: number, attempt: AttemptId, entry: number): void {
    const { program, key, stageName } = this.options;
    const assignment = this.assignments.get(attempt)!;
    const host = this.inUse.get(slot)!;
    host.listener = (message) => this.receive(slot, generation, message, entry);
    host.run(program, key, { ...assignment, slot }, stageName(assignment.stage));
  }

  private receive(slot: number, generation: number, message: FromSlot, entry: number): void {
    switch (message.kind) {
      case "progress":
        return this.options.report({ ...message, kind: "AttemptProgressed" }, entry);
      case "finished": {
        const { attempt, figures } = message;
        const { beforeFinish } = this.options;
        const finished = { kind: "SlotFinished", slot, generation, attempt, figures } as const;
        if (beforeFinish === undefined) return this.post(finished, entry);
        beforeFinish(attempt).then(
          () => this.post(finished, entry),
          (error: unknown) => {
            const failure = { kind: "error", final: false, error: toErrorData(error) } as const;
            this.post({ kind: "SlotFailed", slot, generation, attempt, failure }, entry);
          },
        );
        return;
      }
      case "failed": {
        const { attempt, failure } = message;
        return this.post({ kind: "SlotFailed", slot, generation, attempt, failure }, entry);
      }
      case "printed":
        return this.options.onPrint(message.text);
      case "memory":
      case "ready":
      case "answered":
      case "refused":
        return;
    }
  }

  private post(event: WorkerEvent, cause: number | null): void {
    this.loop.post(this.name, event, cause);
  }
}
