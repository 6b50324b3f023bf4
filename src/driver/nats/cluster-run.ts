// One job on a cluster, at the coordinator's end: the coordinator machine, its loop, and the door at which workers come
// in. It performs effects and turns what comes of them into events (driver.ts). It decides nothing.
//
// Owner of: the door, which log entry of a worker has which number here, who has still to leave.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { AttemptId, WorkerId } from "../../base/ids.ts";
import { inTurns } from "../../base/in-turns.ts";
import { createCoordinator } from "../../core/coordinator/coordinator.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../../core/coordinator/events.ts";
import type { JobOutcome, OutputLocation } from "../../core/types.ts";
import { ShoalError, toErrorData } from "../../errors.ts";
import type { Assignment, Peer } from "../../protocol/assignment.ts";
import { reasonOf, type DriverJob } from "../driver.ts";
import { Door, type Envelope, type Gone } from "../links/door.ts";
import type { FromWorker, ToWorker } from "../links/messages.ts";
import { Loop } from "../loop.ts";
import { SystemClock } from "../system-clock.ts";
import { blockToken } from "./block-server.ts";
import { Copies } from "./copies.ts";
import { protocolVersion, type ClusterConnection } from "./connection.ts";
import { isFromWorker, isWorker } from "./frame-bodies.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import type { OpenJob } from "./open-job.ts";
import { tellOver } from "./over.ts";
import { PatientTimers } from "./patient-timers.ts";
import { sayGone } from "./present.ts";
import { objectsAtOnce } from "./stored.ts";
import { askWorkers, type Home } from "./held.ts";
import { whyAlone } from "./waiting.ts";

export interface ClusterTimes {
  readonly heartbeatMs: number;
  /** Heartbeats of silence after which a worker is lost; fewer after which it gives itself up. */
  readonly lostTicks: number;
  readonly fenceTicks: number;
}

export const defaultTimes: ClusterTimes = { heartbeatMs: 1000, lostTicks: 10, fenceTicks: 8 };

/** How long workers may take to leave a job that is over. */
const leaveMs = 5000;
/** Of a worker's log, entries whose numbers are remembered. */
const entriesMax = 20_000;
/** Without a worker for so long, people are told why; and looked again after as long. */
const lonelyMs = 3000;

interface Guest {
  readonly url: string | null;
  /** Its log's numbers → ours. */
  readonly entries: Map<number, number>;
}

export class ClusterRun {
  private readonly job: DriverJob;
  private readonly connection: ClusterConnection;
  private readonly times: ClusterTimes;
  private readonly version: string;
  private readonly homes: ReadonlyMap<AttemptId, Home>;
  private readonly loop: Loop;
  private readonly door: Door<WorkerId>;
  private readonly epoch = Date.now() * 1000 + Math.floor(Math.random() * 1000);
  private readonly secret = randomBytes(32).toString("base64url");
  private readonly guests = new Map<WorkerId, Guest>();
  private readonly readers = new Map<string, FrameReader<FromWorker>>();
  private readonly timers: PatientTimers;
  private readonly copies: Copies | null;
  private isOver = false;
  private everJoined = false;
  /** Why nobody has joined yet, as it was told last. */
  private alone: string | null = null;
  private resolve: (outcome: JobOutcome) => void = () => {};
  private onLeft: () => void = () => {};

  constructor(
    job: DriverJob,
    connection: ClusterConnection,
    options: { times: ClusterTimes; version: string; homes: ReadonlyMap<AttemptId, Home> },
  ) {
    this.job = job;
    this.connection = connection;
    this.times = options.times;
    this.version = options.version;
    this.homes = options.homes;
    this.timers = new PatientTimers(connection);
    this.copies = Copies.of(job);
    this.loop = new Loop(
      new SystemClock(),
      (_name, effect: CoordinatorEffect, entry) => this.perform(effect, entry),
      job.observe.bind(job),
    );
    this.loop.add("coordinator", createCoordinator());
    this.door = new Door<WorkerId>(
      this.epoch,
      this.timers,
      { ...this.times, redelivers: false },
      {
        said: (worker, message) => this.hear(worker, message),
        lost: (worker, reason) => this.lose(worker, reason),
        late: (_worker, message) => this.refuse(message),
        silent: (worker, isSilent) =>
          this.post(
            isSilent ? { kind: "WorkerPaused", worker, why: "silent" } : { kind: "WorkerResumed", worker },
            null,
          ),
        send: (worker, frame) => this.send(worker, frame),
      },
    );
  }

