// Logs come from the real machines in the simulator; only what a simulator does not have (death certificates, stacks)
// is put in by hand.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobId, type AttemptId } from "../base/ids.ts";
import type { LogEntry } from "../core/log.ts";
import { defaultLimits, type AttemptFigures, type JobLimits, type StageSpec } from "../core/types.ts";
import { SimDriver } from "../driver/sim/sim-driver.ts";
import type { ErrorData } from "../errors.ts";
import type { JournalRecord, RunOpened } from "../protocol/journal.ts";
import { findingCodes, type Finding, type FindingCode } from "./causes/finding.ts";
import { explainCase, type Explanation, type WhyContext } from "./why.ts";
import { RunCase } from "./why-case.ts";
import { renderWhy } from "./why-text.ts";

interface Act {
  readonly ms?: number;
  readonly error?: ErrorData;
  readonly isFinal?: boolean;
  readonly loss?: ErrorData;
  readonly lost?: readonly string[];
  readonly hang?: boolean;
}

interface Scene {
  readonly stages?: readonly StageSpec[];
  readonly slots?: number;
  readonly limits?: Partial<JobLimits>;
  /** By attempt or task; a task takes 100 ms else. */
  readonly script?: Readonly<Record<string, Act>>;
  readonly workers?: number;
  /** By worker: tasks that it has copies of the input of, and their bytes. */
  readonly copies?: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly cancelAt?: number;
  readonly commit?: () => Promise<void>;
}

const stage = (
  name: string,
  tasks: number,
  reads: number[] = [],
  output: StageSpec["output"] = "kept",
): StageSpec => ({
  name,
  tasks,
  reads,
  output,
});
const mapReduce = (maps: number, reduces: number): StageSpec[] => [
  stage("read.lines → map", maps, [], "blocks"),
  stage("countByValue → write.tsv", reduces, [0]),
];

const figures = (runMs: number): AttemptFigures => ({
  recordsIn: 1,
  recordsOut: 1,
  bytesIn: 1,
  bytesOut: 1,
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  waitMs: 0,
  runMs,
  counters: {},
});

const openedFor = (stages: readonly StageSpec[], slots: number, incarnation = 1): RunOpened => ({
  kind: "opened",
  format: 1,
  run: "j1",
  incarnation,
  at: 1_000_000,
  clock: 0,
  pid: 4711,
  job: "words",
  file: "words.ts",
  directory: "/home",
  parameters: {},
  program: "p",
  fingerprint: "f",
  slots,
  memoryBytes: 2 ** 30,
  stages: stages.map(({ name, tasks, reads, output }, i) => ({
    name,
    tasks,
    reads,
    output,
    inputBytes: i === 0 ? 1000 : null,
  })),
  splits: Array.from({ length: stages[0]!.tasks }, (_, i) => ({
    label: `bytes ${i}00 to ${i + 1}00 of a.txt`,
    key: `${i}`,
  })),
  inputFiles: 1,
  inputBytes: 1000,
  output: "/home/out",
});

/** Runs the scene to its end in the simulator, and gives its log. A hanging task is cancelled after a minute. */
async function logOf(
  scene: Scene,
): Promise<{ log: LogEntry[]; opened: RunOpened; records: JournalRecord[] }> {
  const { stages = mapReduce(4, 2), slots = 2, script = {}, limits = {} } = scene;
  const log: LogEntry[] = [];
  const controller = new AbortController();
  const driver = new SimDriver({
    seed: 1,
    workers: scene.workers ?? 1,
    copies: (worker) => scene.copies?.[worker] ?? [],
    slots,
    delayMsMax: 0,
    model: ({ attempt }) => {
      const {
        ms = 100,
        error,
        isFinal = false,
        loss,
        lost,
        hang,
      } = script[attempt] ?? script[attempt.split(".")[0]!] ?? {};
      if (hang === true)
        return {
          durationMs: 60_000,
          end: {
            kind: "fail",
            failure: { kind: "error", final: true, error: { name: "Error", message: "hung" } },
          },
        };
      if (error !== undefined)
        return { durationMs: ms, end: { kind: "fail", failure: { kind: "error", final: isFinal, error } } };
      if (loss !== undefined)
        return { durationMs: ms, end: { kind: "fail", failure: { kind: "loss", error: loss } } };
      if (lost !== undefined) {
        const failure = {
          kind: "blocks",
          lost: lost as AttemptId[],
          error: { name: "ShoalError", code: "BLOCK_LOST", message: "a block is damaged" },
        } as const;
        return { durationMs: ms, end: { kind: "fail", failure } };
      }
      return { durationMs: ms, end: { kind: "finish", figures: figures(ms) } };
    },
  });
  const outcome = await driver.run({
    spec: { id: jobId("j1"), stages, limits: { ...defaultLimits, ...limits } },
    program: { module: "", data: null },
    payload: () => null,
    commit: scene.commit ?? (async () => {}),
    discard: () => {},
    signal: controller.signal,
    observe: (entry) => {
      log.push(structuredClone(entry));
      if (scene.cancelAt !== undefined && entry.at >= scene.cancelAt && !controller.signal.aborted)
        controller.abort("Ctrl-C");
    },
  });
  const opened = openedFor(stages, slots);
  const entries = log.map((entry): JournalRecord => ({ kind: "entry", entry }));
  return {
    log,
    opened,
    records: [opened, ...entries, { kind: "closed", at: 1_000_000 + log.at(-1)!.at, outcome, report: null }],
  };
}

