// Golden dialogues with the machine of `each`: which job runs next, what is tried again, when a run stops. Rewritten by
// SHOAL_REWRITE=1, as those in this folder's golden.test.ts.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseDuration } from "../../src/base/units.ts";
import { describe, type EachEvent } from "../../src/model/each/events.ts";
import { parseHalt } from "../../src/model/each/halt.ts";
import { EachMachine, type EachRules } from "../../src/model/each/machine.ts";
import { replay, type Command } from "./dialogue.ts";

const here = new URL("./each/", import.meta.url);
const files = readdirSync(here)
  .filter((name) => name.endsWith(".txt"))
  .sort();

/** A machine on a clock of its own, told what the commands say. */
class Scene {
  private machine: EachMachine;
  private now = 0;

  constructor() {
    this.machine = new EachMachine(rulesOf(new Map()));
  }

  run({ name, words, options }: Command): string[] {
    const seqs = words.map(Number);
    switch (name) {
      case "begin":
        this.machine = new EachMachine(rulesOf(options));
        this.now = 0;
        return this.tell([{ kind: "TimePassed" }]);
      case "input":
        return this.tell(seqs.map((seq) => ({ kind: "InputArrived", seq })));
      case "input-ends":
        return this.tell([{ kind: "InputEnded" }]);
      case "succeeds":
      case "fails": {
        const ranMs = parseDuration(options.get("after") ?? "100ms")!;
        return this.tell(
          seqs.map((seq) => ({ kind: "AttemptEnded", seq, isSuccess: name === "succeeds", ranMs })),
        );
      }
      case "refused":
        return this.tell(seqs.map((seq) => ({ kind: "StartRefused", seq })));
      case "taken":
        return this.tell(seqs.map((seq) => ({ kind: "ResultTaken", seq })));
      case "drain":
        return this.tell([{ kind: "DrainAsked" }]);
      case "cancel":
        return this.tell([{ kind: "CancelAsked", signal: words[0] as NodeJS.Signals }]);
      case "wait":
        return this.wait(parseDuration(words[0]!)!);
      default:
        throw new Error(`no command ${name}`);
    }
  }

  private tell(events: readonly EachEvent[]): string[] {
    return events.flatMap((event) => this.machine.handle(event, this.now).map(describe));
  }

  /** Goes from deadline to deadline, as a driver does. */
  private wait(ms: number): string[] {
    const end = this.now + ms;
    const trace: string[] = [];
    for (;;) {
      const deadline = this.machine.nextDeadline();
      if (deadline === null || deadline > end) break;
      this.now = Math.max(this.now, deadline);
      trace.push(...this.tell([{ kind: "TimePassed" }]).map((line) => `${this.now} ms: ${line}`));
    }
    this.now = end;
    return trace;
  }
}

function rulesOf(options: ReadonlyMap<string, string>): EachRules {
  const number = (name: string, otherwise: number): number => Number(options.get(name) ?? otherwise);
  const timeout = options.get("timeout");
  return {
    jobs: number("jobs", 2),
    attemptsMax: number("retries", 1),
    timeout:
      timeout === undefined
        ? null
        : timeout.endsWith("%")
          ? { percent: Number.parseFloat(timeout) }
          : { ms: parseDuration(timeout)! },
    halt: parseHalt(options.get("halt") ?? "never"),
    isOrdered: options.get("order") === "kept",
    delayMs: parseDuration(options.get("delay") ?? "0ms")!,
    queueMax: number("queue", 1),
    heldMax: number("held", 1000),
    graceMs: parseDuration(options.get("grace") ?? "5s")!,
  };
}

test.each(files)("%s", (name) => {
  const file = new URL(name, here);
  const written = readFileSync(file, "utf8");
  const scene = new Scene();
  const played = replay(written, (command) => scene.run(command));
  if (process.env["SHOAL_REWRITE"] === "1") writeFileSync(file, played);
  else expect(played).toBe(written);
});

test("the dialogues are there", () => {
  expect(files.length).toBeGreaterThanOrEqual(6);
});
