// The stage on which golden dialogues are played: the real coordinator, real workers and the real event loop, on
// virtual time, with slots that do what the script says. Messages take no time, unless a worker is held.
//
//   begin                         a new scene: all before is forgotten
//   limits KEY=VALUE …            before the job: limits other than the defaults
//   job, then lines STAGE TASKS blocks|kept [reads=(0 …)]
//   adopt T … [at=W] [used=(t0:2 …)]   before any assignment: these attempts finished in an earlier incarnation
//   join W slots=N [grace=5s]     a worker starts its slots and joins
//   script WHO WHAT …             what attempts (t0.1), tasks (t0), workers (w1) or all (*) do; the first of these
//                                 takes=5s · writes=64m · error="…" [final] · crash="…" · killed="…" (from outside) ·
//                                 lost=(t0.1 …) · hang · deaf (to aborts) · stack="…" (where it is found) · unseen
//   starts W crash="…"|never|well what the worker's slots do when they are started
//   commits fail="…"              publishing the output fails
//   stabilize                     delivers all that can be delivered without time passing
//   advance 5s                    lets time pass, and everything happen that is due
//   hold W · release W            what the worker says is held back, then delivered
//   holds W t0=64m …                W has copies of what these tasks read
//   pause W silent|leaving          no new attempts for it; resume W  silent no more
//   lose W "…"                    the worker is declared lost; it may live on
//   crash W "…"                   the worker is gone, and that is noticed
//   cancel "…" · stop W           asked from outside
//   say W finished|started T      the coordinator hears this from the worker, true or not
//   say W joined slots=N
//   show coordinator|all          whose events and effects are printed; at first the coordinator's
//   tasks · story T               questions

import type { AttemptId, WorkerId } from "../../src/base/ids.ts";
import { jobId } from "../../src/base/ids.ts";
import { parseBytes, parseDuration } from "../../src/base/units.ts";
import { createCoordinator } from "../../src/core/coordinator/coordinator.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../../src/core/coordinator/events.ts";
import { checkInvariants } from "../../src/core/coordinator/invariants.ts";
import { describe } from "../../src/core/describe.ts";
import { defaultLimits, type JobLimits, type Millis, type StageSpec } from "../../src/core/types.ts";
import { createWorker, type Worker } from "../../src/core/worker/worker.ts";
import type { WorkerEffect, WorkerEvent } from "../../src/core/worker/events.ts";
import { checkInvariants as checkWorker } from "../../src/core/worker/invariants.ts";
import type { LogEntry } from "../../src/core/log.ts";
import { Loop } from "../../src/driver/loop.ts";
import { parseCommand, type Command } from "./dialogue.ts";
import { Agenda } from "./agenda.ts";
import { figures, ScriptedSlots } from "./scripted-slots.ts";

export class Scene {
  private readonly agenda = new Agenda();
  private readonly coordinator = createCoordinator();
  private readonly workers = new Map<string, { machine: Worker; slots: ScriptedSlots }>();
  private readonly scripts = new Map<string, Command>();
  private readonly starts = new Map<string, Command>();
  private readonly held = new Map<string, CoordinatorEvent[]>();
  private readonly loop: Loop;
  private limits: JobLimits = defaultLimits;
  private commitError: string | null = null;
  private showsAll = false;
  private trace: string[] = [];
  private tracedAt: Millis = 0;

  constructor() {
    this.loop = new Loop(
      this.agenda,
      (machine, effect: CoordinatorEffect | WorkerEffect) => {
        if (machine === "coordinator") this.perform(effect as CoordinatorEffect);
        else this.workers.get(machine)?.slots.perform(effect as WorkerEffect);
      },
      (entry) => this.observe(entry),
    );
    this.loop.add("coordinator", this.coordinator);
  }

