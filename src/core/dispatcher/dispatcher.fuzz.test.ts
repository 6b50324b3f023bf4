// Random events against the dispatcher: calls of all kinds, slots that come, block, give back, keep, crash; stale and
// doubled messages. After each event the whole state is checked (invariants.ts), and a witness checks from the outside
// that every call is settled exactly once, and that a slot is asked only about what it has.

import { expect, test } from "vitest";
import { below, chance, rng, type Rng } from "../../base/rng.ts";
import { describe } from "./describe.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import type { DispatcherEffect, DispatcherEvent } from "./events.ts";
import { checkInvariants } from "./invariants.ts";

const seeds = Number(process.env["SHOAL_FUZZ_SEEDS"] ?? 1500);
const firstSeed = Number(process.env["SHOAL_FUZZ_FIRST"] ?? 1);
const error = { name: "Error", message: "crash" };

function check(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Error(`the witness objects: ${what()}`);
}

/** A slot as it is: takes its calls in order, and answers what it is asked, at once or, if it is far away, later. */
interface SeenSlot {
  readonly slot: number;
  readonly canRevoke: boolean;
  /** Of one that is far away: what it was asked to take back, and has not answered. Null: it is near. */
  readonly asked: number[] | null;
  /** It was told to end, and will. */
  isEnding: boolean;
  readonly calls: { readonly call: number; hasBegun: boolean; isBlocked: boolean }[];
}

class Life {
  readonly machine: Dispatcher;
  readonly chances: Rng;
  readonly trace: string[] = [];
  readonly marks = new Map<string, number>();
  readonly unsettled = new Set<number>();
  readonly slots = new Map<number, SeenSlot>();
  readonly history: DispatcherEvent[] = [];
  private readonly answers: DispatcherEvent[] = [];
  now = 0;
  lastCall = 0;
  lastSlot = -1;
  hasDrained = false;

  constructor(seed: number) {
    this.chances = rng(seed);
    this.machine = createDispatcher({
      waitingMax: 1 + below(this.chances, 40),
      heldMax: 1 + below(this.chances, 8),
      heldMicros: below(this.chances, 500),
      overdueMicros: below(this.chances, 2000),
      blockedMax: 1 + below(this.chances, 20),
      abortGraceMs: below(this.chances, 50),
      answerGraceMs: 1 + below(this.chances, 100),
    });
  }

  give(event: DispatcherEvent): void {
    const effects = this.machine.handle(event, this.now);
    this.history.push(event);
    this.trace.push(
      `${this.now} > ${describe(event)}`,
      ...effects.map((effect) => `    ${describe(effect)}`),
    );
    if (event.kind === "CallSubmitted" && !effects.some(({ kind }) => kind === "EventIgnored"))
      this.unsettled.add(event.call);
    for (const effect of effects) this.obey(effect);
    checkInvariants(this.machine.state());
    this.markOverdue();
    for (let answer = this.answers.shift(); answer !== undefined; answer = this.answers.shift())
      this.give(answer);
  }

  private markOverdue(): void {
    for (const slot of this.machine.state().slots) if (slot.isOverdue) this.mark("overdue");
    for (const { place } of this.machine.state().calls) if (place === "unanswered") this.mark(place);
  }

  private obey(effect: DispatcherEffect): void {
    this.mark(effect.kind === "SettleCall" ? effect.outcome.kind : effect.kind);
    const why = (): string => describe(effect);
    switch (effect.kind) {
      case "StartCall": {
        const slot = this.slots.get(effect.slot);
        check(slot !== undefined && this.unsettled.has(effect.call), why);
        for (const other of this.slots.values())
          check(!other.calls.some(({ call }) => call === effect.call), why);
        slot.calls.push({ call: effect.call, hasBegun: false, isBlocked: false });
        return this.begin(slot);
      }
      case "RevokeCall": {
        const slot = this.slots.get(effect.slot);
        const at = slot?.calls.findIndex(({ call }) => call === effect.call) ?? -1;
        check(slot !== undefined && slot.canRevoke && at >= 0, why);
        if (slot.asked !== null) return void slot.asked.push(effect.call);
        const { call, hasBegun } = slot.calls[at]!;
        if (!hasBegun) slot.calls.splice(at, 1);
        this.answers.push({ kind: hasBegun ? "CallKept" : "CallRevoked", call, slot: slot.slot });
        return;
      }
      case "AbortCall":
        check(this.slots.get(effect.slot)?.calls.some(({ call }) => call === effect.call) === true, why);
        return;
      case "TerminateSlot":
        check(this.slots.get(effect.slot)?.isEnding === false, why);
        if (effect.why === "it is wanted elsewhere") {
          this.mark("left");
          check(this.slots.get(effect.slot)!.calls.length === 0, why);
        }
        this.slots.get(effect.slot)!.isEnding = true;
        return;
      case "SettleCall":
        check(this.unsettled.delete(effect.call), () => `${why()} settles what is settled`);
        if ("hasBegun" in effect.outcome && !effect.outcome.hasBegun)
          check(!this.isHeld(effect.call), () => `${why()}, and a slot has it`);
        return;
      case "Drained":
        check(!this.hasDrained && this.unsettled.size === 0, why);
        this.hasDrained = true;
        return;
      case "EventIgnored":
    }
  }