/** How `why` explains the scene at its end. */
async function afterwards(scene: Scene, context: Partial<WhyContext> = {}): Promise<Explanation> {
  const { records } = await logOf(scene);
  return explainCase(RunCase.from(records), { isRunning: false, ...context });
}

/** How it explains the scene at a time on the log's clock, while it runs. */
async function during(at: number, scene: Scene, context: Partial<WhyContext> = {}): Promise<Explanation> {
  const { log, opened } = await logOf(scene);
  const entries = log
    .filter((entry) => entry.at <= at)
    .map((entry): JournalRecord => ({ kind: "entry", entry }));
  return explainCase(RunCase.from([opened, ...entries]), { isRunning: true, now: at, ...context });
}

const codes = ({ findings }: Explanation): FindingCode[] => findings.map(({ code }) => code);

function only(explanation: Explanation, code: FindingCode): Finding {
  const found = explanation.findings.filter((finding) => finding.code === code);
  expect(found, renderWhy(explanation).join("\n")).toHaveLength(1);
  expect(renderWhy(explanation).join("\n")).toContain(found[0]!.text);
  return found[0]!;
}

const userError: ErrorData = {
  name: "ShoalError",
  code: "USER_ERROR",
  message: "TypeError: x is missing\nat line 2",
  hint: "Correct the function.",
};

