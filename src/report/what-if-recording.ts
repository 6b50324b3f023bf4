// What a finished job's journal says about how long its attempts take: enough to run the job again in the simulator.
// Pure; folds records one by one.
//
// Not here: the simulation (model/what-if.ts), what its outcome means (what-if.ts).
//
// An attempt's time is that for which it held its slot, by the log's clock: with the messages to and from the slot,
// which every slot count has. Attempts that failed are kept with how they ended, so that the same mishaps happen again;
// whatever has no record (a backup that this run did not need) takes as long as the attempt that won.
//
// A slot's first task of a stage is slower than its next ones: its code is cold. With more slots more tasks are first,
// so that this is told apart: `coldMs` of a stage is what its first tasks took beyond the median of the others.
//
// A slot keeps more than one core busy: its own thread, and at times those that collect garbage and compile beside it.
// One slot on two cores has them for nothing; two slots on two cores have to wait for them. How many cores a slot keeps
// busy is measured (CPU time of the process / time of its slots), and `stretch` is what waiting for them costs when there
// are as many cores as slots, or as many as the run had if that is more.

import { parseAttemptId } from "../base/ids.ts";
import type { LogEntry } from "../core/log.ts";
import type { Failure, JobSpec, Millis } from "../core/types.ts";
import type { CpuUse, JournalRecord, RunOpened } from "../protocol/journal.ts";

export interface RecordedCourse {
  readonly durationMs: Millis;
  /** Null: it finished. "exit": its slot ended under it. */
  readonly failure: Failure | "exit" | null;
}

/** Wall time of the recorded run, by parts that a simulation has and those that it takes from here. */
export interface Measured {
  readonly wallMs: Millis;
  /** Before the first attempt. */
  readonly startUpMs: Millis;
  /** After the last task: commit, collecting the result. */
  readonly endMs: Millis;
}

/** Less slot time than this says nothing about its use of cores. */
const cpuMinMs = 500;

/** So many other tasks tell what a stage's tasks take. */
const warmMin = 3;

export class Recording {
  opened: RunOpened | null = null;
  spec: JobSpec | null = null;
  incarnations = 0;
  isSucceeded = false;
  measured: Measured | null = null;
  remade = 0;
  private cpu: CpuUse | null = null;
  /** Slot time of all attempts of the last incarnation. */
  private occupiedMs: Millis = 0;
  /** By task: how long the attempt that won held its slot. */
  readonly taskMs = new Map<number, Millis>();
  /** Failed attempts, by id. */
  readonly failures = new Map<string, RecordedCourse>();
  /** Tasks whose winner was the first of its stage in its slot. */
  readonly firsts = new Set<number>();
  private readonly startedAt = new Map<string, { readonly at: Millis; readonly isFirst: boolean }>();
  private readonly warm = new Set<string>();
  private readonly cancelled = new Set<string>();

  add(record: JournalRecord): void {
    switch (record.kind) {
      case "opened":
        if (record.run !== this.opened?.run) this.begin();
        this.opened = record;
        this.incarnations++;
        this.occupiedMs = 0;
        this.startedAt.clear();
        this.warm.clear();
        this.failures.clear();
        return;
      case "closed":
        this.isSucceeded = record.outcome.kind === "succeeded";
        this.measured = measuredIn(record.report);
        this.cpu = record.cpu ?? null;
        return;
      case "entry":
        if (record.entry.machine === "coordinator") this.observe(record.entry);
    }
  }

  get slots(): number {
    return this.opened?.slots ?? 0;
  }

  /** Cores that one slot at work keeps busy; null where that was not measured. */
  get coresPerSlot(): number | null {
    return this.cpu === null || this.occupiedMs < cpuMinMs ? null : this.cpu.ms / this.occupiedMs;
  }

  /** How much longer tasks take on that many slots than in the recorded run, since slots wait for cores. */
  stretch(slots: number): number {
    const { coresPerSlot, cpu } = this;
    if (coresPerSlot === null) return 1;
    const on = (count: number, cores: number): number => Math.max(1, (count * coresPerSlot) / cores);
    return on(slots, Math.max(slots, cpu!.cores)) / on(this.slots, cpu!.cores);
  }

  /** How the attempt goes in a simulation, as the first of its stage in its slot or not. */
  course(attempt: string, isFirst: boolean, coldMs: Millis): RecordedCourse {
    const failed = this.failures.get(attempt);
    if (failed !== undefined) return failed;
    const task = parseAttemptId(attempt)?.task ?? -1;
    const cold = (isFirst ? coldMs : 0) - (this.firsts.has(task) ? coldMs : 0);
    return { durationMs: Math.max(0, (this.taskMs.get(task) ?? 0) + cold), failure: null };
  }