  private isHeld(call: number): boolean {
    return [...this.slots.values()].some(({ calls }) => calls.some((held) => held.call === call));
  }

  /** A slot that is far away comes to what it was asked first. */
  answer(slot: SeenSlot): void {
    const call = slot.asked!.shift()!;
    const at = slot.calls.findIndex((held) => held.call === call);
    if (at < 0) return; // it has ended, which was told
    const { hasBegun } = slot.calls[at]!;
    if (!hasBegun) slot.calls.splice(at, 1);
    this.mark(hasBegun ? "kept later" : "revoked later");
    this.give({ kind: hasBegun ? "CallKept" : "CallRevoked", call, slot: slot.slot });
  }

  /** A slot begins the first call that it holds when nothing else runs there. Sometimes it is already further. */
  begin(slot: SeenSlot): void {
    const isFree = !slot.calls.some(({ hasBegun, isBlocked }) => hasBegun && !isBlocked);
    const next = slot.calls.find(({ hasBegun }) => !hasBegun);
    if (isFree && next !== undefined) next.hasBegun = true;
  }

  exit(slot: SeenSlot): void {
    this.slots.delete(slot.slot);
    // Of one that is far away nobody may be left who knows.
    const isKnown = slot.asked === null || chance(this.chances, 0.5);
    const unbegun = slot.calls.filter(({ hasBegun }) => isKnown && !hasBegun).map(({ call }) => call);
    this.give({ kind: "SlotExited", slot: slot.slot, error, unbegun });
  }

  end(slot: SeenSlot, at: number): void {
    const [{ call, isBlocked }] = slot.calls.splice(at, 1) as [SeenSlot["calls"][number]];
    // Now and then so much work that the others are overdue.
    const mostMicros = chance(this.chances, 0.05) ? 100_000 : 300;
    const runMicros = chance(this.chances, 0.1) ? null : below(this.chances, mostMicros);
    if (isBlocked) this.give({ kind: "CallUnblocked", call, slot: slot.slot });
    this.give({
      kind: "CallEnded",
      call,
      slot: slot.slot,
      isFailure: chance(this.chances, 0.2),
      runMicros,
    });
    this.begin(slot);
  }

  join(): void {
    const canRevoke = chance(this.chances, 0.8);
    const asked = chance(this.chances, 0.5) ? [] : null;
    const slot: SeenSlot = { slot: ++this.lastSlot, canRevoke, asked, isEnding: false, calls: [] };
    this.slots.set(slot.slot, slot);
    this.give({ kind: "SlotJoined", slot: slot.slot, canRevoke: slot.canRevoke });
  }

  submit(isNested = chance(this.chances, 0.1)): void {
    const pick = (n: number): boolean => chance(this.chances, n);
    this.give({
      kind: "CallSubmitted",
      call: ++this.lastCall,
      target: below(this.chances, 3),
      items: pick(0.8) ? 1 : 1 + below(this.chances, 50),
      priority: pick(0.7) ? 0 : below(this.chances, 5) - 2,
      deadline: pick(0.8) ? null : this.now + below(this.chances, 100) - 5,
      retries: pick(0.8) ? 0 : below(this.chances, 3),
      isNested,
    });
  }

  someSlot(): SeenSlot | null {
    const all = [...this.slots.values()];
    return all[below(this.chances, Math.max(1, all.length))] ?? null;
  }

  private mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }
}

