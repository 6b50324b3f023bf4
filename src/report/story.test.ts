import { describe, expect, it } from "vitest";
import { attemptId, jobId } from "../base/ids.ts";
import type { LogEntry } from "../core/log.ts";
import { defaultLimits, type AttemptFigures } from "../core/types.ts";
import { SimDriver } from "../driver/sim/sim-driver.ts";
import type { JournalRecord, RunOpened } from "../protocol/journal.ts";
import { Storyteller, StorySelection, type StoryLine } from "./story.ts";
import { storyText } from "./story-text.ts";

const figures: AttemptFigures = {
  recordsIn: 1,
  recordsOut: 1,
  bytesIn: 1,
  bytesOut: 1,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs: 100,
  counters: {},
};

const opened: RunOpened = {
  kind: "opened",
  format: 1,
  run: "j1",
  incarnation: 1,
  at: 1_000_000,
  clock: 0,
  pid: 4711,
  job: "words",
  file: "words.ts",
  directory: "/home",
  parameters: {},
  program: "p",
  fingerprint: "f",
  slots: 2,
  memoryBytes: 2 ** 30,
  stages: [],
  splits: [],
  inputFiles: 1,
  inputBytes: 1,
  output: null,
};

async function journal(): Promise<JournalRecord[]> {
  const log: LogEntry[] = [];
  const driver = new SimDriver({
    seed: 1,
    workers: 2,
    slots: 1,
    delayMsMax: 3,
    model: ({ attempt }) =>
      attempt === "t1.1"
        ? {
            durationMs: 10,
            end: {
              kind: "fail",
              failure: { kind: "error", final: false, error: { name: "Error", message: "bad luck" } },
            },
          }
        : { durationMs: 100, end: { kind: "finish", figures } },
  });
  const outcome = await driver.run({
    spec: {
      id: jobId("j1"),
      limits: defaultLimits,
      stages: [
        { name: "map", tasks: 3, reads: [], output: "blocks" },
        { name: "reduce", tasks: 1, reads: [0], output: "kept" },
      ],
    },
    program: { module: "", data: null },
    payload: () => null,
    commit: async () => {},
    discard: () => {},
    signal: new AbortController().signal,
    observe: (entry) => void log.push(entry),
  });
  return [
    opened,
    ...log.map((entry): JournalRecord => ({ kind: "entry", entry })),
    { kind: "closed", at: 1_000_900, outcome, report: null },
  ];
}

function tell(records: readonly JournalRecord[], task?: number): StoryLine[] {
  const selection = task === undefined ? null : new StorySelection(task);
  if (selection !== null) for (const record of records) selection.add(record);
  const teller = new Storyteller(selection);
  return records.map((record) => teller.tell(record)).filter((line) => line !== null);
}

describe("the story of a job", () => {
  it("has every entry, none before its cause, and effects under the event that caused them", async () => {
    const records = await journal();
    const lines = tell(records);
    expect(lines).toHaveLength(records.length);
    const told = new Map<number, StoryLine>();
    let event: StoryLine | null = null;
    for (const line of lines) {
      if (line.type === "event") event = line;
      if (line.cause !== null) expect(told.has(line.cause)).toBe(true);
      if (line.type === "effect") expect(line.cause).toBe(event!.id);
      if (line.id !== null) told.set(line.id, line);
    }
  });

  it("begins and ends with the process, and counts time from there", async () => {
    const lines = tell(await journal());
    expect(storyText(lines[0]!)).toBe("     0.000 s  -- process 4711 began: words on 2 slots (j1)");
    expect(storyText(lines.at(-1)!)).toBe("     0.900 s  -- the process ended the job: succeeded");
    expect(lines[1]!.at).toBe(1_000_000 + lines[1]!.ms);
  });

  it("says when another process goes on", () => {
    const teller = new Storyteller();
    expect(teller.tell({ ...opened, incarnation: 3 })!.text).toContain("continued, for the 3rd time");
  });
});

describe("the story of a task", () => {
  it("has what speaks of it and the causes of that, and nothing else", async () => {
    const records = await journal();
    const lines = tell(records, 1).filter(({ type }) => type !== "mark");
    const own = lines.filter(({ isContext }) => !isContext);
    for (const { text } of own) expect(text).toMatch(/\bt1\b/);
    for (const { text, id } of lines.filter(({ isContext }) => isContext)) {
      expect(text).not.toMatch(/\bt1\.\d/);
      expect(own.some(({ cause }) => cause === id)).toBe(true);
    }
    const texts = own.map(({ text }) => text).join("\n");
    for (const fact of [
      "AssignAttempt t1.1",
      "AttemptStarted t1.1",
      "AttemptFailed t1.1",
      "retried t1 after t1.1",
      "AssignAttempt t1.2",
      "AttemptFinished t1.2",
    ]) {
      expect(texts).toContain(fact);
    }
    expect(texts).not.toContain(attemptId(2, 1));
    expect(lines.length).toBeLessThan(records.length / 2);
  });

  it("shows the effect below its event and names the cause of an event", async () => {
    const texts = tell(await journal(), 1).map(storyText);
    const failed = texts.findIndex((text) => text.includes("< AttemptFailed t1.1"));
    expect(texts[failed]).toMatch(/\(by #\d+\)$/);
    expect(texts.slice(failed + 1).find((text) => text.includes("retried"))).toMatch(
      /^ +\d\.\d{3} s {2}#\d+ +coordinator {3}> NoteDecision retried t1/,
    );
  });
});
