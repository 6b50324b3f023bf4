// The simulated job's journal: real bytes in the format of store/journal, on a simulated disk, written by the rules of
// model/run-journal.ts. A killed writer leaves what it had handed to the system and perhaps a part of the next write;
// a power failure leaves what was durable, and of the rest a first part, a hole, or nothing.
//
// What the bytes mean to the next incarnation is told by the product's own fold (protocol/past.ts), which is held
// against the checkers' view of the same entries.
// Owner of: the bytes.

import { below, chance, type Rng } from "../../src/base/rng.ts";
import { parseAttemptId, type AttemptId } from "../../src/base/ids.ts";
import type { CoordinatorEvent } from "../../src/core/coordinator/events.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { AdoptedOutput, JobSpec } from "../../src/core/types.ts";
import type { JournalRecord, RunOpened } from "../../src/protocol/journal.ts";
import { PastFold, type Past } from "../../src/protocol/past.ts";
import { encodeFrames, encodeHeader, encodeMark, parseSegment } from "../../src/store/journal/frames.ts";
import { check, Violation } from "../checkers/checker.ts";
import { View } from "../checkers/view.ts";

/** Where other machines may live on with attempts that a journal has lost, numbers begin anew, above all earlier ones. */
const numbersPerIncarnation = 1000;

interface Written {
  readonly end: number;
  readonly worldAt: number;
}

export class SimJournal {
  /** Ids whose assignment is in no journal any more, since power failed: nothing of them is left either. */
  readonly forgotten = new Set<AttemptId>();
  private readonly spec: JobSpec;
  private readonly lagMs: number;
  private readonly isOneMachine: boolean;
  private bytes: Buffer[] = [encodeHeader(true)];
  private size = this.bytes[0]!.length;
  /** Not yet handed to the system. */
  private pending: string[] = [];
  private writes: Written[] = [];
  private marked = 0;
  private incarnation = 1;
  /** Every id that was ever given out, but for those that are forgotten. */
  private assigned: AttemptId[] = [];
  private lastCut: "kill" | "power" = "kill";

  /** `lagMs`: how long after a write it is durable. */
  constructor(spec: JobSpec, lagMs: number, isOneMachine: boolean) {
    this.spec = spec;
    this.lagMs = lagMs;
    this.isOneMachine = isOneMachine;
    this.pending.push(JSON.stringify(openedOf(spec, 1)));
  }

  append(entry: LogEntry, worldAt: number): void {
    if (entry.machine !== "coordinator") return;
    const { body } = entry;
    const kept = body.kind === "AssignAttempt" ? { ...entry, body: { ...body, inputs: [] } } : entry;
    this.pending.push(JSON.stringify({ kind: "entry", entry: kept }));
    // An assignment and the order to commit are with the system before they are performed; the rest goes in batches.
    if (body.kind === "AssignAttempt" || body.kind === "CommitOutput" || this.pending.length >= 16)
      this.write(worldAt);
    if (body.kind === "AssignAttempt") this.assigned.push(body.attempt);
  }

  /** The writer died at this moment; if by a power failure, the system with it. */
  cut(random: Rng, now: number, isPower: boolean): void {
    const partial = encodeFrames(this.pending);
    // Half of the time the cut is within the last few records: what belongs together is parted there.
    const least = chance(random, 0.5) ? encodeFrames(this.pending.slice(0, -3)).length : 0;
    this.put(partial.subarray(0, least + below(random, partial.length - least + 1)));
    this.pending = [];
    this.lastCut = isPower ? "power" : "kill";
    if (isPower) this.reset(tear(random, Buffer.concat(this.bytes), this.durableAt(now)));
  }

  /** For the next incarnation: what counts, as the journal tells, where it is there as far as can be seen. */
  recall(isThere: (output: AdoptedOutput) => boolean): CoordinatorEvent[] {
    const { past, view, doubtful } = this.read();
    const floor = this.isOneMachine ? 0 : numbersPerIncarnation * this.incarnation;
    this.pending.push(JSON.stringify(openedOf(this.spec, ++this.incarnation)));
    const total = this.spec.stages.reduce((sum, { tasks }) => sum + tasks, 0);
    if (total === 0 || (past === null && floor === 0)) return [];
    if (past !== null) this.compare(past, view, doubtful);
    const outputs = [...(past?.finished ?? [])]
      .sort(([a], [b]) => a - b)
      .flatMap(([task, { attempt, figures }]): AdoptedOutput[] => {
        const worker = view.counts.get(task)?.worker;
        return worker === undefined ? [] : [{ task, attempt, worker, figures }];
      });
    const used =
      floor > 0
        ? [{ first: 0, last: total - 1, attempts: floor }]
        : [...past!.used].map(([task, attempts]) => ({ first: task, last: task, attempts }));
    return [{ kind: "OutputsAdopted", outputs: outputs.filter(isThere), attemptsUsed: used }];
  }

