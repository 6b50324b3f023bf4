// The slots of one worker on the golden stage: they do with each attempt what the script says (scene.ts).

import type { AttemptId, WorkerId } from "../../src/base/ids.ts";
import { parseBytes, parseDuration } from "../../src/base/units.ts";
import type { CoordinatorEvent } from "../../src/core/coordinator/events.ts";
import type { AttemptFigures, Failure, Millis } from "../../src/core/types.ts";
import type { WorkerEffect, WorkerEvent } from "../../src/core/worker/events.ts";
import type { Agenda } from "./agenda.ts";
import { parseCommand, type Command } from "./dialogue.ts";

export const figures = (runMs: Millis): AttemptFigures => ({
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs,
  counters: {},
});

const nothingSpecial = parseCommand("script *");

interface Place {
  readonly slot: number;
  readonly generation: number;
}

export class ScriptedSlots {
  private readonly worker: WorkerId;
  private readonly agenda: Agenda;
  private readonly scripts: ReadonlyMap<string, Command>;
  private readonly starts: ReadonlyMap<string, Command>;
  private readonly post: (event: WorkerEvent) => void;
  private readonly report: (event: CoordinatorEvent) => void;
  /** What is still to come of each slot: how to call it off. */
  private readonly coming = new Map<number, () => void>();

  constructor(
    worker: WorkerId,
    agenda: Agenda,
    scripts: ReadonlyMap<string, Command>,
    starts: ReadonlyMap<string, Command>,
    post: (event: WorkerEvent) => void,
    report: (event: CoordinatorEvent) => void,
  ) {
    this.worker = worker;
    this.agenda = agenda;
    this.scripts = scripts;
    this.starts = starts;
    this.post = post;
    this.report = report;
  }

  perform(effect: WorkerEffect): void {
    const { worker } = this;
    switch (effect.kind) {
      case "StartSlot":
        return this.start(effect);
      case "RunAttempt":
        return this.runAttempt(effect, effect.attempt);
      case "AbortAttempt":
        return this.abort(effect, effect.attempt);
      case "TerminateSlot":
        this.coming.get(effect.slot)?.();
        return this.after(effect, 0, exited(effect, "it was ended as told"));
      case "ReportStarted":
        return this.report({ ...effect, kind: "AttemptStarted", worker });
      case "ReportFinished":
        return this.report({ ...effect, kind: "AttemptFinished", worker });
      case "ReportFailed":
        return this.report({ ...effect, kind: "AttemptFailed", worker });
      case "EventIgnored":
    }
  }

  /** The whole process is gone. */
  end(): void {
    for (const callOff of this.coming.values()) callOff();
  }

  private start(place: Place): void {
    const script = this.starts.get(this.worker);
    const crash = script?.options.get("crash");
    if (script?.words.includes("never") === true) return;
    this.after(place, 0, crash === undefined ? { kind: "SlotReady", ...at(place) } : exited(place, crash));
  }

  private runAttempt(place: Place, attempt: AttemptId): void {
    const { words, options } = this.scriptOf(attempt);
    const bytesOut = parseBytes(options.get("writes") ?? "0") ?? NaN;
    const takes = parseDuration(options.get("takes") ?? "0ms") ?? NaN;
    const [error, crash, killed, lost] = ["error", "crash", "killed", "lost"].map((name) =>
      options.get(name),
    );
    if (words.includes("hang")) return;
    if (crash !== undefined) return this.after(place, takes, exited(place, crash));
    if (killed !== undefined) return this.after(place, takes, { ...exited(place, killed), isExternal: true });
    const failed = (failure: Failure): void =>
      this.after(place, takes, { kind: "SlotFailed", ...at(place), attempt, failure });
    if (error !== undefined) {
      return failed({
        kind: "error",
        final: words.includes("final"),
        error: { name: "Error", message: error },
      });
    }
    if (lost !== undefined) {
      const message = "map outputs are missing";
      const error = { name: "ShoalError", code: "BLOCK_LOST", message } as const;
      return failed({ kind: "blocks", lost: lost.split(" ") as AttemptId[], error });
    }
    this.after(place, takes, {
      kind: "SlotFinished",
      ...at(place),
      attempt,
      figures: { ...figures(takes), bytesOut },
    });
  }

  private abort(place: Place, attempt: AttemptId): void {
    if (this.scriptOf(attempt).words.includes("deaf")) return;
    this.coming.get(place.slot)?.();
    this.after(place, 0, { kind: "SlotFailed", ...at(place), attempt, failure: { kind: "cancelled" } });
  }

  private scriptOf(attempt: AttemptId): Command {
    const names = [attempt, attempt.replace(/\..*/, ""), this.worker, "*"];
    return (
      names.map((name) => this.scripts.get(name)).find((script) => script !== undefined) ?? nothingSpecial
    );
  }

  private after({ slot }: Place, delay: Millis, event: WorkerEvent): void {
    this.coming.set(
      slot,
      this.agenda.at(this.agenda.now() + delay, () => this.post(event)),
    );
  }
}

const at = ({ slot, generation }: Place): Place => ({ slot, generation });

const exited = (place: Place, message: string): WorkerEvent & { kind: "SlotExited" } => ({
  kind: "SlotExited",
  ...at(place),
  error: { name: "ShoalError", code: "SLOT_LOST", message },
});