  /** Plays one command and returns the trace that it caused. */
  run(command: Command): readonly string[] {
    const { name, words, options } = command;
    const [first = "", second = ""] = words;
    this.trace = [];
    switch (name) {
      case "limits":
        this.limits = { ...defaultLimits, ...parseLimits(options) };
        break;
      case "job":
        this.submit(command.input);
        break;
      case "adopt":
        this.adopt(words as readonly AttemptId[], options);
        break;
      case "join":
        this.join(first, Number(options.get("slots")), duration(options.get("grace") ?? "5s"));
        break;
      case "script":
        this.scripts.set(first, command);
        break;
      case "starts":
        this.starts.set(first, command);
        break;
      case "commits":
        this.commitError = options.get("fail") ?? null;
        break;
      case "stabilize":
        this.agenda.runUntil(this.agenda.now());
        break;
      case "advance":
        this.agenda.runUntil(this.agenda.now() + duration(first));
        break;
      case "hold":
        this.held.set(first, []);
        break;
      case "release":
        this.release(first);
        break;
      case "lose":
        this.tell({ kind: "WorkerLost", worker: first as WorkerId, reason: second });
        break;
      case "pause":
        this.tell({ kind: "WorkerPaused", worker: first as WorkerId, why: second as "silent" | "leaving" });
        break;
      case "holds":
        this.tell({ kind: "InputsHeld", worker: first as WorkerId, copies: copiesIn(options) });
        break;
      case "resume":
        this.tell({ kind: "WorkerResumed", worker: first as WorkerId });
        break;
      case "crash":
        this.crash(first, second);
        break;
      case "cancel":
        this.tell({ kind: "CancelRequested", reason: first });
        break;
      case "stop":
        this.loop.post(first as `w${number}`, { kind: "StopRequested" }, null);
        break;
      case "say":
        this.say(first as WorkerId, second, words[2] as AttemptId, Number(options.get("slots")));
        break;
      case "show":
        this.showsAll = first === "all";
        break;
      case "tasks":
        this.printTasks();
        break;
      case "story":
        this.trace.push(...this.coordinator.taskStory(Number(first.slice(1))));
        break;
      default:
        throw new Error(`no such command: ${name}`);
    }
    this.check();
    return this.trace;
  }

  private submit(lines: readonly string[]): void {
    const stages = lines.map((line): StageSpec => {
      const {
        name,
        words: [tasks, output],
        options,
      } = parseCommand(line);
      const reads = (options.get("reads") ?? "")
        .split(" ")
        .filter((text) => text !== "")
        .map(Number);
      return { name, tasks: Number(tasks), output: output as StageSpec["output"], reads };
    });
    this.tell({ kind: "JobSubmitted", job: { id: jobId("j1"), stages, limits: this.limits } });
  }

  private adopt(attempts: readonly AttemptId[], options: ReadonlyMap<string, string>): void {
    const worker = (options.get("at") ?? "w0") as WorkerId;
    const outputs = attempts.map((attempt) => ({
      task: taskOf(attempt),
      attempt,
      worker,
      figures: figures(0),
    }));
    const attemptsUsed = (options.get("used") ?? "")
      .split(" ")
      .filter((text) => text !== "")
      .map((text) => {
        const [task = "", attempts = ""] = text.split(":");
        return { first: Number(task.slice(1)), last: Number(task.slice(1)), attempts: Number(attempts) };
      });
    this.tell({ kind: "OutputsAdopted", outputs, attemptsUsed });
  }

  private join(name: string, slots: number, abortGraceMs: Millis): void {
    const machine = createWorker();
    const id = name as `w${number}`;
    const post = (event: WorkerEvent): void => this.loop.post(id, event, null);
    const report = (event: CoordinatorEvent): void => this.report(name, event);
    const scripted = new ScriptedSlots(
      name as WorkerId,
      this.agenda,
      this.scripts,
      this.starts,
      post,
      report,
    );
    this.workers.set(name, { machine, slots: scripted });
    this.loop.add(id, machine);
    this.loop.post(id, { kind: "WorkerStarted", slots, abortGraceMs }, null);
    this.tell({ kind: "WorkerJoined", worker: name as WorkerId, slots });
  }

