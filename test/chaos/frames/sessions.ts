// Frames of sessions: at the coordinator of a job, at a worker's seat, at the two ends of a leased slot.

import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { crc32 } from "node:zlib";
import { below, rng } from "../../../src/base/rng.ts";
import { jobId, workerId, type AttemptId } from "../../../src/base/ids.ts";
import { describe } from "../../../src/core/describe.ts";
import type { CoordinatorEvent } from "../../../src/core/coordinator/events.ts";
import type { LogEntry } from "../../../src/core/log.ts";
import { newMeter } from "../../../src/data/contract.ts";
import { defaultLimits } from "../../../src/core/types.ts";
import type { Envelope } from "../../../src/driver/links/door.ts";
import type { FromWorker, ToWorker } from "../../../src/driver/links/messages.ts";
import { argsOf, BodyWriter, readDown, invokeOf } from "../../../src/driver/nats/calls/lease-body.ts";
import { LeaseEnd } from "../../../src/driver/nats/calls/lease-end.ts";
import { encodeFrame as encodePiece, type Down } from "../../../src/driver/nats/calls/lease-wire.ts";
import { ClusterRun } from "../../../src/driver/nats/cluster-run.ts";
import { encodeFrame } from "../../../src/driver/nats/frames.ts";
import { JobSeat } from "../../../src/driver/nats/job-seat.ts";
import type { SlotHost } from "../../../src/driver/slots/slot-host.ts";
import { callForms } from "../../../src/protocol/calls.ts";
import { damaged } from "./mutate.ts";
import { must, type Victim } from "./receiver.ts";
import { Wire } from "./wire.ts";

const run = jobId("fuzz-1");
const epoch = 17;
/** Nobody beats while a message is looked at. */
const heartbeatMs = 60_000;
const tasks = 20_000;

const figures = {
  ...newMeter(),
  recordsIn: 1,
  recordsOut: 1,
  bytesIn: 1,
  bytesOut: 1,
  runMs: 5,
  counters: { seen: 1 },
};
const error = {
  name: "TypeError",
  message: "no good",
  stack: "TypeError: no good\n    at f (a.ts:1:2)",
  properties: { line: 3 },
  cause: { name: "ShoalError", message: "why", code: "USER_ERROR" as const, hint: "Mend it." },
};

const frame = <Body extends FromWorker | ToWorker>(
  worker: string,
  seq: number,
  body: Body,
  of = epoch,
): Uint8Array => {
  const envelope = { seq, ack: 0, body, worker, epoch: of } as unknown as Envelope<Body>;
  return Buffer.from(encodeFrame(envelope as never, 5, 1 << 20)[0]!);
};

/** All that a worker says, about attempt t0.1: with the log that led to it. */
function saidByWorker(worker: string): Uint8Array[] {
  const attempt = "t0.1" as AttemptId;
  const report = (event: object): object => ({ kind: "report", event, cause: 2 });
  const entry = (id: number, type: string, body: object): object => ({
    id,
    at: id,
    cause: id === 1 ? null : -1,
    machine: worker,
    type,
    body,
  });
  const failure = { kind: "error", final: false, error };
  const slot = { slot: 0, generation: 1 };
  const log = [
    entry(1, "event", { kind: "WorkerStarted", slots: 1, abortGraceMs: 1000 }),
    entry(2, "effect", { kind: "StartSlot", ...slot }),
    entry(3, "event", { kind: "SlotReady", ...slot }),
    entry(4, "event", { kind: "SlotFailed", ...slot, attempt, failure }),
    entry(5, "effect", { kind: "ReportFinished", attempt, figures }),
    entry(6, "effect", { kind: "TerminateSlot", ...slot, why: "its time is up" }),
  ];
  const bodies: object[] = [
    { kind: "hello", slots: 2, url: "http://127.0.0.1:4000", cause: null },
    { ...report({ kind: "AttemptStarted", worker, attempt, slot: 0 }), log },
    report({ kind: "AttemptProgressed", attempt, recordsIn: 3, bytesIn: 40 }),
    report({ kind: "AttemptFinished", worker, attempt, figures }),
    report({ kind: "AttemptFailed", worker, attempt, failure }),
    report({ kind: "AttemptFailed", worker, attempt, failure: { kind: "loss", error, isBlameless: true } }),
    report({ kind: "AttemptFailed", worker, attempt, failure: { kind: "blocks", lost: ["t1.1"], error } }),
    report({ kind: "AttemptFailed", worker, attempt, failure: { kind: "cancelled" } }),
    report({ kind: "AttemptExamined", attempt, stack: "at f (a.ts:1:2)" }),
    { kind: "printed", text: "hello\n", cause: null },
    { kind: "log", cause: null, log },
    { kind: "leaving", cause: null },
    { kind: "left", cause: null },
  ];
  return bodies.map((body) => frame(worker, 2, body as FromWorker, 0));
}

