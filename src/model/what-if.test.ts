// The model against the machines that it models: a job that ran in the simulator is predicted exactly, for any number
// of slots. How well it predicts real runs is bench/what-if.mjs's.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobId } from "../base/ids.ts";
import type { LogEntry } from "../core/log.ts";
import { defaultLimits, type AttemptFigures, type StageSpec } from "../core/types.ts";
import { SimDriver } from "../driver/sim/sim-driver.ts";
import type { JournalRecord } from "../protocol/journal.ts";
import { conclude } from "../report/what-if.ts";
import { Recording } from "../report/what-if-recording.ts";
import { renderWhatIf } from "../report/what-if-text.ts";
import { predictAll } from "./what-if.ts";
import { simulate } from "./what-if-sim.ts";

const figures: AttemptFigures = {
  recordsIn: 1,
  recordsOut: 1,
  bytesIn: 1,
  bytesOut: 1,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 1,
  counters: {},
};

interface Job {
  readonly stages: readonly (readonly number[])[];
  /** Attempts that fail at first, by task. */
  readonly failing?: ReadonlySet<number>;
  /** What a slot's first task of a stage takes in addition. */
  readonly coldMs?: number;
}

const startUpMs = 200;
const endMs = 50;

/** Runs the job in the simulator, and gives its journal and its time from the first start to the last end. */
async function run(
  { stages, failing = new Set(), coldMs = 0 }: Job,
  slots: number,
  incarnation = 1,
): Promise<{ records: JournalRecord[]; spanMs: number }> {
  const times = stages.flat();
  const log: LogEntry[] = [];
  const warm = new Set<string>();
  const spec = {
    id: jobId("j1"),
    limits: { ...defaultLimits, backupFactor: 1e6 },
    stages: stages.map((tasks, i): StageSpec => ({
      name: `s${i}`,
      tasks: tasks.length,
      reads: i === 0 ? [] : [i - 1],
      output: i === stages.length - 1 ? "kept" : "blocks",
    })),
  };
  const driver = new SimDriver({
    seed: 3,
    workers: 1,
    slots,
    delayMsMax: 0,
    model: ({ attempt, stage, slot }) => {
      const isFirst = !warm.has(`${slot}/${stage}`);
      warm.add(`${slot}/${stage}`);
      const [task, number] = attempt.slice(1).split(".").map(Number);
      if (failing.has(task!) && number === 1) {
        return {
          durationMs: 7,
          end: {
            kind: "fail",
            failure: { kind: "error", final: false, error: { name: "Error", message: "no" } },
          },
        };
      }
      return { durationMs: times[task!]! + (isFirst ? coldMs : 0), end: { kind: "finish", figures } };
    },
  });
  const outcome = await driver.run({
    spec,
    program: { module: "", data: null },
    payload: () => null,
    commit: async () => {},
    discard: () => {},
    signal: new AbortController().signal,
    observe: (entry) => void log.push(entry),
  });
  const starts = log
    .filter(({ type, body }) => type === "event" && body.kind === "AttemptStarted")
    .map(({ at }) => at);
  const ends = log
    .filter(({ type, body }) => type === "event" && /^Attempt(Finished|Failed)$/.test(body.kind))
    .map(({ at }) => at);
  const spanMs = Math.max(...ends) - Math.min(...starts);
  const report = { wallMs: startUpMs + spanMs + endMs, unsharedMs: { startUp: startUpMs, end: endMs } };
  const opened: JournalRecord = {
    kind: "opened",
    format: 1,
    run: "j1",
    incarnation,
    at: 0,
    clock: 0,
    pid: 1,
    job: "words",
    file: "",
    directory: "",
    parameters: {},
    program: "",
    fingerprint: "",
    slots,
    memoryBytes: 1,
    stages: [],
    splits: [],
    inputFiles: 0,
    inputBytes: 0,
    output: null,
  };
  return {
    records: [
      opened,
      ...log.map((entry): JournalRecord => ({ kind: "entry", entry })),
      { kind: "closed", at: 1, outcome, report },
    ],
    spanMs,
  };
}

function recordingOf(records: readonly JournalRecord[]): Recording {
  const recording = new Recording();
  for (const record of records) recording.add(record);
  return recording;
}

const aJob: Job = {
  stages: [
    [300, 100, 200, 100, 400, 100],
    [50, 60],
  ],
};

