// Random events against the worker: slots that come up, crash, finish late; assignments and cancellations, doubled and
// stale. After each event the whole state is checked (invariants.ts), and a witness checks from the outside that every
// attempt is answered exactly once and that no slot is given two things to do.

import { expect, test } from "vitest";
import { attemptId, type AttemptId } from "../../base/ids.ts";
import { below, chance, rng, type Rng } from "../../base/rng.ts";
import type { AttemptFigures } from "../types.ts";
import { describe } from "./describe.ts";
import type { WorkerEffect, WorkerEvent } from "./events.ts";
import { checkInvariants } from "./invariants.ts";
import { createWorker } from "./worker.ts";

const seeds = Number(process.env["SHOAL_FUZZ_SEEDS"] ?? 1500);
const firstSeed = Number(process.env["SHOAL_FUZZ_FIRST"] ?? 1);
const figures: AttemptFigures = {
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 0,
  counters: {},
};
const error = { name: "Error", message: "crash" };

function check(condition: boolean, what: () => string): void {
  if (!condition) throw new Error(`the witness objects: ${what()}`);
}

interface SeenSlot {
  readonly slot: number;
  generation: number;
  isUp: boolean;
  /** TerminateSlot was ordered. */
  isEnding: boolean;
  /** Ended, and not started again. */
  isGone: boolean;
  attempt: AttemptId | null;
}

/** What the driver of a worker knows: which slots it has started, what runs there, what it was asked to report. */
class Witness {
  readonly slots: SeenSlot[] = [];
  readonly unanswered = new Set<AttemptId>();
  readonly marks = new Map<string, number>();

  see(event: WorkerEvent, effects: readonly WorkerEffect[]): void {
    const isIgnored = effects.some(({ kind }) => kind === "EventIgnored");
    if (event.kind === "AttemptAssigned" && !isIgnored) this.unanswered.add(event.attempt);
    for (const effect of effects) {
      this.marks.set(effect.kind, (this.marks.get(effect.kind) ?? 0) + 1);
      this.seeEffect(effect, () => describe(effect));
    }
  }

  private seeEffect(effect: WorkerEffect, why: () => string): void {
    switch (effect.kind) {
      case "StartSlot": {
        const { slot, generation } = effect;
        const before = this.slots[slot];
        check(
          before === undefined ? generation === 1 : before.isGone && generation === before.generation + 1,
          why,
        );
        this.slots[slot] = { slot, generation, isUp: false, isEnding: false, isGone: false, attempt: null };
        return;
      }
      case "RunAttempt": {
        const slot = this.at(effect, why);
        check(
          slot.isUp && !slot.isEnding && slot.attempt === null && this.unanswered.has(effect.attempt),
          why,
        );
        slot.attempt = effect.attempt;
        return;
      }
      case "AbortAttempt":
        check(this.at(effect, why).attempt === effect.attempt, why);
        return;
      case "TerminateSlot": {
        const slot = this.at(effect, why);
        check(!slot.isEnding, why);
        slot.isEnding = true;
        return;
      }
      case "ReportStarted":
        check(this.slots[effect.slot]?.attempt === effect.attempt, why);
        return;
      case "ReportFinished":
      case "ReportFailed":
        check(this.unanswered.delete(effect.attempt), () => `${why()} answers what was answered`);
        return;
      case "EventIgnored":
    }
  }

  private at({ slot, generation }: { slot: number; generation: number }, why: () => string): SeenSlot {
    const seen = this.slots[slot];
    check(seen !== undefined && seen.generation === generation && !seen.isGone, why);
    return seen!;
  }
}

/** What a slot could do next. */
function slotEvent(chances: Rng, seen: SeenSlot): WorkerEvent | null {
  const { slot, generation, attempt } = seen;
  if (seen.isGone) return null;
  const pick = below(chances, 10);
  if (pick < 2 || (seen.isEnding && pick < 8)) return { kind: "SlotExited", slot, generation, error };
  if (!seen.isUp) return { kind: "SlotReady", slot, generation };
  if (attempt === null) return null;
  if (pick < 7) return { kind: "SlotFinished", slot, generation, attempt, figures };
  return { kind: "SlotFailed", slot, generation, attempt, failure: { kind: "error", final: false, error } };
}