  async start(): Promise<JobOutcome> {
    const { job, connection } = this;
    const { subjects } = connection;
    const outcome = new Promise<JobOutcome>((resolve) => (this.resolve = resolve));
    const cancel = (): void => this.post({ kind: "CancelRequested", reason: reasonOf(job.signal) }, null);
    const unsubscribe = connection.subscribe(subjects.door(job.spec.id, "*"), (bytes, subject) =>
      this.arrive(bytes, subject.slice(subject.lastIndexOf(".") + 1)),
    );
    const unsubscribeExited = connection.subscribe(subjects.exited, (bytes) => {
      const worker = Buffer.from(bytes).toString("utf8");
      if (isWorker(worker)) this.door.reset(worker as WorkerId, "its process is gone");
    });
    this.post({ kind: "JobSubmitted", job: job.spec }, null);
    for (const event of job.adopt ?? []) this.post(event, null);
    this.door.open();
    this.announce();
    this.timers.after(lonelyMs, () => void this.tellAlone());
    job.signal.addEventListener("abort", cancel);
    if (job.signal.aborted) cancel();
    try {
      const ended = await outcome;
      await this.dismiss(ended);
      return ended;
    } finally {
      job.signal.removeEventListener("abort", cancel);
      this.timers.end();
      unsubscribe();
      unsubscribeExited();
      this.loop.stop();
    }
  }

  /** Until somebody has joined, and whenever the reason is another. */
  private async tellAlone(): Promise<void> {
    const { job, connection } = this;
    const isAlone = (): boolean => !this.everJoined && !this.isOver;
    if (!isAlone()) return;
    const why = whyAlone(await askWorkers(connection).catch(() => []), job.spec.id);
    if (!isAlone()) return;
    if (why !== this.alone) {
      this.alone = why;
      job.note?.(why);
      job.waits?.(why);
    }
    this.timers.after(lonelyMs, () => void this.tellAlone());
  }

  private announce(): void {
    const { spec, program } = this.job;
    const open: OpenJob = {
      v: protocolVersion,
      version: this.version,
      run: spec.id,
      job: this.job.title ?? spec.id,
      epoch: this.epoch,
      stages: spec.stages.map(({ name }) => name),
      secret: this.secret,
      program: { data: program.data, bundle: program.bundle?.hash ?? null },
      heartbeatMs: this.times.heartbeatMs,
      ...(this.copies === null ? {} : { asksForCopies: true as const }),
    };
    const text = JSON.stringify(open);
    const tell = (): void => {
      if (this.isOver) return;
      this.connection.publish(this.connection.subjects.open, text);
      this.timers.after(this.times.heartbeatMs, tell);
    };
    tell();
  }

  private arrive(bytes: Uint8Array, worker: string): void {
    if (!isWorker(worker)) return;
    const reader = this.readers.get(worker) ?? new FrameReader<FromWorker>(isFromWorker(worker));
    this.readers.set(worker, reader);
    const read = reader.read(bytes);
    // A worker speaks for itself: the subject, under which only it may publish, is who it is.
    if (read === null || "gone" in read.frame || read.frame.worker !== worker) return;
    this.loop.witness(read.stamp);
    this.door.hear(worker as WorkerId, read.frame);
  }

  private hear(worker: WorkerId, message: FromWorker): void {
    const guest = this.guests.get(worker) ?? { url: null, entries: new Map<number, number>() };
    // Entries of our own log are named by negative numbers in a worker's.
    const causeOf = (cause: number | null): number | null =>
      cause === null ? null : cause < 0 ? -cause : (guest.entries.get(cause) ?? null);
    for (const entry of this.isOver ? [] : (message.log ?? [])) {
      guest.entries.set(entry.id, this.loop.merge(entry, causeOf(entry.cause)));
      if (guest.entries.size > entriesMax) guest.entries.delete(guest.entries.keys().next().value!);
    }
    switch (message.kind) {
      case "hello":
        this.guests.set(worker, { url: message.url ?? null, entries: guest.entries });
        this.everJoined = true;
        if (this.alone !== null) this.job.waits?.((this.alone = null));
        if (this.isOver) return this.door.say(worker, { kind: "stop", cause: null });
        this.post({ kind: "WorkerJoined", worker, slots: message.slots }, causeOf(message.cause));
        return this.welcomeCopies(worker, message.copies, causeOf(message.cause));
      case "report":
        return this.post(message.event, causeOf(message.cause));
      case "leaving":
        return this.post({ kind: "WorkerPaused", worker, why: "leaving" }, causeOf(message.cause));
      case "left":
        this.guests.delete(worker);
        return this.onLeft();
      case "printed":
        return this.job.print?.(message.text);
      case "log":
        return;
    }
  }

  private welcomeCopies(worker: WorkerId, told: string | undefined, cause: number | null): void {
    if (told === undefined || this.copies === null) return;
    const copies = this.copies.heldBy(told);
    if (copies.length > 0) this.post({ kind: "InputsHeld", worker, copies }, cause);
  }