  private read(): { past: Past | null; view: View; doubtful: readonly AttemptId[] } {
    const fold = new PastFold();
    const entries: LogEntry[] = [];
    const image = Buffer.concat(this.bytes);
    const end = parseSegment(image, {
      isLast: true,
      take: (payload) => {
        const record = JSON.parse(payload.toString("utf8")) as JournalRecord;
        fold.take(record);
        if (record.kind === "entry") entries.push(record.entry);
      },
    });
    if (end.kind === "torn")
      this.reset(end.offset === 0 ? encodeHeader(true) : image.subarray(0, end.offset));
    else if (end.kind !== "whole")
      throw new Violation("journal", `a journal that was cut off is refused: ${JSON.stringify(end)}`);
    this.missAssignments(entries);
    const view = new View(this.spec);
    const log = withoutFalseStart(entries);
    check({ spec: this.spec, log, commits: [], outcome: null }, [], view);
    const last = log.findLast(({ type }) => type === "event")?.body;
    return {
      past: fold.past(),
      view,
      doubtful: last?.kind === "AttemptFailed" && last.failure.kind === "blocks" ? last.failure.lost : [],
    };
  }

  /** An attempt's id, once used, is known to be for as long as anything of it can still run. */
  private missAssignments(entries: readonly LogEntry[]): void {
    const known = new Set(
      entries.flatMap(({ body }) => (body.kind === "AssignAttempt" ? [body.attempt] : [])),
    );
    const missing = this.assigned.filter((attempt) => !known.has(attempt));
    if (missing.length === 0) return;
    if (this.lastCut === "kill")
      throw new Violation(
        "journal",
        `${missing.join(" ")} ran, and the journal of a killed process does not know`,
      );
    for (const attempt of missing) this.forgotten.add(attempt);
    this.assigned = this.assigned.filter((attempt) => known.has(attempt));
  }

  /**
   * What the product reads out of the journal is what its entries say: nothing more, and nothing less that is there.
   * `doubtful`: reported lost by the very last event, what followed from which is not in the journal any more. Who takes
   * these over will find them lost again.
   */
  private compare(past: Past, view: View, doubtful: readonly AttemptId[]): void {
    for (const [task, { attempt }] of past.finished) {
      const counts = view.counts.get(task)?.attempt;
      // With a worker goes what it holds, of which a journal says nothing if nobody needs it.
      if (counts !== attempt && !doubtful.includes(attempt) && (counts !== undefined || this.isOneMachine)) {
        throw new Violation(
          "journal",
          `by the journal ${attempt} is the output of t${task}; what counts is ${counts ?? "nothing"}`,
        );
      }
    }
    for (const [task, { attempt }] of view.counts) {
      if (!past.finished.has(task))
        throw new Violation("journal", `${attempt} counts, and by the journal t${task} is not finished`);
      if (past.used.get(task)! < parseAttemptId(attempt)!.attempt)
        throw new Violation("journal", `by the journal ${attempt} was never used`);
    }
  }

  private write(worldAt: number): void {
    const durable = this.durableAt(worldAt);
    if (durable > this.marked) {
      this.marked = durable;
      this.pending.push(encodeMark(durable));
    }
    this.put(encodeFrames(this.pending));
    this.pending = [];
    this.writes.push({ end: this.size, worldAt });
  }

  private durableAt(now: number): number {
    let durable = 0;
    for (const { end, worldAt } of this.writes) if (worldAt <= now - this.lagMs) durable = end;
    return durable;
  }

  private put(bytes: Buffer): void {
    this.bytes.push(bytes);
    this.size += bytes.length;
  }

  private reset(image: Buffer): void {
    this.bytes = [image];
    this.size = image.length;
    this.writes = [{ end: image.length, worldAt: -Infinity }];
  }
}

/** A process that died before it had said what it takes over leaves the past as it was. */
function withoutFalseStart(entries: readonly LogEntry[]): readonly LogEntry[] {
  const start = entries.findLastIndex(({ body }) => body.kind === "JobSubmitted");
  const hasBegun = entries
    .slice(start)
    .some(
      ({ type, body }) => type === "event" && body.kind !== "JobSubmitted" && body.kind !== "OutputsAdopted",
    );
  return hasBegun || start === -1 ? entries : withoutFalseStart(entries.slice(0, start));
}

/** What is not durable: cut at some byte, or whole but for a sector that was never written. */
function tear(random: Rng, image: Buffer, durable: number): Buffer {
  const kept = durable + below(random, image.length - durable + 1);
  const torn = Buffer.from(image.subarray(0, kept));
  const sector = Math.ceil(durable / 512) * 512;
  if (chance(random, 0.5) || sector + 512 > kept) return torn;
  const at = sector + 512 * below(random, Math.floor((kept - sector) / 512));
  torn.fill(0, at, Math.min(at + 512, kept));
  return torn;
}

function openedOf(spec: JobSpec, incarnation: number): RunOpened {
  return {
    kind: "opened",
    format: 1,
    run: spec.id,
    incarnation,
    at: 0,
    clock: 0,
    pid: incarnation,
    job: "simulated",
    file: "",
    directory: "",
    parameters: {},
    program: "",
    fingerprint: "",
    slots: 1,
    memoryBytes: 0,
    splits: [],
    inputFiles: 0,
    inputBytes: 0,
    output: null,
    stages: spec.stages.map((stage) => ({ ...stage, inputBytes: null })),
  };
}
