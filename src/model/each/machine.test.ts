import fc from "fast-check";
import { expect, test } from "vitest";
import type { EachEffect, EachEvent } from "./events.ts";
import { EachMachine, type EachRules } from "./machine.ts";

/** How each try of each job goes: which of its tries succeeds first (0: none), and how long it takes. */
interface World {
  readonly rules: EachRules;
  readonly succeedsAt: readonly number[];
  readonly ranMs: readonly number[];
  readonly chances: readonly number[];
  /** After so many steps the run is cancelled; Infinity for never. */
  readonly cancelAfter: number;
  readonly drainAfter: number;
}

const rules = fc.record({
  jobs: fc.integer({ min: 1, max: 4 }),
  attemptsMax: fc.integer({ min: 1, max: 3 }),
  timeout: fc.oneof(
    fc.constant(null),
    fc.record({ ms: fc.integer({ min: 1, max: 400 }) }),
    fc.constant({ percent: 150 }),
  ),
  halt: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.record({
        when: fc.constantFrom("now" as const, "soon" as const),
        why: fc.constantFrom("fail" as const, "success" as const, "done" as const),
        amount: fc.integer({ min: 1, max: 60 }),
        isPercent: fc.boolean(),
      }),
    },
  ),
  isOrdered: fc.boolean(),
  delayMs: fc.constantFrom(0, 0, 30),
  queueMax: fc.integer({ min: 1, max: 10 }),
  heldMax: fc.integer({ min: 1, max: 5 }),
  graceMs: fc.constant(100),
});

const seldom = fc.oneof(
  { weight: 5, arbitrary: fc.constant(Infinity) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 }) },
);

const worlds: fc.Arbitrary<World> = fc.record({
  rules,
  succeedsAt: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 25 }),
  ranMs: fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 26, maxLength: 26 }),
  chances: fc.array(fc.nat(), { minLength: 400, maxLength: 400 }),
  cancelAfter: seldom,
  drainAfter: seldom,
});

interface Attempt {
  readonly slot: number;
  readonly attempt: number;
  readonly startedAt: number;
  readonly endsAt: number;
  isSignalled: boolean;
  /** The system has no room for it. */
  readonly isRefused: boolean;
}

/** Plays a run to its end on virtual time, checking the invariants at each step. */
class Play {
  readonly emitted: { seq: number; isTimedOut: boolean }[] = [];
  readonly interrupted = new Set<number>();
  readonly tries = new Map<number, number>();
  isFinished = false;
  refusals = 0;
  private readonly world: World;
  private readonly machine: EachMachine;
  private readonly running = new Map<number, Attempt>();
  private readonly untaken: number[] = [];
  private now = 0;
  private pulled = 0;
  private isPulling = false;
  private hasEnded = false;
  private isStopped = false;
  private chanceAt = 0;

  constructor(world: World) {
    this.world = world;
    this.machine = new EachMachine(world.rules);
  }

  run(): void {
    this.tell({ kind: "TimePassed" });
    for (let step = 0; !this.isFinished; step++) {
      if (step > 5000)
        throw new Error(`no end: ${JSON.stringify({ running: [...this.running], untaken: this.untaken })}`);
      if (step === this.world.cancelAfter) {
        this.isStopped = true;
        this.tell({ kind: "CancelAsked", signal: "SIGINT" });
      } else if (step === this.world.drainAfter) {
        this.isStopped = true;
        this.tell({ kind: "DrainAsked" });
      } else this.step();
    }
  }

  private step(): void {
    const choices: (() => void)[] = [];
    if (this.isPulling) choices.push(() => this.giveInput());
    if (this.untaken.length > 0)
      choices.push(() => this.tell({ kind: "ResultTaken", seq: this.untaken.shift()! }));
    for (const [seq, { endsAt, isSignalled }] of this.running) {
      if (this.now >= endsAt || isSignalled) choices.push(() => this.endAttempt(seq));
    }
    const deadline = this.machine.nextDeadline();
    const times = [...this.running.values()].map(({ endsAt }) => endsAt);
    if (deadline !== null) times.push(deadline);
    const next = Math.min(...times.filter((time) => time > this.now));
    if (next !== Infinity) {
      choices.push(() => {
        this.now = next;
        this.tell({ kind: "TimePassed" });
      });
    }
    expect(choices.length, "something can happen until the run has finished").toBeGreaterThan(0);
    choices[this.chance() % choices.length]!();
  }

  private chance(): number {
    return this.world.chances[this.chanceAt++ % this.world.chances.length]!;
  }

  private giveInput(): void {
    this.isPulling = false;
    if (this.pulled < this.world.succeedsAt.length) this.tell({ kind: "InputArrived", seq: ++this.pulled });
    else {
      this.hasEnded = true;
      this.tell({ kind: "InputEnded" });
    }
  }