describe("what-if", () => {
  it("predicts a run of the simulator exactly on its own slots, failures included", async () => {
    const times = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 12 });
    const job = fc.record({
      stages: fc.array(times, { minLength: 1, maxLength: 3 }),
      failing: fc.uniqueArray(fc.nat(12), { maxLength: 3 }).map((list) => new Set(list)),
    });
    await fc.assert(
      fc.asyncProperty(job, fc.integer({ min: 1, max: 8 }), async (scene, slots) => {
        const { records, spanMs } = await run(scene, slots);
        expect((await simulate(recordingOf(records), slots)).spanMs).toBe(spanMs);
      }),
      { numRuns: 50 },
    );
  });

  it("predicts other slots exactly where tasks differ only by cold code", async () => {
    const stages = fc.array(fc.tuple(fc.integer({ min: 6, max: 20 }), fc.integer({ min: 10, max: 500 })), {
      minLength: 1,
      maxLength: 3,
    });
    const slots = fc.integer({ min: 1, max: 8 });
    await fc.assert(
      fc.asyncProperty(
        stages,
        fc.nat(300),
        fc.constantFrom(1, 2),
        slots,
        async (shape, coldMs, own, other) => {
          const scene = {
            stages: shape.map(([tasks, ms]) => Array.from({ length: tasks }, () => ms)),
            coldMs,
          };
          const recording = recordingOf((await run(scene, own)).records);
          expect((await simulate(recording, other)).spanMs).toBe((await run(scene, other)).spanMs);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("gives the error on the run itself, predictions, the bound, and where more stops paying", async () => {
    const { records, spanMs } = await run(aJob, 1);
    const found = await predictAll(recordingOf(records), [2, 4, 1000]);
    expect(found.error).toBe(0);
    expect(found.measuredMs).toBe(250 + spanMs);
    expect(found.predictions.map(({ slots }) => slots)).toEqual([2, 4, 1000]);
    const walls = [found.own, ...found.predictions].map(({ wallMs }) => wallMs);
    expect(walls).toEqual([...walls].sort((a, b) => b - a));
    expect(found.bound).toEqual({ wallMs: 200 + 400 + 60 + 50, startUpMs: 200, chainMs: 460, endMs: 50 });
    expect(found.predictions.at(-1)!.wallMs).toBe(found.bound.wallMs);
    expect(found.enough!.slots).toBe(6);
    expect(found.enough!.gain).toBeLessThan(0.05);
    expect(found.own.utilization).toBeCloseTo((1200 + 110) / (1200 + 110 + 250), 2);
  });

  it("renders as a table, with the error beside the predictions and what it cannot know", async () => {
    const { records } = await run(aJob, 2);
    const text = renderWhatIf(await predictAll(recordingOf(records), [4])).join("\n");
    expect(text).toMatch(
      /words \(j1\) took 1\.01 s on 2 slots\nthe model gives 1\.01 s for that: its error on this very run is \+0\.0 %/,
    );
    expect(text).toMatch(/ {4}2 +1\.01 s +1\.00 × +\d\d % +█+ {2}measured: 1\.01 s/);
    expect(text).toMatch(/more stops paying at 6 slots/);
    expect(text).toContain("no number of slots is faster than 710 ms");
    expect(text).toContain("memory bandwidth");
  });

  it("does not claim an error for a run that was interrupted, and says so", async () => {
    const recording = recordingOf((await run(aJob, 1, 2)).records);
    recording.incarnations = 2;
    const found = await predictAll(recording, [2]);
    expect(found.error).toBeNull();
    expect(renderWhatIf(found).join("\n")).toContain("cannot be measured");
    expect(found.caveats.join("\n")).toContain("interrupted once");
  });

  it("lets slots wait for cores: what a slot kept busy beside its own", async () => {
    const scene = { stages: [Array.from({ length: 12 }, () => 100)] };
    const { records, spanMs } = await run(scene, 1);
    const recording = recordingOf(
      records.map((record) =>
        record.kind === "closed" ? { ...record, cpu: { ms: 1380, cores: 2 } } : record,
      ),
    );
    expect(recording.coresPerSlot).toBeCloseTo(1.15);
    expect((await simulate(recording, 1)).spanMs).toBe(spanMs);
    expect((await simulate(recording, 2)).spanMs).toBe(6 * 115);
    expect((await simulate(recording, 4)).spanMs).toBe(3 * 115);
    expect((await predictAll(recording, [2])).caveats.join("\n")).toContain("1.15 cores");
    const two = recordingOf(
      (await run(scene, 2)).records.map((record) =>
        record.kind === "closed" ? { ...record, cpu: { ms: 1380, cores: 2 } } : record,
      ),
    );
    expect((await simulate(two, 2)).spanMs).toBe(600);
    expect((await simulate(two, 1)).spanMs).toBe(12 * 87);
  });

  it("tells of a model that is wrong", async () => {
    const { records, spanMs } = await run(aJob, 1);
    const recording = recordingOf(records);
    const off = conclude(recording, { slots: 1, spanMs: spanMs * 2, busyMs: 1 }, [], []);
    expect(off.error).toBeGreaterThan(0.5);
    expect(renderWhatIf(off).join("\n")).toMatch(/its error on this very run is \+\d\d\.\d %/);
  });

  it("knows thousands of slots, on several simulated workers", async () => {
    const { records } = await run({ stages: [Array.from({ length: 3000 }, () => 100)] }, 4);
    const simulated = await simulate(recordingOf(records), 2500);
    expect(simulated.spanMs).toBe(200);
  });
});