describe("a job that is over", () => {
  it("finished: how many tasks, how long, with what trouble", async () => {
    const { code, text, details } = only(
      await afterwards({ script: { "t1.1": { error: userError } } }),
      "FINISHED",
    );
    expect(code).toBe("FINISHED");
    expect(text).toContain("6 tasks");
    expect(text).toContain("1 retry");
    expect(details).toMatchObject({ tasks: 6, retries: 1, backups: 0 });
  });

  it("failed by a task that failed four times: the error, the attempts, what it read", async () => {
    const explanation = await afterwards({ script: { t2: { error: userError } } });
    const { text, about, details, hint, evidence } = only(explanation, "TASK_FAILED");
    expect(about).toBe("t2");
    expect(text).toContain("after 4 attempts");
    expect(text).toContain("TypeError: x is missing");
    expect(text).toContain("bytes 200 to 300 of a.txt");
    expect(details).toMatchObject({ code: "ATTEMPTS_EXHAUSTED", cause: "USER_ERROR" });
    expect(hint).toBe("Correct the function.");
    expect(evidence.length).toBeGreaterThan(6);
    expect(explanation.state).toBe("failed");
  });

  it("failed at the commit: not by a task", async () => {
    const { text, about } = only(
      await afterwards({ commit: () => Promise.reject(new Error("the directory is gone")) }),
      "JOB_FAILED",
    );
    expect(about).toBeNull();
    expect(text).toContain("the directory is gone");
  });

  it("input missing on retry: what the first attempt failed by, and what the second found", async () => {
    const gone: ErrorData = {
      name: "ShoalError",
      code: "INPUT_UNREADABLE",
      message: "cannot read a.txt: no such file",
      cause: {
        name: "Error",
        message: "ENOENT: no such file or directory, open 'a.txt'",
        properties: { code: "ENOENT" },
      },
    };
    const explanation = await afterwards({
      script: { "t1.1": { error: userError }, "t1.2": { error: gone, isFinal: true } },
    });
    const { text, details, about } = only(explanation, "INPUT_MISSING");
    expect(about).toBe("t1");
    expect(text).toContain("cannot read a.txt: no such file");
    expect(text).toMatch(
      /t1\.2 was a retry: before it, t1\.1 failed for another reason \(TypeError: x is missing\)/,
    );
    expect(details).toEqual({
      task: "t1",
      attempt: "t1.2",
      attempts: ["t1.2"],
      split: "bytes 100 to 200 of a.txt",
      earlier: ["t1.1"],
    });
    expect(codes(explanation)).not.toContain("TASK_FAILED");
  });

  it("an unreadable file that is there is not missing", async () => {
    const denied: ErrorData = {
      name: "ShoalError",
      code: "INPUT_UNREADABLE",
      message: "cannot read a.txt: permission denied",
      cause: { name: "Error", message: "EACCES", properties: { code: "EACCES" } },
    };
    expect(codes(await afterwards({ script: { "t1.1": { error: denied, isFinal: true } } }))).toEqual([
      "TASK_FAILED",
    ]);
  });

  const certificate = {
    isolation: "thread",
    slot: 1,
    attempt: "t1.1",
    doing: "t1.1 of read.lines → map, 1,032 records in, for 4.2 s",
    exitCode: 1,
    signal: null,
    outOfMemory: "heap",
    lastLines: ["about to sort"],
    stack: "Error\n    at hoard (words.ts:7:3)",
    memory: [
      { at: 0, heapBytes: 2 ** 20, bufferBytes: 0, rssBytes: 2 ** 26 },
      { at: 4200, heapBytes: 2 ** 28, bufferBytes: 0, rssBytes: 2 ** 29 },
    ],
  };
  const outOfMemory: ErrorData = {
    name: "ShoalError",
    code: "OUT_OF_MEMORY",
    message: "the slot's heap was full",
    details: { certificate },
  };

  it("poison task by memory: both are said, with every certificate", async () => {
    const explanation = await afterwards({ script: { t1: { loss: outOfMemory } } });
    const poison = only(explanation, "POISON_TASK");
    expect(poison.text).toContain("3 in a row, and after 3 it is given up");
    expect(poison.details["certificates"]).toEqual([certificate, certificate, certificate]);
    const memory = only(explanation, "MEMORY_EXHAUSTED");
    expect(memory.text).toContain("in 3 attempts (t1.1, t1.2 and t1.3)");
    const lines = memory.lines.join("\n");
    expect(lines).toContain("its JavaScript heap was full");
    expect(lines).toContain("heap 1.00 MiB → 256 MiB");
    expect(lines).toContain("about to sort");
    expect(lines).toContain("at hoard (words.ts:7:3)");
  });

  it("time limit: how it compares with the siblings", async () => {
    const { text, hint } = only(
      await afterwards({ script: { t3: { hang: true } }, limits: { taskTimeoutMs: 1000 } }),
      "TIME_LIMIT",
    );
    expect(text).toContain("time limit of 1.00 s");
    expect(text).toContain("the median of its stage is 130 ms");
    expect(hint).toContain("endless loop");
  });

  it("disk full, in an attempt and at the commit", async () => {
    const full: ErrorData = {
      name: "ShoalError",
      code: "SCRATCH_FAILED",
      message: "cannot write blocks/t1.1",
      cause: {
        name: "Error",
        message: "ENOSPC: no space left on device, write",
        properties: { code: "ENOSPC" },
      },
    };
    expect(only(await afterwards({ script: { t1: { error: full } } }), "DISK_FULL").about).toBe("t1");
    const commit = (): Promise<void> =>
      Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, rename"), { code: "ENOSPC" }));
    const atCommit = await afterwards({ commit });
    expect(only(atCommit, "DISK_FULL").text).toContain("the output could not be published");
    expect(codes(atCommit)).toEqual(["DISK_FULL"]);
  });

  it("cancelled: by whom, how far", async () => {
    const { text, details } = only(
      await afterwards({ cancelAt: 200, script: { t0: { ms: 1000 } } }),
      "CANCELLED",
    );
    expect(text).toContain("Ctrl-C");
    expect(details).toMatchObject({ reason: "Ctrl-C", tasks: 6 });
  });

  it("cut off: by a dead process; the same command continues; another job may hold the state directory", async () => {
    const { log, opened } = await logOf({});
    const records = log
      .filter(({ at }) => at <= 180)
      .map((entry): JournalRecord => ({ kind: "entry", entry }));
    const found = RunCase.from([opened, ...records]);
    const explanation = explainCase(found, {
      isRunning: false,
      otherHolder: { pid: 99, host: "here", since: "2026-11-20" },
    });
    const { text, hint } = only(explanation, "CUT_OFF");
    expect(text).toContain("Process 4711");
    expect(text).toContain("2 of 6 tasks were finished; t2.1 and t3.1 ran");
    expect(hint).toContain("same command continues");
    expect(only(explanation, "STATE_LOCKED").text).toContain("process 99");
    expect(explanation.state).toBe("cut-off");
    expect(codes(explainCase(found, { isRunning: false }))).toEqual(["CUT_OFF"]);
  });
});

