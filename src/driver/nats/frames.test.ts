// What of a message is believed, case by case; test/chaos/frames.ts gives mutated ones to their receivers.

import { describe, expect, test } from "vitest";
import { argsOf, BodyWriter, readDown, invokeOf } from "./calls/lease-body.ts";
import { isFromWorker, isToWorker } from "./frame-bodies.ts";
import { FrameReader } from "./frames.ts";
import { objectIn } from "./json.ts";
import { parseOpenJob } from "./open-job.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const lists = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("JSON", () => {
  test("nesting that would overflow the stack of who walks it is refused; brackets in texts are texts", () => {
    expect(objectIn(`{"a":${lists(200)}}`)).not.toBeNull();
    expect(objectIn(`{"a":${lists(300)}}`)).toBeNull();
    const text = `\\"${"[".repeat(5000)}`;
    expect(objectIn(JSON.stringify({ text }))).toEqual({ text });
  });

  test("a list is no object", () => {
    expect(objectIn("[1]")).toBeNull();
  });
});

describe("frames", () => {
  const reader = (): FrameReader<unknown> => new FrameReader(isToWorker);
  const bare = { worker: "w1", epoch: 1, seq: 0, ack: 0, body: null };

  test("a time from which one cannot count on does not become ours: our frames would be refused by all", () => {
    const read = reader().read(bytes({ v: 1, stamp: Number.MAX_SAFE_INTEGER, frame: bare }));
    expect(Number.isSafeInteger(read!.stamp + 1000)).toBe(true);
  });

  test("another version, another type, an unknown member", () => {
    expect(reader().read(bytes({ v: 1, stamp: 1, frame: bare }))).toEqual({ stamp: 1, frame: bare });
    expect(reader().read(bytes({ v: 2, stamp: 1, frame: bare }))).toBeNull();
    expect(reader().read(bytes({ v: 1, stamp: 1, frame: { ...bare, epoch: { toString: 1 } } }))).toBeNull();
    expect(
      reader().read(bytes({ v: 1, stamp: 1, frame: { ...bare, body: { kind: "toString" } } })),
    ).toBeNull();
  });
});

describe("bodies", () => {
  test("an attempt to be discarded is a name, no path", () => {
    expect(isToWorker({ kind: "discard", attempt: "t1.1", cause: null })).toBe(true);
    expect(isToWorker({ kind: "discard", attempt: "../../t1.1", cause: null })).toBe(false);
  });

  test("a worker speaks of itself: its reports, and its log", () => {
    const report = (worker: string): Record<string, unknown> => ({
      kind: "report",
      cause: null,
      event: { kind: "AttemptStarted", worker, attempt: "t1.1", slot: 0 },
    });
    expect(isFromWorker("w1")(report("w1"))).toBe(true);
    expect(isFromWorker("w1")(report("w2"))).toBe(false);
    const entry = { id: 1, at: 1, cause: null, machine: "w1", type: "event", body: { kind: "TimePassed" } };
    expect(isFromWorker("w1")({ kind: "log", cause: null, log: [entry] })).toBe(true);
    expect(
      isFromWorker("w1")({ kind: "log", cause: null, log: [{ ...entry, machine: "coordinator" }] }),
    ).toBe(false);
    expect(
      isFromWorker("w1")({ kind: "log", cause: null, log: [{ ...entry, body: { kind: "FinishJob" } }] }),
    ).toBe(false);
  });

  test("bodies of a leased slot that hold what is no message, or end in one", () => {
    const written = (value: unknown): Uint8Array => {
      const writer = new BodyWriter();
      writer.message(value as never);
      return writer.take();
    };
    const read = (body: Uint8Array): unknown[] => {
      const heard: unknown[] = [];
      readDown(
        body,
        (message) => heard.push(message),
        (call) => heard.push(argsOf(call)),
        (call) => heard.push(invokeOf(call, () => new SharedArrayBuffer(1))),
      );
      return heard;
    };
    const end = { kind: "end-slot" };
    expect(read(written(end))).toEqual([end]);
    for (const bad of [[end], [null], { kind: 1 }, {}]) expect(() => read(written(bad))).toThrow(TypeError);
    const body = written(end);
    for (let length = 1; length < body.length; length++)
      expect(() => read(body.subarray(0, length))).toThrow();
    expect(() => read(Uint8Array.of(99, 0, 0, 0, 0))).toThrow(RangeError);
  });
});

test("a job whose heartbeat no timer can keep is no job", () => {
  const job = {
    v: 1,
    version: "0.1.0",
    run: "run-1",
    epoch: 1,
    stages: ["map"],
    secret: "s",
    program: { data: {}, bundle: null },
    heartbeatMs: 1000,
  };
  expect(parseOpenJob(bytes(job))).toEqual(job);
  for (const bad of [
    { heartbeatMs: 1e15 },
    { epoch: -1 },
    { stages: [1] },
    { run: "../x" },
    { program: { bundle: { toString: 1 } } },
  ])
    expect(parseOpenJob(bytes({ ...job, ...bad }))).toBeNull();
  expect(parseOpenJob(bytes({ v: 2, version: "9.0.0", run: "run-1" }))).toMatchObject({ v: 2 });
});