/** The coordinator of a job with more tasks than will be worked on. Each message comes from a worker of its own. */
export function atCoordinator(): Promise<Victim> {
  const wire = new Wire();
  const over = new AbortController();
  const { door, seat } = {
    door: (w: string) => wire.subjects.door(run, w),
    seat: (w: string) => wire.subjects.seat(run, w),
  };
  let workers = 0;
  let isOver = false;
  const observe = (entry: LogEntry): void => {
    JSON.stringify(entry);
    describe(entry);
  };
  const coordinator = new ClusterRun(
    {
      spec: { id: run, stages: [{ name: "map", tasks, reads: [], output: "kept" }], limits: defaultLimits },
      program: { module: "none", data: null },
      payload: () => null,
      commit: () => Promise.resolve(),
      discard: () => {},
      print: () => {},
      signal: over.signal,
      observe,
    },
    wire.connection,
    { times: { heartbeatMs, lostTicks: 10, fenceTicks: 8 }, version: "0.0.0", homes: new Map() },
  );
  const outcome = coordinator.start();
  void outcome.then(() => (isOver = true));
  const join = (): { readonly worker: string; readonly orders: Uint8Array[] } => {
    const worker = workerId(++workers);
    wire.said = [];
    wire.give(door(worker), frame(worker, 1, { kind: "hello", slots: 1, cause: null }, 0));
    return { worker, orders: wire.taken(seat(worker)) };
  };
  const messages = saidByWorker("w1");
  const victim: Victim = {
    messages,
    give: (bytes) => {
      const { worker, orders } = join();
      const attempt = /"attempt":"(t\d+\.\d+)"/.exec(Buffer.concat(orders).toString())?.[1] ?? "t0.1";
      // As if it was said by this worker, of what it runs; some are said in another's name.
      const text = Buffer.from(bytes)
        .toString("latin1")
        .replaceAll('"w1"', `"${worker}"`)
        .replaceAll('"t0.1"', `"${attempt}"`);
      wire.give(door(worker), Buffer.from(text, "latin1"));
      wire.give(wire.subjects.exited, bytes.subarray(0, 40));
    },
    check: () => {
      const { worker, orders } = join();
      const ordered = Buffer.concat(orders).toString();
      must(
        ordered.includes('"kind":"assign"') || ordered.includes('"kind":"stop"'),
        `${worker} got no order: ${ordered}`,
      );
      if (!ordered.includes('"kind":"assign"')) return;
      const [, attempt] = /"attempt":"(t\d+\.\d+)"/.exec(ordered)!;
      const event = { kind: "AttemptFinished", worker, attempt, figures } as unknown as CoordinatorEvent;
      wire.give(door(worker), frame(worker, 2, { kind: "report", event, cause: null }, 0));
      must(
        Buffer.concat(wire.taken(seat(worker))).includes('"kind":"assign"'),
        `${worker} got no second task`,
      );
    },
    close: () => {
      // Whoever is there leaves, so that the job ends now.
      over.abort(new Error("enough"));
      if (isOver) return;
      for (let n = 1; n <= workers; n++) {
        for (let seq = 2; seq < 5; seq++)
          wire.give(door(`w${n}`), frame(`w${n}`, seq, { kind: "left", cause: null }, 0));
      }
    },
  };
  return Promise.resolve(victim);
}

/** A slot that runs nothing. */
const idleHost = (): SlotHost =>
  ({
    isAlive: true,
    running: null,
    listener: () => {},
    ready: Promise.resolve(),
    exited: new Promise(() => {}),
    setReferenced: () => {},
    load: () => {},
    run: () => {},
    abort: () => {},
    terminate: () => Promise.resolve(),
    look: () => Promise.resolve(null),
  }) as unknown as SlotHost;