  private endAttempt(seq: number): void {
    const { attempt, startedAt, isSignalled, isRefused } = this.running.get(seq)!;
    this.running.delete(seq);
    if (isRefused) {
      this.refusals++;
      this.tries.set(seq, attempt - 1);
      this.tell({ kind: "StartRefused", seq });
      return;
    }
    const isSuccess = !isSignalled && this.world.succeedsAt[seq - 1] === attempt;
    this.tell({ kind: "AttemptEnded", seq, isSuccess, ranMs: this.now - startedAt });
  }

  private tell(event: EachEvent): void {
    for (const effect of this.machine.handle(event, this.now)) this.perform(effect);
    if (this.machine.counts.isHalted) this.isStopped = true;
  }

  private perform(effect: EachEffect): void {
    const { rules: limits, ranMs } = this.world;
    expect(this.isFinished, "nothing after the end").toBe(false);
    switch (effect.kind) {
      case "PullInput":
        expect(this.isPulling || this.hasEnded, "one pull at a time").toBe(false);
        this.isPulling = true;
        break;
      case "StartAttempt": {
        const { seq, slot, attempt } = effect;
        expect(this.isStopped, "E5").toBe(false);
        expect(this.running.size, "E1").toBeLessThan(limits.jobs);
        expect(
          [...this.running.values()].map((other) => other.slot),
          "E1",
        ).not.toContain(slot);
        expect(slot).toBeLessThanOrEqual(limits.jobs);
        expect(attempt).toBe((this.tries.get(seq) ?? 0) + 1);
        expect(attempt).toBeLessThanOrEqual(limits.attemptsMax);
        if (!limits.isOrdered) expect(this.untaken.length, "E2").toBeLessThan(limits.heldMax);
        this.tries.set(seq, attempt);
        const isRefused = this.running.size > 0 && this.chance() % 8 === 0;
        const endsAt = this.now + (isRefused ? 0 : ranMs[(seq + attempt) % ranMs.length]!);
        this.running.set(seq, { slot, attempt, startedAt: this.now, endsAt, isSignalled: false, isRefused });
        break;
      }
      case "SignalAttempt":
        this.running.get(effect.seq)!.isSignalled = true;
        break;
      case "DropAttempt":
        if (effect.isInterrupted) this.interrupted.add(effect.seq);
        else expect(this.isStopped, "E5: nothing is tried again").toBe(false);
        break;
      case "EmitResult":
        this.emitted.push(effect);
        this.untaken.push(effect.seq);
        break;
      case "Finish":
        expect([this.running.size, this.untaken.length]).toEqual([0, 0]);
        this.isFinished = true;
        break;
    }
  }
}

test("any run ends, keeps its limits, and gives each job once", () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const play = new Play(world);
      play.run();
      const seqs = play.emitted.map(({ seq }) => seq);
      expect(new Set(seqs).size, "E3: once").toBe(seqs.length);
      for (const seq of seqs) expect(play.interrupted.has(seq), "E3: not both").toBe(false);
      if (world.rules.isOrdered) expect(seqs, "E4").toEqual([...seqs].sort((a, b) => a - b));
      if (world.rules.halt !== null || Math.min(world.cancelAfter, world.drainAfter) !== Infinity) return;
      expect(
        [...seqs].sort((a, b) => a - b),
        "E3: all",
      ).toEqual(world.succeedsAt.map((_, i) => i + 1));
      if (world.rules.timeout !== null || play.refusals > 0) return;
      const tries = world.succeedsAt.map((at) =>
        at === 0 ? world.rules.attemptsMax : Math.min(at, world.rules.attemptsMax),
      );
      expect(world.succeedsAt.map((_, i) => play.tries.get(i + 1))).toEqual(tries);
    }),
    { numRuns: 400 },
  );
});

test("slots are the lowest that are free", () => {
  const limits: EachRules = {
    jobs: 3,
    attemptsMax: 1,
    timeout: null,
    halt: null,
    isOrdered: false,
    delayMs: 0,
    queueMax: 1,
    heldMax: 10,
    graceMs: 0,
  };
  const machine = new EachMachine(limits);
  const slots: number[] = [];
  const tell = (event: EachEvent): void => {
    for (const effect of machine.handle(event, 0))
      if (effect.kind === "StartAttempt") slots.push(effect.slot);
  };
  for (const seq of [1, 2, 3, 4]) tell({ kind: "InputArrived", seq });
  tell({ kind: "AttemptEnded", seq: 2, isSuccess: true, ranMs: 1 });
  expect(slots).toEqual([1, 2, 3, 2]);
});
