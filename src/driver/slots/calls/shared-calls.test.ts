// The memory between the agent and a slot, with both sides in one thread, so that every interleaving can be told.

import { expect, test } from "vitest";
import { listenTo, newDoorbell, ringComes, ringsOf, SharedCalls, sharedBytes } from "./shared-calls.ts";

function bothSides(doorbell = newDoorbell()): { agent: SharedCalls; slot: SharedCalls } {
  const buffer = new SharedArrayBuffer(sharedBytes);
  return { agent: new SharedCalls(buffer, doorbell), slot: new SharedCalls(buffer, doorbell) };
}

function offer(agent: SharedCalls, ticket: number): number {
  const entry = agent.claim();
  agent.offer(entry, 0, 0, ticket, 1);
  return entry;
}
const none = (): void => {};

test("orders come in order; an answer frees its entry", () => {
  const { agent, slot } = bothSides();
  const entries = [1, 2, 3].map((ticket) => offer(agent, ticket));
  for (const ticket of [1, 2, 3]) {
    const entry = slot.begin(none);
    expect(slot.ticket(entry)).toBe(ticket);
    slot.answer(entry, "value", 0, 7);
  }
  expect(slot.begin(none)).toBe(-1);
  expect([agent.nextAnswer(), agent.nextAnswer(), agent.nextAnswer(), agent.nextAnswer()]).toEqual([
    ...entries,
    -1,
  ]);
  expect(agent.micros(entries[0]!)).toBe(7);
});

test("what was taken back is passed over, also when its entry is used again; what has begun is kept", () => {
  const { agent, slot } = bothSides();
  const first = offer(agent, 1);
  expect(agent.takeBack(first)).toBe(true);
  expect(agent.takeBack(first)).toBe(false);
  const again = offer(agent, 2);
  expect(again).toBe(first);
  const begun = slot.begin(none);
  expect(slot.ticket(begun)).toBe(2);
  expect(agent.takeBack(again)).toBe(false);
  expect(slot.begin(none)).toBe(-1);
});

test("the message of one that was taken back is skipped", () => {
  const { agent, slot } = bothSides();
  const entry = agent.claim();
  agent.offer(entry, 0, 0, 1, -1);
  agent.takeBack(entry);
  let skipped = 0;
  expect(slot.begin(() => skipped++)).toBe(-1);
  expect(skipped).toBe(1);
});

test("a late wake-up, for an order that the slot has found by itself, costs no later one", async () => {
  // Once it did: the wake-up said that the slot listened no more, between its saying so and its wait. It slept for ever.
  const { agent, slot } = bothSides();
  offer(agent, 1);
  slot.begin(none); // found before the agent came to wake it
  expect(slot.listen()).toBe(true);
  agent.notifySlot(); // late
  const comes = slot.orderComes();
  expect(comes).not.toBeNull();
  offer(agent, 2);
  agent.notifySlot();
  await comes;
  expect(slot.ticket(slot.begin(none))).toBe(2);
});

test("a slot that begins to wait when an order is there does not wait", () => {
  const { agent, slot } = bothSides();
  offer(agent, 1);
  expect(slot.listen()).toBe(false);
  expect(slot.orderComes()).toBeNull();
});

test("a late ring, for an answer that the agent has found by itself, costs no later one", async () => {
  const doorbell = newDoorbell();
  const { agent, slot } = bothSides(doorbell);
  const { agent: other, slot: otherSlot } = bothSides(doorbell);
  offer(agent, 1);
  offer(other, 2);
  listenTo(doorbell);
  slot.answer(slot.begin(none), "value", 0, 1);
  // The agent has counted this ring, and found its answer; the slot came to wake it late.
  const comes = ringComes(doorbell, ringsOf(doorbell));
  expect(comes).not.toBeNull();
  otherSlot.answer(otherSlot.begin(none), "value", 0, 1);
  await comes;
  expect(other.nextAnswer()).toBeGreaterThanOrEqual(0);
});
