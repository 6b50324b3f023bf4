// One job at one worker: its end of the session with the job's coordinator, a worker machine on this process's slots, and
// the run's files. Ends when the coordinator says so, or when it is silent for too long.
//
// Owner of: the loop and the link; the entries of the log that were not told yet.

import { existsSync, mkdirSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { AttemptId, WorkerId } from "../../base/ids.ts";
import type { CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { LogEntry } from "../../core/log.ts";
import type { WorkerEffect } from "../../core/worker/events.ts";
import type { ProgramRef } from "../../executor/program.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import { ObjectCache } from "../../store/objects/cache.ts";
import { blockFile, resultFile } from "../../store/scratch.ts";
import type { SessionOptions } from "../links/door.ts";
import type { FromWorker, ToWorker } from "../links/messages.ts";
import { WorkerLink } from "../links/worker-link.ts";
import { Loop } from "../loop.ts";
import { WorkerSeat, type SeatSlots } from "../slots/worker-seat.ts";
import { SystemClock } from "../system-clock.ts";
import type { ClusterConnection } from "./connection.ts";
import { copiesText } from "./copies.ts";
import { isToWorker } from "./frame-bodies.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import type { OpenJob } from "./open-job.ts";
import { PatientTimers } from "./patient-timers.ts";

export interface JobSeatOptions {
  readonly worker: WorkerId;
  readonly job: OpenJob;
  readonly program: ProgramRef;
  readonly slots: Omit<SeatSlots, "onPrint">;
  readonly session: SessionOptions;
  /** Where the run's files are, on this machine. */
  readonly scratch: string;
  /** URL of this worker's block server. */
  readonly url: string;
  /** The assignment's payload as it is to be on this machine. */
  readonly localize: (payload: unknown, scratch: string) => unknown;
  /** The job is over here. `keeps`: its files may be wanted again; `isFenced`: this worker is one no more. */
  readonly ended: (end: { keeps: boolean; isFenced: boolean }) => void;
}

export class JobSeat {
  readonly options: JobSeatOptions;
  private readonly connection: ClusterConnection;
  private readonly loop: Loop;
  private readonly seat: WorkerSeat;
  private readonly link: WorkerLink;
  private readonly reader = new FrameReader<ToWorker>(isToWorker);
  private readonly unsubscribe: () => void;
  private readonly timers: PatientTimers;
  private untold: LogEntry[] = [];
  /** Ticks in which nobody has said anything; null: somebody did. */
  private unheardTicks: number | null = 0;
  private isOver = false;

  constructor(connection: ClusterConnection, options: JobSeatOptions) {
    const { worker, job, session } = options;
    this.options = options;
    this.connection = connection;
    this.timers = new PatientTimers(connection);
    this.loop = new Loop(
      new SystemClock(),
      (_name, effect: WorkerEffect, entry) => this.seat.perform(effect, entry),
      (entry) => this.untold.push(entry),
    );
    this.seat = new WorkerSeat(this.loop, {
      ...options.slots,
      host: (slot) => options.slots.host(slot),
      onPrint: (text) => this.say({ kind: "printed", text, cause: null }),
      worker,
      program: options.program,
      stageName: (stage) => job.stages[stage] ?? `stage ${stage}`,
      report: (event, cause) => this.report(event, cause),
      beforeFinish: (attempt) => this.handOver(attempt),
    });
    this.link = new WorkerLink(worker, this, session, {
      transmit: (frame) => {
        for (const message of encodeFrame(frame, this.loop.stamp, connection.payloadMax)) {
          connection.publish(connection.subjects.door(job.run, worker), message);
        }
      },
      said: (message) => this.hear(message),
      fence: (isLost) => void this.leave({ keeps: !isLost, isFenced: true }),
    });
    this.unsubscribe = connection.subscribe(connection.subjects.seat(job.run, worker), (bytes) =>
      this.arrive(bytes),
    );
  }

  start(): void {
    const { slots, url, scratch } = this.options;
    for (const file of [blockFile(scratch, "t0.1"), resultFile(scratch, "t0.1")]) {
      mkdirSync(path.dirname(file), { recursive: true });
    }
    this.seat.start();
    this.say({ kind: "hello", slots: slots.slots, url, ...this.copies(), cause: null });
    this.link.open();
  }

  private copies(): { readonly copies?: string } {
    return this.options.job.asksForCopies === true ? { copies: copiesText(ObjectCache.ofMachine()) } : {};
  }

  /** Slots that run an attempt. */
  get busy(): number {
    return this.seat.machine.slots().filter(({ attempt }) => attempt !== null).length;
  }

  /** This worker is leaving: no new attempts, please. */
  tellLeaving(): void {
    this.say({ kind: "leaving", cause: null });
  }

  /** Another coordinator has taken the run: this conversation is over. */
  replace(): void {
    void this.leave({ keeps: true, isFenced: true });
  }

  /** For the link, whose heartbeats take along what was not told yet. */
  after(ms: number, happen: () => void): () => void {
    return this.timers.after(ms, () => {
      if (this.unheardTicks !== null && ++this.unheardTicks >= this.options.session.fenceTicks) {
        // Whoever announced the job is gone, or never was: other jobs wait for this worker.
        void this.leave({ keeps: true, isFenced: true });
        return;
      }
      if (this.untold.length > 0) this.say({ kind: "log", cause: null });
      happen();
    });
  }

  /** Ends what still runs, at once. Idempotent. */
  async leave(end: { keeps: boolean; isFenced: boolean }): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    if (end.isFenced) this.close();
    await this.seat.leave();
    if (!end.isFenced) {
      // The session goes on until the coordinator has heard it, or is gone.
      this.say({ kind: "left", cause: null });
      await this.connection.flush().catch(() => {});
      this.close();
    }
    if (!end.keeps) await rm(this.options.scratch, { recursive: true, force: true }).catch(() => {});
    this.options.ended(end);
  }

  private close(): void {
    this.link.close();
    this.unsubscribe();
    this.loop.stop();
    this.timers.end();
  }

  private arrive(bytes: Uint8Array): void {
    const read = this.reader.read(bytes);
    if (read === null) return;
    this.unheardTicks = null;
    this.loop.witness(read.stamp);
    if ("gone" in read.frame) this.link.hearGone(read.frame.gone, read.frame.epoch);
    else this.link.hear(read.frame);
  }

  private hear(message: ToWorker): void {
    const { scratch, localize } = this.options;
    // Entries of the coordinator's log are told from our own by their sign, until it has put both into one.
    const cause = message.cause === null ? null : -message.cause;
    switch (message.kind) {
      case "assign": {
        const { assignment } = message;
        const payload = localize(assignment.payload, scratch);
        return this.seat.assign({ ...assignment, payload } satisfies Assignment, cause);
      }
      case "cancel":
        return this.seat.cancel(message.attempt, cause);
      case "examine": {
        const { attempt } = message;
        void this.seat
          .examine(attempt)
          .then((stack) => this.report({ kind: "AttemptExamined", attempt, stack }, cause));
        return;
      }
      case "discard":
        for (const file of [blockFile(scratch, message.attempt), resultFile(scratch, message.attempt)]) {
          void rm(file, { force: true }).catch(() => {}); // it goes with the run's directory
        }
        return;
      case "stop":
        return void this.leave({ keeps: message.keeps === true, isFenced: false });
    }
  }

  /** What an attempt hands to the client goes to where it survives this worker, before it counts as finished. */
  private async handOver(attempt: AttemptId): Promise<void> {
    const file = resultFile(this.options.scratch, attempt);
    if (!existsSync(file)) return;
    const { results } = this.connection.subjects;
    await this.connection.putObject(results, `${this.options.job.run}/${attempt}`, await readFile(file));
  }

  private report(event: CoordinatorEvent, cause: number | null): void {
    this.say({ kind: "report", event, cause });
  }

  private say(message: FromWorker): void {
    const log = this.untold;
    this.untold = [];
    this.link.say(log.length === 0 ? message : { ...message, log });
  }
}
