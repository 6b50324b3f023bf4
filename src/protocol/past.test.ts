import { describe, expect, test } from "vitest";
import type { AttemptId } from "../base/ids.ts";
import type { CoordinatorEffect, CoordinatorEvent } from "../core/coordinator/events.ts";
import type { LogEntry } from "../core/log.ts";
import type { JournalRecord, RunOpened } from "./journal.ts";
import { PastFold, type Past } from "./past.ts";

const opened = (incarnation: number, run = "j1"): RunOpened => ({
  kind: "opened",
  format: 1,
  run,
  incarnation,
  at: 1000,
  clock: 0,
  pid: 1,
  job: "job",
  file: "job.ts",
  directory: "/d",
  parameters: {},
  program: "p",
  fingerprint: "f",
  slots: 1,
  memoryBytes: 1,
  stages: [],
  splits: [],
  inputFiles: 0,
  inputBytes: 0,
  output: null,
});
const figures = (bytesOut: number) => ({
  recordsIn: 0,
  recordsOut: 0,
  bytesIn: 0,
  bytesOut,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 0,
  counters: {},
});
const id = (attempt: string): AttemptId => attempt as AttemptId;

/** Builds records with growing ids; an effect's cause is the last event. */
class Story {
  readonly records: JournalRecord[] = [];
  private last = 0;
  private event = 0;

  add(record: JournalRecord): this {
    this.records.push(record);
    return this;
  }

  say(body: CoordinatorEvent): this {
    this.event = ++this.last;
    return this.add({
      kind: "entry",
      entry: { id: this.last, at: 0, cause: null, machine: "coordinator", type: "event", body } as LogEntry,
    });
  }

  order(body: CoordinatorEffect): this {
    return this.add({
      kind: "entry",
      entry: {
        id: ++this.last,
        at: 0,
        cause: this.event,
        machine: "coordinator",
        type: "effect",
        body,
      } as LogEntry,
    });
  }

  join = (): this => this.say({ kind: "WorkerJoined", worker: "w1" as never, slots: 1 });
  assign = (attempt: string): this =>
    this.order({
      kind: "AssignAttempt",
      worker: "w1" as never,
      attempt: id(attempt),
      stage: 0,
      index: 0,
      inputs: [],
      isBackup: false,
    });
  finish = (attempt: string, bytes = 1): this =>
    this.say({
      kind: "AttemptFinished",
      worker: "w1" as never,
      attempt: id(attempt),
      figures: figures(bytes),
    });
  ignore = (): this => this.order({ kind: "EventIgnored", event: "AttemptFinished", why: "stale" });
  adopt = (...attempts: string[]): this =>
    this.say({
      kind: "OutputsAdopted",
      outputs: attempts.map((attempt) => ({
        task: Number(/\d+/.exec(attempt)![0]),
        attempt: id(attempt),
        worker: "w0" as never,
        figures: figures(1),
      })),
    });

  past(count = this.records.length): Past {
    const fold = new PastFold();
    for (const record of this.records.slice(0, count)) fold.take(record);
    return fold.past()!;
  }
}

const finishedIn = ({ finished }: Past): string[] =>
  [...finished.values()].map(({ attempt }) => attempt).sort();