  private crash(name: string, reason: string): void {
    this.workers.get(name)?.slots.end();
    this.workers.delete(name);
    this.loop.remove(name as `w${number}`);
    this.tell({ kind: "WorkerLost", worker: name as WorkerId, reason });
  }

  /** What a worker tells the coordinator: at once, or when it is released. */
  private report(worker: string, event: CoordinatorEvent): void {
    const held = this.held.get(worker);
    if (held === undefined) this.agenda.at(this.agenda.now(), () => this.tell(event));
    else held.push(event);
  }

  private release(worker: string): void {
    const held = this.held.get(worker) ?? [];
    this.held.delete(worker);
    for (const event of held) this.report(worker, event);
  }

  private say(worker: WorkerId, what: string, attempt: AttemptId, slots: number): void {
    if (what === "joined") return this.tell({ kind: "WorkerJoined", worker, slots });
    if (what === "started") this.tell({ kind: "AttemptStarted", worker, attempt, slot: 0 });
    else this.tell({ kind: "AttemptFinished", worker, attempt, figures: figures(0) });
  }

  private tell(event: CoordinatorEvent): void {
    this.loop.post("coordinator", event, null);
    this.check();
  }

  private perform(effect: CoordinatorEffect): void {
    const send = (worker: string, event: WorkerEvent): void => {
      this.agenda.at(this.agenda.now(), () => this.loop.post(worker as `w${number}`, event, null));
    };
    if (effect.kind === "AssignAttempt")
      send(effect.worker, { kind: "AttemptAssigned", attempt: effect.attempt });
    if (effect.kind === "CancelAttempt")
      send(effect.worker, { kind: "CancelRequested", attempt: effect.attempt });
    if (effect.kind === "ExamineAttempt") this.examine(effect.attempt);
    if (effect.kind !== "CommitOutput") return;
    const error = this.commitError;
    this.agenda.at(this.agenda.now(), () =>
      this.tell(
        error === null
          ? { kind: "OutputCommitted" }
          : { kind: "CommitFailed", error: { name: "Error", message: error } },
      ),
    );
  }

  private examine(attempt: AttemptId): void {
    const script = this.scripts.get(attempt) ?? this.scripts.get(attempt.replace(/\..*/, ""));
    if (script?.words.includes("unseen") === true) return;
    const stack = script?.options.get("stack") ?? null;
    this.agenda.at(this.agenda.now(), () => this.tell({ kind: "AttemptExamined", attempt, stack }));
  }

  private observe(entry: LogEntry): void {
    if (entry.machine !== "coordinator" && !this.showsAll) return;
    if (entry.at !== this.tracedAt) this.trace.push(`-- ${entry.at / 1000} s`);
    this.tracedAt = entry.at;
    const who = entry.machine === "coordinator" ? "" : `${entry.machine}: `;
    this.trace.push(`${entry.type === "event" ? "> " : "    "}${who}${describe(entry)}`);
  }

  private printTasks(): void {
    const tasks = this.coordinator.state()?.tasks.count ?? 0;
    for (let task = 0; task < tasks; task++)
      this.trace.push(`t${task} ${this.coordinator.taskSituation(task)}`);
  }

  private check(): void {
    const state = this.coordinator.state();
    if (state !== null) checkInvariants(state);
    for (const { machine } of this.workers.values()) checkWorker(machine.state()!);
  }
}

/** Of what may be no attempt. */
const taskOf = (attempt: string): number => Number(/^t(\d+)/.exec(attempt)?.[1] ?? -1);

function duration(text: string): Millis {
  const ms = parseDuration(text);
  if (ms === null) throw new Error(`not a duration: ${text}`);
  return ms;
}

function parseLimits(options: ReadonlyMap<string, string>): Partial<JobLimits> {
  return Object.fromEntries(
    [...options].map(([key, value]) => [
      key,
      /(?<!Per)Ms(Max)?$/.test(key) ? duration(value) : Number(value),
    ]),
  );
}

const copiesIn = (options: ReadonlyMap<string, string>): [number, number][] =>
  [...options].map(([task, bytes]) => [taskOf(task), parseBytes(bytes) ?? NaN]);