function play(seed: number): { trace: string[]; marks: ReadonlyMap<string, number> } {
  const chances = rng(seed);
  const machine = createWorker();
  const witness = new Witness();
  const history: WorkerEvent[] = [];
  const trace: string[] = [];
  let now = 0;
  let lastTask = 0;
  let isStopping = false;
  const give = (event: WorkerEvent): void => {
    // The driver's own side of a slot's event comes first: what ended has ended, whatever the machine makes of it.
    if ("generation" in event) {
      const seen = witness.slots[event.slot];
      if (seen !== undefined && seen.generation === event.generation && !seen.isGone) {
        if (event.kind === "SlotReady") seen.isUp = true;
        if (event.kind === "SlotExited") seen.isGone = true;
        const isEnd = event.kind === "SlotFinished" || event.kind === "SlotFailed";
        if (isEnd && seen.attempt === event.attempt) seen.attempt = null;
      }
    }
    const effects = machine.handle(event, now);
    trace.push(`${now} > ${describe(event)}`, ...effects.map((effect) => `    ${describe(effect)}`));
    witness.see(event, effects);
    const state = machine.state();
    if (state !== null) checkInvariants(state);
    const deadline = machine.nextDeadline();
    check(
      event.kind !== "TimePassed" || deadline === null || deadline > now,
      () => `a deadline at ${deadline} stays`,
    );
    history.push(event);
  };
  give({ kind: "WorkerStarted", slots: 1 + below(chances, 3), abortGraceMs: below(chances, 100) });
  const events = below(chances, 200);
  for (let step = 0; step < events; step++) {
    now += chance(chances, 0.5) ? 0 : below(chances, 60);
    const pick = below(chances, 100);
    const someTask = below(chances, lastTask + 2);
    if (pick < 20) give({ kind: "AttemptAssigned", attempt: attemptId(++lastTask, 1) });
    else if (pick < 22) give({ kind: "AttemptAssigned", attempt: attemptId(someTask, 1) });
    else if (pick < 32) give({ kind: "CancelRequested", attempt: attemptId(someTask, 1) });
    else if (pick < 38) give({ kind: "TimePassed" });
    else if (pick < 44) give(history[below(chances, history.length)]!);
    else if (pick === 44 && chance(chances, 0.2)) give({ kind: "StopRequested" });
    else {
      const event = slotEvent(chances, witness.slots[below(chances, witness.slots.length)]!);
      if (event !== null) give(event);
    }
    isStopping ||= history.at(-1)!.kind === "StopRequested";
    check(
      witness.unanswered.size <= 3 * witness.slots.length,
      () => `${witness.unanswered.size} attempts are unanswered`,
    );
  }
  // From here on nothing goes wrong: every attempt must be answered, and a worker that stops must end.
  const isOver = (): boolean =>
    witness.unanswered.size === 0 && (!isStopping || witness.slots.every(({ isGone }) => isGone));
  for (let step = 0; !isOver(); step++) {
    check(step < 500, () => `never answered: ${[...witness.unanswered].join(" ")}`);
    const seen = witness.slots[step % witness.slots.length]!;
    const { slot, generation, attempt } = seen;
    if (seen.isGone) continue;
    if (seen.isEnding) give({ kind: "SlotExited", slot, generation, error });
    else if (!seen.isUp) give({ kind: "SlotReady", slot, generation });
    else if (attempt !== null) give({ kind: "SlotFinished", slot, generation, attempt, figures });
  }
  return { trace, marks: witness.marks };
}

test(
  `${seeds} random lives of a worker`,
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
      "StartSlot",
      "RunAttempt",
      "AbortAttempt",
      "TerminateSlot",
      "ReportFinished",
      "ReportFailed",
      "EventIgnored",
    ];
    for (const mark of expected) expect(marks.get(mark) ?? 0, mark).toBeGreaterThan(100);
  },
  Infinity,
);

test("the same seed gives the same trace", () => {
  for (let seed = 1; seed <= 20; seed++) expect(play(seed).trace).toEqual(play(seed).trace);
});
