// Slots' bodies, by their own contract: they end when told to, whatever they are at.

import { expect, onTestFinished, test } from "vitest";
import type { AttemptId } from "../../base/ids.ts";
import type { FromSlot } from "../../protocol/slot.ts";
import type { SlotBody } from "./slot-body.ts";
import { SlotProcess } from "./slot-process.ts";
import { SlotThread } from "./slot-thread.ts";

const module = new URL("../../../test/conformance/scripted-program.mjs", import.meta.url).href;

/** The loop itself, not the loading of its module. */
const loopFrame = /\brun\b.*scripted-program/;

/** A slot in the midst of an endless loop. */
async function looping(kind: "thread" | "process"): Promise<SlotBody> {
  const options = { preload: null, heapBytes: null };
  const body = kind === "thread" ? new SlotThread(options) : new SlotProcess(options);
  onTestFinished(async () => {
    body.end();
    await body.ended;
  });
  await new Promise<void>((resolve) => {
    body.onMessage = (message: FromSlot) => message.kind === "ready" && resolve();
  });
  body.post({ kind: "load", key: "p", module, data: { t0: { end: "busy" } } });
  const assignment = {
    stage: 0,
    index: 0,
    worker: "w1",
    slot: 0,
    inputs: [],
    isBackup: false,
    payload: null,
  };
  body.post({ kind: "run", key: "p", assignment: { ...assignment, attempt: "t0.1" as AttemptId } });
  // the test's time limit bounds this: how many probes fit into a thread's start depends on the machine
  while (!loopFrame.test((await body.probe())?.stack ?? ""));
  return body;
}

test.each(["thread", "process"] as const)("a %s ends at any moment of a probe", async (kind) => {
  for (const turns of [0, 1, 2, 4, 7]) {
    const body = await looping(kind);
    const probe = body.probe();
    for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next));
    body.end();
    await body.ended;
    await probe; // settles too
    expect(await body.probe()).toBeNull();
  }
});

test.each(["thread", "process"] as const)("a %s that has ended can be told to end", async (kind) => {
  const body = await looping(kind);
  body.end();
  const { signal, isHeapFull } = await body.ended;
  expect({ signal, isHeapFull }).toEqual({ signal: kind === "thread" ? null : "SIGKILL", isHeapFull: false });
  body.end();
  body.post({ kind: "abort", attempt: "t0.1" as AttemptId, reason: "late" });
  body.setReferenced(false);
});
