// The stage of the dialogues about calls (calls-*.txt): the real dispatcher, on virtual time, with slots that begin what
// they hold in order, one at a time, and answer at once what they are asked. Calls end when the script says so.
//
//   begin                         a new scene: all before is forgotten
//   limits KEY=VALUE …            before the first slot: limits other than the defaults
//   join S … [keeps] [far]        slots join; those that keep give nothing back; those that are far answer when told
//   answer S                      a slot that is far comes to what it was asked to take back
//   call C … [of=F] [items=N] [priority=N] [deadline=5s] [retries=N] [nested]
//                                 calls are made; c1..c9 is nine of them; the deadline counts from now
//   cancel C …                    nobody waits for them any more
//   end C … [run=300] [failed]    they end where they run, after so many µs, by throwing or not
//   block C · unblock C           it waits for others · goes on
//   deaf C                        it does not listen to its signal
//   crash S "…" [silent]          the slot ends; silent: nobody is left who knows what it had begun
//   leave S                       it is wanted elsewhere
//   hold S · release S            what the slot says is held back, then delivered
//   unavailable "…"               slots end as soon as they start
//   drain [deadline=5s]
//   advance 5s                    lets time pass
//   say ended|kept|revoked|blocked C at S · say joined S · say exited S · say submitted C
//                                 the dispatcher hears this, true or not
//   pool                          question: what waits, and what each slot holds
//
// In a trace, "~" is what a slot does, which the dispatcher does not see.

import { parseDuration } from "../../src/base/units.ts";
import { describe } from "../../src/core/describe.ts";
import { createDispatcher, type Dispatcher } from "../../src/core/dispatcher/dispatcher.ts";
import type { DispatcherEffect, DispatcherEvent } from "../../src/core/dispatcher/events.ts";
import { checkInvariants } from "../../src/core/dispatcher/invariants.ts";
import type { Millis } from "../../src/core/types.ts";
import { Agenda } from "./agenda.ts";
import type { Command } from "./dialogue.ts";

interface HeldCall {
  readonly call: number;
  hasBegun: boolean;
  isBlocked: boolean;
}

interface SceneSlot {
  readonly slot: number;
  readonly calls: HeldCall[];
  /** Of one that is far: what it was asked to take back, and has not answered. */
  readonly asked: number[] | null;
  /** What it says while it is held back. */
  unheard: DispatcherEvent[] | null;
}

export class CallsScene {
  private readonly agenda = new Agenda();
  private readonly slots = new Map<number, SceneSlot>();
  private readonly deaf = new Set<number>();
  private machine: Dispatcher = createDispatcher();
  /** What is still to be told, in order: the dispatcher gets an event when it has been obeyed in all before. */
  private readonly unsaid: DispatcherEvent[] = [];
  private isTelling = false;
  private trace: string[] = [];
  private tracedAt: Millis = 0;

  /** Plays one command and returns the trace that it caused. */
  run(command: Command): readonly string[] {
    const { name, words, options } = command;
    const [first = "", second = ""] = words;
    this.trace = [];
    switch (name) {
      case "limits":
        this.machine = createDispatcher(
          Object.fromEntries([...options].map(([key, value]) => [key, Number(value)])),
        );
        break;
      case "join":
        for (const slot of numbers("s", words)) this.join(slot, words);
        break;
      case "answer": {
        const slot = this.slot(first);
        for (const call of slot.asked!.splice(0)) this.takeBack(slot, call);
        break;
      }
      case "call":
        for (const call of numbers("c", words)) this.submit(call, command);
        break;
      case "cancel":
        for (const call of numbers("c", words)) this.tell({ kind: "CallCancelled", call });
        break;
      case "end":
        for (const call of numbers("c", words))
          this.end(call, words.includes("failed"), Number(options.get("run") ?? 1000));
        break;
      case "block":
      case "unblock":
        this.block(number("c", first), name === "block");
        break;
      case "deaf":
        this.deaf.add(number("c", first));
        break;
      case "crash":
        this.exit(this.slot(first), second, !words.includes("silent"));
        break;
      case "leave":
        this.tell({ kind: "SlotLeaving", slot: number("s", first) });
        break;
      case "hold":
        this.slot(first).unheard = [];
        break;
      case "release":
        this.release(this.slot(first));
        break;
      case "unavailable":
        this.tell({ kind: "SlotsUnavailable", error: { name: "Error", message: first } });
        break;
      case "drain":
        this.tell({ kind: "DrainRequested", deadline: this.deadline(options) });
        break;
      case "advance":
        this.agenda.runUntil(this.agenda.now() + duration(first));
        break;
      case "say":
        this.tell(rumour(words));
        break;
      case "pool":
        this.printPool();
        break;
      default:
        throw new Error(`no such command: ${name}`);
    }
    return this.trace;
  }