describe("a job that runs", () => {
  it("all slots busy: how many wait, for whom, how long", async () => {
    const scene = { stages: [stage("read", 20)], slots: 2 };
    const early = only(await during(80, scene), "SLOTS_BUSY");
    expect(early.text).toContain(
      "18 tasks wait for a slot: all 2 slots are busy with t0.1 (50 ms) and t1.1 (50 ms)",
    );
    expect(early.details["etaMs"]).toBeNull();
    const later = only(await during(180, scene), "SLOTS_BUSY");
    expect(later.details).toMatchObject({ waiting: 16, slots: 2 });
    // 16 tasks of 130 ms (median, from the assignment) and what is left of two, on two slots, less the last.
    expect(later.details["etaMs"]).toBeGreaterThan(800);
    expect(later.details["etaMs"]).toBeLessThan(1200);
  });

  it("all slots busy with tasks that take for ever: nothing is estimated", async () => {
    const { text, details } = only(
      await during(5000, { stages: [stage("read", 20)], slots: 1, script: { t1: { hang: true } } }),
      "SLOTS_BUSY",
    );
    expect(text).toContain("there is no telling when a slot is free");
    expect(details).toMatchObject({ waiting: 18, etaMs: null });
  });

  it("waiting for a shuffle: which map tasks are left, and which slots are idle", async () => {
    const scene = { stages: mapReduce(3, 2), slots: 2, script: { t2: { ms: 500 } } };
    const explanation = await during(400, scene);
    const { text, details, about } = only(explanation, "WAITING_FOR_SHUFFLE");
    expect(about).toBe("stage 2");
    expect(text).toContain("1 of 3 tasks of stage 1 of 2 (read.lines → map) are left");
    expect(text).toContain("Running: t2.1");
    expect(text).toContain("1 slot is idle");
    expect(details).toMatchObject({ left: ["t2"], running: ["t2.1"], idleSlots: 1 });
    expect(codes(explanation)).not.toContain("FEWER_TASKS_THAN_SLOTS");
  });

  it("slots that wait for tasks of their own worker, and for how long", async () => {
    const copies = { w1: [1, 2, 3].map((task) => [task, 2e8] as const) };
    const scene = { stages: [stage("read", 4)], slots: 1, workers: 2, copies, script: { t0: { ms: 5000 } } };
    const { text, details } = only(await during(500, scene), "WAITING_FOR_PLACE");
    expect(text).toContain("3 tasks could run");
    expect(text).toMatch(/w2 \(1\.\d+ s more\)/);
    expect(details).toMatchObject({ ready: 3, workers: ["w2"] });
    expect(codes(await during(2500, scene))).not.toContain("WAITING_FOR_PLACE");
  });

  it("fewer tasks than slots, and no stage that waits", async () => {
    const { details, text } = only(
      await during(80, { stages: [stage("read", 1)], slots: 4 }),
      "FEWER_TASKS_THAN_SLOTS",
    );
    expect(text).toContain("3 of 4 slots are idle: only one task is left, and it runs (t0.1)");
    expect(details).toMatchObject({ idle: 3, slots: 4, left: 1 });
  });

  const slow = { stages: [stage("read", 10)], slots: 3, script: { t0: { ms: 20_000 } } };

  it("a straggler: age and median; no backup yet, since it is too young", async () => {
    const { text, details, about } = only(await during(3000, slow), "STRAGGLER");
    expect(about).toBe("t0.1");
    expect(text).toMatch(/has run for 3\.00 s; the median of its stage is 1\d\d ms/);
    expect(text).toContain("It gets a backup in 2.00 s");
    expect(details).toMatchObject({ backup: null });
  });

  it("a straggler with its backup", async () => {
    const { text, details } = only(await during(5050, slow), "STRAGGLER");
    expect(text).toContain("A backup, t0.2, has run for 50 ms");
    expect(details).toMatchObject({ attempt: "t0.1", backup: "t0.2" });
  });

  it("a straggler without a backup: too few are finished; no slot is free", async () => {
    const few = { ...slow, script: { t0: { ms: 20_000 }, t1: { ms: 9000 }, t2: { ms: 9000 } } };
    expect(
      (await during(4000, { ...few, slots: 4 })).findings.filter(({ code }) => code === "STRAGGLER")[0]!.text,
    ).toContain("7 of 10 tasks of its stage are finished, and backups begin at 9");
    const busy = {
      stages: [stage("read", 10), stage("other", 10)],
      slots: 1,
      script: { t9: { ms: 20_000 } },
    };
    expect(only(await during(10_000, busy), "STRAGGLER").text).toContain("since the only slot is busy");
  });

  it("an even job has no stragglers, at no moment", async () => {
    for (const at of [50, 100, 200, 300, 400, 500])
      expect(codes(await during(at, { stages: [stage("read", 10)] }))).not.toContain("STRAGGLER");
  });

  it("no progress: since when, after how much, and where it is", async () => {
    const stack = "    at spin (words.ts:5:10)\n    at step (words.ts:9:3)";
    const attempt = {
      attempt: "t0.1" as AttemptId,
      stage: 0,
      slot: 0,
      startedAt: 30,
      recordsIn: 12,
      bytesIn: 100,
      stack,
    };
    const live = { attempts: [attempt], memory: { at: 3000, rssBytes: 0, slots: [] } };
    const { text, lines, details, about } = only(await during(3000, slow, { live }), "NO_PROGRESS");
    expect(about).toBe("t0.1");
    expect(text).toMatch(
      /no progress for 2\.97 s, since it started: it is in an endless loop, or in one very long record/,
    );
    expect(lines.join("\n")).toContain("at spin (words.ts:5:10)");
    expect(details).toMatchObject({ attempt: "t0.1", stack });
    const waits = await during(3000, slow, { live: { ...live, attempts: [{ ...attempt, stack: null }] } });
    expect(only(waits, "NO_PROGRESS").text).toContain("it waits for something");
    expect(codes(await during(3000, slow))).not.toContain("NO_PROGRESS");
    expect(codes(await during(1500, slow, { live }))).not.toContain("NO_PROGRESS");
  });

  it("a task that told of progress a moment ago makes progress", async () => {
    const { log, opened } = await logOf(slow);
    const found = RunCase.from([
      opened,
      ...log.filter(({ at }) => at <= 3000).map((entry): JournalRecord => ({ kind: "entry", entry })),
    ]);
    const body = {
      kind: "AttemptProgressed",
      attempt: "t0.1" as AttemptId,
      recordsIn: 7,
      bytesIn: 70,
    } as const;
    found.observe({ id: 1e6, at: 2900, cause: null, machine: "coordinator", type: "event", body });
    const live = { attempts: [], memory: { at: 3000, rssBytes: 0, slots: [] } };
    expect(codes(explainCase(found, { isRunning: true, now: 3000, live }))).not.toContain("NO_PROGRESS");
    found.observe({ id: 1e6 + 1, at: 4800, cause: null, machine: "coordinator", type: "event", body });
    expect(only(explainCase(found, { isRunning: true, now: 5000, live }), "NO_PROGRESS").text).toContain(
      "after 7 records",
    );
  });

  it("retrying: how often of how many, by what, and which attempt runs", async () => {
    const scene = {
      script: { "t0.1": { error: userError }, "t0.2": { error: userError }, "t0.3": { ms: 900 } },
    };
    const { text, details } = only(await during(400, scene), "RETRYING");
    expect(text).toContain(
      "failed 2 times of the 4 that it may, the last time in t0.2: TypeError: x is missing",
    );
    expect(text).toMatch(/Attempt t0\.3 has run for/);
    expect(details).toMatchObject({ task: "t0", errors: 2, errorAttemptsMax: 4, running: "t0.3" });
  });

  it("lost outputs that are made again: which, why; readers wait", async () => {
    const scene = { stages: mapReduce(3, 1), script: { "t3.1": { lost: ["t1.1"] }, "t1.2": { ms: 500 } } };
    const explanation = await during(500, scene);
    const { text, details } = only(explanation, "OUTPUTS_REMADE");
    expect(text).toContain("1 finished output was lost and must be made again, by t1: reported lost by t3.1");
    expect(details).toMatchObject({ tasks: ["t1"], lost: ["t1.1"] });
    expect(codes(explanation)).toContain("WAITING_FOR_SHUFFLE");
    expect(codes(await afterwards(scene))).toEqual(["FINISHED"]);
  });

  it("slots that start", async () => {
    expect(only(await during(10, {}), "SLOTS_STARTING").text).toContain(
      "2 attempts wait for slots that are starting: w1/s0 (10 ms)",
    );
  });

  it("no worker of the cluster takes part; once one does, that is not said any more", async () => {
    const scene: Scene = { stages: [stage("read", 4)], slots: 2 };
    const waits = "waits for workers: all 2 are at work on s3";
    const { log, opened } = await logOf(scene);
    const joined = log.findIndex(({ body }) => body.kind === "WorkerJoined");
    const before = log.slice(0, joined).map((entry): JournalRecord => ({ kind: "entry", entry }));
    const alone = RunCase.from([opened, ...before]);
    const explanation = explainCase(alone, { isRunning: true, now: 0, waits });
    expect(only(explanation, "WAITING_FOR_WORKERS").text).toBe("Waits for workers: all 2 are at work on s3.");
    expect(codes(explanation)[0]).toBe("WAITING_FOR_WORKERS");
    expect(codes(explainCase(alone, { isRunning: true, now: 0 }))).not.toContain("WAITING_FOR_WORKERS");
    expect(codes(await during(180, scene, { waits }))).toEqual(["WORKING"]);
  });

  it("nobody leads a job that was left to a cluster: said first, with what was under way", async () => {
    const scene: Scene = { stages: [stage("read", 4)], slots: 2 };
    const explanation = await during(180, scene, { isUnled: true });
    expect(codes(explanation)[0]).toBe("NOBODY_LEADS");
    const { text, details } = only(explanation, "NOBODY_LEADS");
    expect(text).toContain("2 attempts ran when the last leader was heard");
    expect(details).toEqual({ running: 2 });
    expect(codes(await during(180, scene, {}))).not.toContain("NOBODY_LEADS");
  });

  it("NATS is away: said first, with what runs on", async () => {
    const { text, details } = only(await during(150, {}, { awayMs: 12_000 }), "CLUSTER_AWAY");
    expect(text).toContain("NATS has been away for 12.0 s");
    expect(text).toContain("2 attempts run on meanwhile");
    expect(details).toMatchObject({ awayMs: 12_000, running: 2 });
    expect(codes(await during(150, {}, { awayMs: null }))).not.toContain("CLUSTER_AWAY");
  });

  it("works as it should: and nothing else is said", async () => {
    const explanation = await during(180, { stages: [stage("read", 4)], slots: 2 });
    expect(codes(explanation)).toEqual(["WORKING"]);
    expect(explanation.summary).toBe("is running for 180 ms: 2 of 4 tasks finished, stage 1 of 1 (read)");
  });

  it("committing, and stopping", async () => {
    const { log, opened } = await logOf({});
    const commit = log.findIndex(({ body }) => body.kind === "CommitOutput");
    const records = log.slice(0, commit + 1).map((entry): JournalRecord => ({ kind: "entry", entry }));
    const now = log[commit]!.at + 2000;
    expect(
      only(explainCase(RunCase.from([opened, ...records]), { isRunning: true, now }), "COMMITTING").text,
    ).toContain("2.00 s, to /home/out");
    const cancelled = await logOf({ cancelAt: 200, script: { t0: { ms: 1000 } } });
    const told = cancelled.log.findLastIndex(({ body }) => body.kind === "CancelAttempt");
    const until = cancelled.log.slice(0, told + 1).map((entry): JournalRecord => ({ kind: "entry", entry }));
    expect(
      only(explainCase(RunCase.from([opened, ...until]), { isRunning: true, now: 300 }), "STOPPING").text,
    ).toContain("told to stop");
  });
});