/** One job at one worker. Each message comes to a seat of its own, which has been given a task. */
export function atSeat(): Promise<Victim> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-frames-"));
  const wire = new Wire();
  const worker = workerId(1);
  const attempt = (n: number): AttemptId => `t${n}.1` as AttemptId;
  const assign = (n: number): ToWorker => ({
    kind: "assign",
    assignment: {
      attempt: attempt(n),
      stage: 0,
      index: n,
      worker,
      slot: -1,
      inputs: [[{ attempt: attempt(9), worker: workerId(2) }]],
      peers: { w2: { url: "http://127.0.0.1:4000", token: "secret" } },
      isBackup: false,
      payload: { run: { job: "x", parameters: { input: "a" } }, split: null },
    },
    cause: 3,
  });
  const orders: ToWorker[] = [
    assign(1),
    { kind: "cancel", attempt: attempt(0), cause: 4 },
    { kind: "examine", attempt: attempt(0), cause: 4 },
    { kind: "discard", attempt: attempt(0), cause: 4 },
    { kind: "stop", keeps: true, cause: 4 },
  ];
  const gone = Buffer.from(encodeFrame({ gone: worker, epoch }, 5, 1 << 20)[0]!);
  let ended = 0;
  let seats = 0;
  let seat: JobSeat | null = null;
  const hear = (bytes: Uint8Array): void => void wire.give(wire.subjects.seat(run, worker), bytes);
  const sit = (): void => {
    void seat?.leave({ keeps: true, isFenced: true });
    ended = 0;
    seat = new JobSeat(wire.connection, {
      worker,
      job: {
        v: 1,
        version: "0.0.0",
        run,
        epoch,
        stages: ["map"],
        secret: "secret",
        program: { data: null, bundle: null },
        heartbeatMs,
      },
      program: { module: "none", data: null },
      slots: { slots: 1, abortGraceMs: 1000, key: "p1", host: idleHost },
      session: { heartbeatMs, lostTicks: 10, fenceTicks: 8, redelivers: false },
      // What a seat before it still deletes is not this one's.
      scratch: path.join(directory, String(++seats)),
      url: "http://127.0.0.1:4001",
      localize: (payload) => payload,
      ended: () => void ended++,
    });
    seat.start();
    hear(frame(worker, 1, assign(0)));
  };
  return Promise.resolve({
    messages: [...orders.map((order) => frame(worker, 2, order)), gone],
    give: (bytes) => {
      sit();
      hear(bytes);
    },
    check: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (ended > 0 || seat!["isOver"]) return; // it was told to stop
      wire.said = [];
      // What was given was the second message, or no message.
      hear(frame(worker, 2, { kind: "examine", attempt: attempt(0), cause: 5 }));
      hear(frame(worker, 3, { kind: "examine", attempt: attempt(0), cause: 5 }));
      await new Promise((resolve) => setImmediate(resolve));
      must(Buffer.concat(wire.taken("")).includes('"AttemptExamined"'), "the seat does not answer");
    },
    close: async () => {
      await seat?.leave({ keeps: true, isFenced: true });
      rmSync(directory, { recursive: true, force: true });
    },
  });
}

const headBytes = 22;

/** The worker's end of a leased slot: bodies of messages and calls, in pieces. */
export function atLease(): Promise<Victim> {
  const wire = new Wire();
  const chances = rng(7);
  let heard: Down[] = [];
  let end: LeaseEnd | null = null;
  const said: Down[] = [
    { kind: "load", key: "p1", module: "none", data: null },
    { kind: "define", target: 1, ref: { bundle: "/x/y.mjs", module: "m", name: "f" } },
    { kind: "take-back", ticket: 7 },
    { kind: "invoke", ticket: 8, target: 1, form: callForms[0], args: [1, "a", { b: [2, null] }] },
    { kind: "end-slot" },
  ] as unknown as Down[];
  const piece = (messages: readonly Down[], seq: number): Uint8Array => {
    const body = new BodyWriter();
    for (const message of messages) body.message(message);
    return encodePiece({ seq, ack: 0, body: { isLast: true, bytes: body.take() } });
  };
  const open = (): void => {
    end?.close();
    heard = [];
    end = new LeaseEnd(wire.connection, {
      say: "up",
      hear: "down",
      heartbeatMs,
      lostTicks: 10,
      said: (body) =>
        readDown(
          body,
          (message) => void heard.push(message),
          (call) => void argsOf(call),
          (call) => void invokeOf(call, () => new SharedArrayBuffer(8)),
        ),
      lost: () => end!.close(),
    });
  };
  /** Damage that the checksum does not show. */
  const sealed = (bytes: Uint8Array): Uint8Array => {
    const copy = Buffer.from(bytes);
    if (copy.length >= headBytes) copy.writeUInt32LE(crc32(copy.subarray(headBytes)), 18);
    return copy;
  };
  return Promise.resolve({
    messages: [...said.map((message) => [message]), said].map((list) => Buffer.from(JSON.stringify(list))),
    give: (bytes) => {
      open();
      let frame: Uint8Array;
      try {
        frame = piece(JSON.parse(Buffer.from(bytes).toString("utf8")) as Down[], 1);
      } catch {
        frame = damaged(piece(said, 1), chances);
        if (below(chances, 2) === 0) frame = sealed(frame);
      }
      wire.give("down", frame);
    },
    check: () => {
      open();
      wire.give("down", piece(said.slice(0, 1), 1));
      must(heard.length === 1, "the leased slot does not hear");
    },
    close: () => end?.close(),
  });
}
