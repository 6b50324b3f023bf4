import { expect, test } from "vitest";
import { isExternal, slotError, type SlotFacts } from "./certificate.ts";

const alive = { exitCode: null, signal: null, isHeapFull: false, error: null, isKilledForMemory: false };
const facts = (some: Partial<SlotFacts>): SlotFacts => ({
  isolation: "process",
  slot: 3,
  heapLimitBytes: 2 ** 28,
  end: alive,
  reason: null,
  now: 5200,
  work: { attempt: "t7.2", what: "read.lines → map", startedAt: 1000, recordsIn: 1032, bytesIn: 9 },
  memory: [{ at: 1, heapBytes: 2 ** 20, bufferBytes: 2 ** 30, rssBytes: 2 ** 31 }],
  lastLines: ["last"],
  stack: null,
  ...some,
});

test.each<[string, Partial<SlotFacts>, string, string, object, boolean]>([
  [
    "told to end",
    { end: { ...alive, signal: "SIGKILL" }, reason: { kind: "told", why: "its job is over" } },
    "SLOT_LOST",
    "the slot was ended: its job is over",
    { outOfMemory: null },
    false,
  ],
  [
    "heap full",
    { end: { ...alive, exitCode: 1, isHeapFull: true } },
    "OUT_OF_MEMORY",
    "slot 3's process ended: its JavaScript heap reached its limit of 256 MiB",
    { outOfMemory: "heap", memoryLimit: { limitBytes: 2 ** 28, usedBytes: 2 ** 28, isGuess: false } },
    false,
  ],
  [
    "crashed",
    { end: { ...alive, signal: "SIGSEGV" } },
    "SLOT_LOST",
    "slot 3's process crashed: it ended by SIGSEGV",
    { signal: "SIGSEGV" },
    false,
  ],
  [
    "killed",
    { end: { ...alive, signal: "SIGKILL" } },
    "SLOT_LOST",
    "slot 3's process was killed from outside, by SIGKILL",
    { outOfMemory: null },
    true,
  ],
  [
    "killed by the system",
    { end: { ...alive, signal: "SIGKILL", isKilledForMemory: true } },
    "OUT_OF_MEMORY",
    "slot 3's process was killed by SIGKILL: it seems that the system needed its memory",
    { outOfMemory: "rss" },
    false,
  ],
  [
    "exit",
    { end: { ...alive, exitCode: 7 } },
    "SLOT_LOST",
    "slot 3's process ended with exit code 7",
    { exitCode: 7 },
    false,
  ],
  [
    "threw",
    { end: { ...alive, exitCode: 1, error: { name: "RangeError", message: "no" } } },
    "SLOT_LOST",
    "slot 3's process ended by an error",
    {},
    false,
  ],
  [
    "never started",
    { end: { ...alive, error: { name: "Error", message: "spawn EAGAIN" } } },
    "SLOT_LOST",
    "slot 3's process could not be started",
    {},
    false,
  ],
  [
    "lost with another machine",
    {
      end: { ...alive, error: { name: "ShoalError", message: "the worker w1 was lost", code: "SLOT_LOST" } },
    },
    "SLOT_LOST",
    "the worker w1 was lost",
    {},
    false,
  ],
  [
    "over the limit of buffers",
    {
      reason: {
        kind: "memory",
        which: "buffers",
        limitBytes: 2 ** 30,
        usedBytes: 3 * 2 ** 30,
        isGuess: false,
      },
    },
    "OUT_OF_MEMORY",
    "slot 3 was ended: its buffers hold 3.00 GiB, more than their limit of 1.00 GiB",
    { outOfMemory: "buffers", memoryLimit: { limitBytes: 2 ** 30, usedBytes: 3 * 2 ** 30, isGuess: false } },
    false,
  ],
  [
    "over the limit of its process",
    { reason: { kind: "memory", which: "rss", limitBytes: 2 ** 30, usedBytes: 2 ** 31, isGuess: false } },
    "OUT_OF_MEMORY",
    "slot 3 was ended: its process uses 2.00 GiB, more than its limit of 1.00 GiB",
    { outOfMemory: "rss" },
    false,
  ],
  [
    "largest of the threads",
    {
      isolation: "thread",
      reason: { kind: "memory", which: "rss", limitBytes: 2 ** 30, usedBytes: 2 ** 31, isGuess: false },
    },
    "OUT_OF_MEMORY",
    "slot 3 was ended: the slots together use 2.00 GiB, more than their limit of 1.00 GiB; this one holds most of it " +
      "(1.00 MiB of heap, 1.00 GiB of buffers)",
    { outOfMemory: "rss" },
    false,
  ],
  [
    "guessed among the threads",
    {
      isolation: "thread",
      reason: { kind: "memory", which: "rss", limitBytes: 2 ** 30, usedBytes: 2 ** 31, isGuess: true },
    },
    "OUT_OF_MEMORY",
    "slot 3 was ended: the slots together use 2.00 GiB, more than their limit of 1.00 GiB; which of them takes it could " +
      "not be measured; this one is a guess",
    { memoryLimit: { isGuess: true } },
    false,
  ],
])("%s", (_what, some, code, message, certificate, external) => {
  const given = facts(some);
  const error = slotError(given);
  expect(error).toMatchObject({ code, message });
  expect(error.details!["certificate"]).toMatchObject({
    isolation: given.isolation,
    slot: 3,
    attempt: "t7.2",
    doing: "t7.2 of read.lines → map, 1,032 records in, for 4.20 s",
    memory: given.memory,
    lastLines: ["last"],
    ...certificate,
  });
  expect(isExternal(given)).toBe(external);
});

test("what the thread threw is the cause, with its own stack", () => {
  const thrown = { name: "RangeError", message: "no", stack: "RangeError: no\n    at f (a.ts:1:2)" };
  expect(slotError(facts({ end: { ...alive, exitCode: 1, error: thrown } })).cause).toEqual(thrown);
});

test("a slot that ran nothing did nothing", () => {
  expect(
    slotError(facts({ work: null, end: { ...alive, exitCode: 1 } })).details!["certificate"],
  ).toMatchObject({
    attempt: null,
    doing: "nothing",
  });
});