describe("a task that is asked about", () => {
  it("that waits: behind how many", async () => {
    const { text, details } = only(
      await during(80, { stages: [stage("read", 9)] }, { task: 7 }),
      "TASK_WAITING",
    );
    expect(text).toContain("5 tasks come before it, and t0.1 and t1.1 run in 2 slots");
    expect(details).toMatchObject({ ahead: 5, slots: 2 });
  });

  it("that is finished: by which attempt", async () => {
    const scene = { script: { "t1.1": { error: userError } } };
    expect(only(await afterwards(scene, { task: 1 }), "TASK_FINISHED").text).toContain(
      "by t1.2 of 2 attempts, in 100 ms",
    );
    expect(only(await afterwards(scene, { task: 0 }), "TASK_FINISHED").text).toContain("is finished.");
  });

  it("that runs; that waits for a shuffle", async () => {
    expect(codes(await during(80, {}, { task: 0 }))).toEqual(["WORKING"]);
    const retried = { script: { "t0.1": { error: userError }, "t0.2": { ms: 900 } } };
    expect(codes(await during(300, retried, { task: 0 }))).toEqual(["RETRYING"]);
    expect(codes(await during(80, {}, { task: 5 }))).toEqual(["WAITING_FOR_SHUFFLE"]);
  });

  it("finds nothing about other tasks", async () => {
    const explanation = await afterwards({ script: { t2: { error: userError } } }, { task: 0 });
    expect(codes(explanation)).toEqual(["TASK_FINISHED"]);
  });
});