  private join(slot: number, words: readonly string[]): void {
    this.slots.set(slot, { slot, calls: [], asked: words.includes("far") ? [] : null, unheard: null });
    this.tell({ kind: "SlotJoined", slot, canRevoke: !words.includes("keeps") });
  }

  private submit(call: number, { words, options }: Command): void {
    this.tell({
      kind: "CallSubmitted",
      call,
      target: number("f", options.get("of") ?? "f1"),
      items: Number(options.get("items") ?? 1),
      priority: Number(options.get("priority") ?? 0),
      deadline: this.deadline(options),
      retries: Number(options.get("retries") ?? 0),
      isNested: words.includes("nested"),
    });
  }

  private deadline(options: ReadonlyMap<string, string>): Millis | null {
    const text = options.get("deadline");
    return text === undefined ? null : this.agenda.now() + duration(text);
  }

  /** The drain rule: all effects of an event are performed before the next event is given. */
  private tell(event: DispatcherEvent): void {
    this.unsaid.push(event);
    if (this.isTelling) return;
    this.isTelling = true;
    for (let next = this.unsaid.shift(); next !== undefined; next = this.unsaid.shift()) {
      this.note("> ", next);
      const effects = this.machine.handle(next, this.agenda.now());
      for (const effect of effects) this.note("    ", effect);
      for (const effect of effects) this.obey(effect);
      checkInvariants(this.machine.state());
    }
    this.isTelling = false;
    this.agenda.setTimer(this.machine.nextDeadline(), () => this.tell({ kind: "TimePassed" }));
  }

  private obey(effect: DispatcherEffect): void {
    switch (effect.kind) {
      case "StartCall": {
        const slot = this.slots.get(effect.slot)!;
        slot.calls.push({ call: effect.call, hasBegun: false, isBlocked: false });
        return this.beginNext(slot);
      }
      case "RevokeCall": {
        const slot = this.slots.get(effect.slot)!;
        if (slot.asked === null) return this.takeBack(slot, effect.call);
        return void slot.asked.push(effect.call);
      }
      case "AbortCall":
        // One that has not begun has nothing to listen with: its slot is far, and does not answer.
        if (!this.deaf.has(effect.call) && this.runs(effect.call)) this.end(effect.call, true, 1000);
        return;
      case "TerminateSlot":
        return this.exit(this.slots.get(effect.slot)!, "it was ended as told");
      case "SettleCall":
      case "Drained":
      case "EventIgnored":
    }
  }

  private takeBack({ slot, calls }: SceneSlot, call: number): void {
    const at = calls.findIndex((held) => held.call === call);
    if (at < 0) return; // it has ended, which was told
    const { hasBegun } = calls[at]!;
    if (!hasBegun) calls.splice(at, 1);
    this.tell({ kind: hasBegun ? "CallKept" : "CallRevoked", call, slot });
  }

  private beginNext(slot: SceneSlot): void {
    const isBusy = slot.calls.some(({ hasBegun, isBlocked }) => hasBegun && !isBlocked);
    const next = slot.calls.find(({ hasBegun }) => !hasBegun);
    if (isBusy || next === undefined) return;
    next.hasBegun = true;
    this.trace.push(`  ~ s${slot.slot} begins c${next.call}`);
  }

  private end(call: number, isFailure: boolean, micros: number): void {
    const slot = this.holderOf(call);
    const [{ isBlocked }] = slot.calls.splice(slot.calls.indexOf(heldIn(slot, call)), 1) as [HeldCall];
    const runMicros = isBlocked ? null : micros;
    this.say(slot, { kind: "CallEnded", call, slot: slot.slot, isFailure, runMicros });
    this.beginNext(slot);
  }

  private block(call: number, isBlocked: boolean): void {
    const slot = this.holderOf(call);
    heldIn(slot, call).isBlocked = isBlocked;
    this.say(slot, { kind: isBlocked ? "CallBlocked" : "CallUnblocked", call, slot: slot.slot });
    this.beginNext(slot);
  }