describe("what a journal says is finished", () => {
  test("nothing, before any process began", () => {
    expect(new PastFold().past()).toBeNull();
  });

  test("each task once, by the attempt that counted", () => {
    const past = new Story()
      .add(opened(1))
      .join()
      .assign("t0.1")
      .assign("t1.1")
      .finish("t0.1", 7)
      .finish("t1.1")
      .assign("t2.1")
      .past();
    expect(finishedIn(past)).toEqual(["t0.1", "t1.1"]);
    expect(past.finished.get(0)!.figures.bytesOut).toBe(7);
    expect(past.lastEntry).toBe(6);
    expect(past.closed).toBeNull();
  });

  test("not what the coordinator ignored, nor a loser", () => {
    const story = new Story()
      .add(opened(1))
      .join()
      .assign("t0.1")
      .assign("t0.2")
      .finish("t0.1")
      .order({
        kind: "CancelAttempt",
        worker: "w1" as never,
        attempt: id("t0.2"),
        reason: "t0.1 finished first",
      })
      .finish("t0.2")
      .ignore();
    expect(finishedIn(story.past())).toEqual(["t0.1"]);
    // the process died before it had written that it ignores it
    expect(finishedIn(story.past(story.records.length - 1))).toEqual(["t0.1"]);
    const alone = new Story()
      .add(opened(1))
      .join()
      .assign("t0.1")
      .order({
        kind: "CancelAttempt",
        worker: "w1" as never,
        attempt: id("t0.1"),
        reason: "the job was cancelled",
      })
      .finish("t0.1");
    expect(finishedIn(alone.past())).toEqual([]);
  });

  test("the very last word counts, if its attempt was live", () => {
    expect(finishedIn(new Story().add(opened(1)).join().assign("t3.1").finish("t3.1").past())).toEqual([
      "t3.1",
    ]);
  });

  test("not what was lost since, unless it was made again", () => {
    const story = new Story()
      .add(opened(1))
      .join()
      .assign("t0.1")
      .finish("t0.1")
      .assign("t1.1")
      .finish("t1.1")
      .order({
        kind: "NoteDecision",
        note: { kind: "output-remade", task: 0, lost: id("t0.1"), why: "damaged" },
      })
      .order({ kind: "DiscardOutput", worker: "w1" as never, attempt: id("t1.1") })
      .assign("t0.2");
    expect(finishedIn(story.past())).toEqual([]);
    expect(finishedIn(story.finish("t0.2").past())).toEqual(["t0.2"]);
  });

  test("after success or failure the outcome is known", () => {
    const story = new Story()
      .add(opened(1))
      .join()
      .finish("t0.1")
      .add({ kind: "closed", at: 1, outcome: { kind: "cancelled", reason: "x" }, report: null });
    expect(story.past().closed).toEqual({ kind: "cancelled", reason: "x" });
    expect(finishedIn(story.past())).toEqual(["t0.1"]);
  });
});

describe("from one process to the next", () => {
  const first = (): Story =>
    new Story()
      .add(opened(1))
      .join()
      .assign("t0.1")
      .assign("t1.1")
      .finish("t0.1")
      .finish("t1.1")
      .assign("t2.1");

  test("what it does not take over does not count any more", () => {
    const past = first().add(opened(2)).adopt("t1.1").join().assign("t0.2").past();
    expect(finishedIn(past)).toEqual(["t1.1"]);
  });

  test("a process that dies before it has said what it takes over, or half way, leaves the past as it was", () => {
    const story = first().add(opened(2)).adopt("t0.1");
    expect(finishedIn(story.past())).toEqual(["t0.1", "t1.1"]);
    expect(finishedIn(story.add(opened(3)).past())).toEqual(["t0.1", "t1.1"]);
    expect(finishedIn(story.adopt("t0.1").adopt("t1.1").join().past())).toEqual(["t0.1", "t1.1"]);
  });

  test("attempt numbers are never forgotten", () => {
    const story = first()
      .add(opened(2))
      .say({ kind: "OutputsAdopted", outputs: [], attemptsUsed: [{ first: 2, last: 3, attempts: 4 }] })
      .join()
      .assign("t0.2");
    expect([...story.past().used].sort()).toEqual([
      [0, 2],
      [1, 1],
      [2, 4],
      [3, 4],
    ]);
  });

  test("another run has no past", () => {
    const past = first()
      .add({ kind: "hashed", splits: [[0, "x"]] })
      .add(opened(1, "j2"))
      .past();
    expect([finishedIn(past), past.used.size, past.hashes.size, past.opened.run]).toEqual([[], 0, 0, "j2"]);
  });

  test("hashes of the input and what later versions write are no obstacle", () => {
    const past = first()
      .add({
        kind: "hashed",
        splits: [
          [0, "x"],
          [1, "y"],
        ],
      })
      .add({ kind: "from the future" } as never)
      .add(opened(2))
      .past();
    expect([...past.hashes]).toEqual([
      [0, "x"],
      [1, "y"],
    ]);
  });
});