function step(life: Life): void {
  const { chances } = life;
  life.now += chance(chances, 0.6) ? 0 : below(chances, 20);
  const pick = below(chances, 100);
  const slot = life.someSlot();
  if (pick < 40) life.submit();
  else if (pick < 46) life.give({ kind: "CallCancelled", call: 1 + below(chances, life.lastCall + 1) });
  else if (pick < 52) life.give({ kind: "TimePassed" });
  else if (pick < 54) life.give(stale(life));
  else if (pick < 58 && life.slots.size < 4) life.join();
  else if (pick === 58 && chance(chances, 0.2))
    life.give({ kind: "DrainRequested", deadline: life.now + 50 });
  else if (pick === 59 && chance(chances, 0.2)) life.give({ kind: "SlotsUnavailable", error });
  else if (slot === null) life.join();
  else if (pick < 63) life.exit(slot);
  else if (pick === 63) life.give({ kind: "SlotLeaving", slot: slot.slot });
  else act(life, slot);
}

function act(life: Life, slot: SeenSlot): void {
  if (slot.asked !== null && slot.asked.length > 0 && chance(life.chances, 0.5)) return life.answer(slot);
  const begun = slot.calls.filter(({ hasBegun }) => hasBegun);
  const one = begun[below(life.chances, Math.max(1, begun.length))];
  if (one === undefined) return;
  if (chance(life.chances, 0.25)) {
    one.isBlocked = !one.isBlocked;
    life.give({ kind: one.isBlocked ? "CallBlocked" : "CallUnblocked", call: one.call, slot: slot.slot });
    life.begin(slot);
  } else life.end(slot, slot.calls.indexOf(one));
}

/** A message that comes twice, about what is over. */
function stale({ chances, history, slots }: Life): DispatcherEvent {
  const event = history[below(chances, history.length)]!;
  const isOver =
    (event.kind === "CallSubmitted" || event.kind === "SlotJoined" || "slot" in event) &&
    !("slot" in event && slots.has(event.slot) && event.kind !== "SlotJoined");
  return isOver ? event : { kind: "TimePassed" };
}

function play(seed: number): Life {
  const life = new Life(seed);
  life.give({ kind: "TimePassed" });
  const steps = below(life.chances, 250);
  for (let n = 0; n < steps; n++) step(life);
  // From here on nothing goes wrong: every call must be settled and leave, and the drain end.
  life.give({ kind: "DrainRequested", deadline: null });
  life.join();
  for (let turn = 0; life.machine.size() > 0; turn++) {
    check(turn < 2000, () => `never settled: ${[...life.unsettled].join(" ")}`);
    life.now += 5;
    life.give({ kind: "TimePassed" });
    for (const slot of Array.from(life.slots.values())) {
      while (slot.asked !== null && slot.asked.length > 0 && chance(life.chances, 0.7)) life.answer(slot);
      if (slot.isEnding) {
        life.exit(slot);
        life.join();
      } else if (slot.calls.length > 0) {
        life.begin(slot);
        life.end(
          slot,
          slot.calls.findIndex(({ hasBegun }) => hasBegun),
        );
      }
    }
  }
  check(life.unsettled.size === 0 && life.hasDrained, () => "it has not drained");
  return life;
}

test(
  `${seeds} random lives of a dispatcher`,
  () => {
    const marks = new Map<string, number>();
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      try {
        for (const [mark, count] of play(seed).marks) marks.set(mark, (marks.get(mark) ?? 0) + count);
      } catch (broken) {
        throw new Error(`seed ${seed}: replay with SHOAL_FUZZ_FIRST=${seed} SHOAL_FUZZ_SEEDS=1`, {
          cause: broken,
        });
      }
    }
    if (seeds < 1000) return;
    const expected = [
      "StartCall",
      "RevokeCall",
      "AbortCall",
      "TerminateSlot",
      "EventIgnored",
      "Drained",
      "overdue",
      "unanswered",
      "kept later",
      "revoked later",
      "left",
    ];
    const outcomes = ["ended", "refused", "cancelled", "expired", "lost"];
    for (const mark of [...expected, ...outcomes]) expect(marks.get(mark) ?? 0, mark).toBeGreaterThan(100);
  },
  Infinity,
);

test("the same seed gives the same trace", () => {
  for (let seed = 1; seed <= 20; seed++) expect(play(seed).trace).toEqual(play(seed).trace);
});