  private exit({ slot, calls }: SceneSlot, message: string, isKnown = true): void {
    this.slots.delete(slot);
    const unbegun = calls.filter(({ hasBegun }) => isKnown && !hasBegun).map(({ call }) => call);
    this.tell({ kind: "SlotExited", slot, error: { name: "Error", message }, unbegun });
  }

  /** What a slot tells: at once, or when it is released. */
  private say(slot: SceneSlot, event: DispatcherEvent): void {
    if (slot.unheard === null) this.tell(event);
    else slot.unheard.push(event);
  }

  private release(slot: SceneSlot): void {
    const events = slot.unheard ?? [];
    slot.unheard = null;
    for (const event of events) this.tell(event);
  }

  private slot(name: string): SceneSlot {
    const slot = this.slots.get(number("s", name));
    if (slot === undefined) throw new Error(`there is no slot ${name}`);
    return slot;
  }

  private runs(call: number): boolean {
    return [...this.slots.values()].some(({ calls }) =>
      calls.some((held) => held.call === call && held.hasBegun),
    );
  }

  private holderOf(call: number): SceneSlot {
    for (const slot of this.slots.values())
      if (slot.calls.some((held) => held.call === call && held.hasBegun)) return slot;
    throw new Error(`c${call} runs nowhere`);
  }

  private note(prefix: string, body: DispatcherEvent | DispatcherEffect): void {
    const now = this.agenda.now();
    if (now !== this.tracedAt) this.trace.push(`-- ${now / 1000} s`);
    this.tracedAt = now;
    this.trace.push(`${prefix}${describe({ machine: "dispatcher", body })}`);
  }

  private printPool(): void {
    const waiting = [...this.machine.state().calls].filter(({ place }) => place === "waiting");
    this.trace.push(`waiting: ${waiting.map(({ call }) => `c${call}`).join(" ") || "nothing"}`);
    for (const { slot, calls } of this.slots.values()) {
      const held = calls.map(({ call, hasBegun, isBlocked }) =>
        isBlocked ? `c${call} (blocked)` : hasBegun ? `c${call} (runs)` : `c${call}`,
      );
      this.trace.push(`s${slot}: ${held.join(" ") || "nothing"}`);
    }
  }
}

const heldIn = (slot: SceneSlot, call: number): HeldCall => slot.calls.find((held) => held.call === call)!;

/** What somebody says: "ended c1 at s0", "joined s0". */
function rumour([what, subject = "", , at = ""]: readonly string[]): DispatcherEvent {
  const named = number(what === "joined" || what === "exited" ? "s" : "c", subject);
  const about = (): { call: number; slot: number } => ({ call: named, slot: number("s", at) });
  switch (what) {
    case "ended":
      return { kind: "CallEnded", ...about(), isFailure: false, runMicros: 1000 };
    case "kept":
      return { kind: "CallKept", ...about() };
    case "revoked":
      return { kind: "CallRevoked", ...about() };
    case "blocked":
      return { kind: "CallBlocked", ...about() };
    case "joined":
      return { kind: "SlotJoined", slot: named, canRevoke: true };
    case "exited":
      return { kind: "SlotExited", slot: named, error: { name: "Error", message: "again" }, unbegun: [] };
    case "submitted": {
      const usual = { target: 1, items: 1, priority: 0, deadline: null, retries: 0, isNested: false };
      return { kind: "CallSubmitted", call: named, ...usual };
    }
    default:
      throw new Error(`nobody says "${what}"`);
  }
}

function number(prefix: string, name: string): number {
  if (!name.startsWith(prefix) || !/^\w\d+$/.test(name)) throw new Error(`not a ${prefix}-number: "${name}"`);
  return Number(name.slice(1));
}

/** "c1", or "c1..c4" for four of them. Other words are left out. */
const numbers = (prefix: string, words: readonly string[]): number[] =>
  words
    .filter((word) => new RegExp(`^${prefix}\\d`).test(word))
    .flatMap((word) => {
      const [from = "", to = from] = word.split("..");
      const first = number(prefix, from);
      return Array.from({ length: number(prefix, to) - first + 1 }, (_, at) => first + at);
    });

function duration(text: string): Millis {
  const ms = parseDuration(text);
  if (ms === null) throw new Error(`not a duration: ${text}`);
  return ms;
}