  /** For each stage what cold code costs a slot's first task of it; 0 where that cannot be told. */
  coldMs(): Millis[] {
    let first = 0;
    return (this.spec?.stages ?? []).map(({ tasks }) => {
      const mine = Array.from({ length: tasks }, (_, i) => first + i).filter((task) => this.taskMs.has(task));
      first += tasks;
      const cold = mine.filter((task) => this.firsts.has(task)).map((task) => this.taskMs.get(task)!);
      const warm = mine.filter((task) => !this.firsts.has(task)).map((task) => this.taskMs.get(task)!);
      if (cold.length === 0 || warm.length < warmMin) return 0;
      // Tasks that differ anyway are not to be taken for cold and warm ones.
      return quantile(cold, 0.5) > quantile(warm, 0.9) ? quantile(cold, 0.5) - quantile(warm, 0.5) : 0;
    });
  }

  /** The longest chain of tasks that wait for each other: no number of slots is faster. */
  chainMs(): Millis {
    const chains: Millis[] = [];
    const coldMs = this.coldMs();
    let first = 0;
    for (const [stage, { tasks, reads }] of (this.spec?.stages ?? []).entries()) {
      let longest = 0;
      for (let task = first; task < first + tasks; task++) {
        longest = Math.max(
          longest,
          (this.taskMs.get(task) ?? 0) - (this.firsts.has(task) ? coldMs[stage]! : 0),
        );
      }
      chains.push(longest + Math.max(0, ...reads.map((read) => chains[read]!)));
      first += tasks;
    }
    return Math.round(Math.max(0, ...chains) * this.stretch(1));
  }

  /** The largest number of tasks that one stage has: more slots than that have nothing to do. */
  widest(): number {
    return Math.max(1, ...(this.spec?.stages ?? []).map(({ tasks }) => tasks));
  }

  /** Another run: it has nothing from the one before it. */
  private begin(): void {
    this.incarnations = 0;
    this.remade = 0;
    this.isSucceeded = false;
    this.measured = null;
    this.taskMs.clear();
    this.firsts.clear();
  }

  private observe(entry: LogEntry & { machine: "coordinator" }): void {
    const { body, at } = entry;
    switch (body.kind) {
      case "JobSubmitted":
        this.spec = body.job;
        return;
      case "OutputsAdopted":
        // Their own times are known where this journal still has them.
        for (const { task, figures } of body.outputs) {
          if (!this.taskMs.has(task)) this.taskMs.set(task, Math.round(figures.runMs));
        }
        return;
      case "AttemptStarted": {
        const place = `${body.worker}/${body.slot}/${this.stageOf(body.attempt)}`;
        this.startedAt.set(body.attempt, { at, isFirst: !this.warm.has(place) });
        this.warm.add(place);
        return;
      }
      case "CancelAttempt":
        this.cancelled.add(body.attempt);
        return;
      case "AttemptFinished": {
        const task = parseAttemptId(body.attempt)?.task;
        if (task === undefined || this.cancelled.has(body.attempt)) return;
        if (this.startedAt.get(body.attempt)?.isFirst === true) this.firsts.add(task);
        else this.firsts.delete(task);
        this.taskMs.set(task, this.took(body.attempt, at));
        return;
      }
      case "AttemptFailed":
        if (this.cancelled.has(body.attempt)) return;
        if (body.failure.kind === "error") this.fail(body.attempt, at, body.failure);
        else if (body.failure.kind === "loss") this.fail(body.attempt, at, "exit");
        return;
      case "NoteDecision":
        if (body.note.kind === "output-remade") this.remade++;
        return;
      default:
        return;
    }
  }

  private fail(attempt: string, at: Millis, failure: Failure | "exit"): void {
    this.failures.set(attempt, { durationMs: this.took(attempt, at), failure });
  }

  private took(attempt: string, at: Millis): Millis {
    const startedAt = this.startedAt.get(attempt)?.at ?? at;
    this.startedAt.delete(attempt);
    this.occupiedMs += Math.max(0, at - startedAt);
    return Math.max(0, at - startedAt);
  }

  private stageOf(attempt: string): number {
    let left = parseAttemptId(attempt)?.task ?? 0;
    return (this.spec?.stages ?? []).findIndex(({ tasks }) => (left -= tasks) < 0);
  }
}

/** By the nearest rank. */
const quantile = (list: readonly number[], share: number): number =>
  [...list].sort((a, b) => a - b)[Math.max(0, Math.ceil(share * list.length) - 1)]!;

/** From the report in the journal's last record (report-json.ts), or null where there is none. */
function measuredIn(report: unknown): Measured | null {
  const { wallMs, unsharedMs } = (report ?? {}) as {
    wallMs?: unknown;
    unsharedMs?: { startUp?: unknown; end?: unknown };
  };
  const { startUp, end } = unsharedMs ?? {};
  if (typeof wallMs !== "number" || typeof startUp !== "number" || typeof end !== "number") return null;
  return { wallMs, startUpMs: startUp, endMs: end };
}