  private lose(worker: WorkerId, reason: string): void {
    this.guests.delete(worker);
    this.readers.delete(worker);
    this.onLeft();
    void sayGone(this.connection, worker); // should it live, it comes back as another
    this.post({ kind: "WorkerLost", worker, reason }, null);
  }

  /** What a lost worker finished comes too late. The machine refuses it, and so the log tells that it did. */
  private refuse(message: FromWorker): void {
    if (message.kind === "report" && message.event.kind === "AttemptFinished") this.post(message.event, null);
  }

  private send(worker: WorkerId, frame: Envelope<ToWorker> | Gone): void {
    const { subjects, payloadMax } = this.connection;
    for (const message of encodeFrame(frame, this.loop.stamp, payloadMax)) {
      this.connection.publish(subjects.seat(this.job.spec.id, worker), message);
    }
  }

  private perform(effect: CoordinatorEffect, cause: number): void {
    switch (effect.kind) {
      case "AssignAttempt":
        return this.door.say(effect.worker, { kind: "assign", assignment: this.assignment(effect), cause });
      case "CancelAttempt":
        return this.door.say(effect.worker, { kind: "cancel", attempt: effect.attempt, cause });
      case "ExamineAttempt":
        return this.door.say(effect.worker, { kind: "examine", attempt: effect.attempt, cause });
      case "DiscardOutput":
        this.job.discard(effect.attempt);
        return this.door.say(effect.worker, { kind: "discard", attempt: effect.attempt, cause });
      case "CommitOutput":
        this.commit(effect.winners).then(
          () => this.post({ kind: "OutputCommitted" }, cause),
          (error: unknown) => this.post({ kind: "CommitFailed", error: toErrorData(error) }, cause),
        );
        return;
      case "FinishJob":
        this.isOver = true; // at once: messages that came together with its cause are given before anybody awaits it
        return this.resolve(effect.outcome);
      case "EventIgnored":
      case "NoteDecision":
        return;
    }
  }

  private assignment(effect: CoordinatorEffect & { kind: "AssignAttempt" }): Assignment {
    const { attempt, stage, index, isBackup, worker } = effect;
    const peers: Record<string, Peer> = {};
    const token = blockToken(this.secret, this.job.spec.id, attempt);
    const inputs = effect.inputs.map((locations) =>
      locations.map((location): OutputLocation => {
        const home = this.homes.get(location.attempt);
        const holder = this.guests.has(location.worker) ? location.worker : (home?.worker ?? location.worker);
        const url = this.guests.get(holder)?.url ?? home?.url ?? null;
        if (url !== null) peers[holder] ??= { url, token };
        return { attempt: location.attempt, worker: holder };
      }),
    );
    const payload = this.job.payload(stage, index);
    return { attempt, stage, index, inputs, peers, isBackup, worker, slot: -1, payload };
  }

  /** What winners hand over is brought here first. */
  private async commit(winners: readonly AttemptId[]): Promise<void> {
    const { subjects } = this.connection;
    await inTurns(winners, objectsAtOnce, async (attempt) => {
      const file = this.job.resultFile?.(attempt) ?? null;
      if (file === null) return;
      const bytes = await this.connection.getObject(subjects.results, `${this.job.spec.id}/${attempt}`);
      if (bytes === null)
        throw new ShoalError("CLUSTER_FAILED", `the result of ${attempt} is not in the object store`);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, bytes);
    });
    await this.job.commit(winners);
  }

  /** Tells every worker to leave, and waits until none of the job's attempts runs any more. */
  private async dismiss(outcome: JobOutcome): Promise<void> {
    const keeps = outcome.kind === "succeeded" ? {} : { keeps: true as const };
    for (const worker of this.guests.keys()) this.door.say(worker, { kind: "stop", ...keeps, cause: null });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leaveMs);
      this.onLeft = () => {
        if (this.guests.size > 0) return;
        clearTimeout(timer);
        resolve();
      };
      this.onLeft();
    });
    if (outcome.kind !== "succeeded") return;
    await tellOver(this.connection, this.job.spec.id);
    if (winnersHandOver(this.job)) {
      const { results } = this.connection.subjects;
      await this.connection.deleteObjects(results, `${this.job.spec.id}/`).catch(() => {}); // they are small, and swept
    }
  }

  /** What comes while the workers leave is no part of the job any more. */
  private post(event: CoordinatorEvent, cause: number | null): void {
    if (!this.isOver) this.loop.post("coordinator", event, cause);
  }
}

const winnersHandOver = (job: DriverJob): boolean => job.resultFile?.("t0.1" as AttemptId) != null;