describe("the case", () => {
  it("survives restarts: finished tasks of the new process count, attempts of the old one do not", async () => {
    const { log, opened, records } = await logOf({});
    const cut = log.filter(({ at }) => at <= 80).map((entry): JournalRecord => ({ kind: "entry", entry }));
    const found = RunCase.from([
      opened,
      ...cut,
      ...records.map((record) => (record.kind === "opened" ? openedFor(mapReduce(4, 2), 2, 2) : record)),
    ]);
    expect(found.inFlight.size).toBe(0);
    expect(found.finishedTasks).toBe(6);
    expect(only(explainCase(found, { isRunning: false }), "FINISHED").text).toContain("1 interruption");
  });

  it("counts what an incarnation takes over from the one before it", () => {
    const found = RunCase.from([openedFor(mapReduce(4, 2), 2, 2)]);
    const outputs = [0, 2].map((task) => ({
      task,
      attempt: `t${task}.1` as AttemptId,
      worker: "w1" as never,
      figures: figures(80),
    }));
    found.observe({
      id: 9,
      at: 0,
      cause: null,
      machine: "coordinator",
      type: "event",
      body: { kind: "OutputsAdopted", outputs },
    });
    expect(found.finishedTasks).toBe(2);
    expect([0, 1, 2, 3].map((task) => found.isFinished(task))).toEqual([true, false, true, false]);
    expect(found.stages[0]!.medianMs).toBe(80);
  });

  it("agrees with the coordinator about what is finished, busy and in flight, at the end of any run", async () => {
    const act = fc.record({
      ms: fc.integer({ min: 0, max: 300 }),
      error: fc.option(fc.constant(userError), { nil: undefined, freq: 4 }),
      loss: fc.option(fc.constant(userError), { nil: undefined, freq: 6 }),
    });
    const script = fc.dictionary(fc.stringMatching(/^t[0-7]\.[1-3]$/), act as fc.Arbitrary<Act>, {
      maxKeys: 12,
    });
    await fc.assert(
      fc.asyncProperty(script, fc.integer({ min: 1, max: 4 }), async (acts, slots) => {
        const { records } = await logOf({ stages: mapReduce(5, 3), slots, script: acts });
        const found = RunCase.from(records);
        const finished = new Set(
          records.flatMap((record) =>
            record.kind === "entry" && record.entry.body.kind === "AttemptFinished"
              ? [record.entry.body.attempt.split(".")[0]]
              : [],
          ),
        );
        if (found.outcome?.kind === "succeeded") expect(found.finishedTasks).toBe(8);
        expect(found.finishedTasks).toBeLessThanOrEqual(finished.size);
        expect(found.inFlight.size).toBe(0);
        for (const one of found.stages) expect(one.busy).toBe(0);
        for (const record of [0.3, 0.6, 0.9].map((share) => Math.floor(share * records.length))) {
          const half = explainCase(RunCase.from(records.slice(0, record)), { isRunning: true });
          for (const { code, evidence, text } of half.findings) {
            expect(Object.keys(findingCodes)).toContain(code);
            expect(evidence).toEqual([...evidence].sort((a, b) => a - b));
            expect(text).not.toMatch(/undefined|NaN|\[object/);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
