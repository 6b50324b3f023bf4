// The conformance suite: one body, all drivers (driver.ts is the page it holds them to). A driver is given by a
// factory; what it cannot do is a deviation with a reason, and becomes a skipped test that prints it.

import { afterEach, describe, expect, test } from "vitest";
import { jobId, parseAttemptId, workerId, type AttemptId } from "../../src/base/ids.ts";
import { defaultLimits, type JobLimits, type JobOutcome, type StageSpec } from "../../src/core/types.ts";
import type { LogEntry } from "../../src/core/log.ts";
import type { Driver, DriverJob, OutputsAdopted } from "../../src/driver/driver.ts";
import { causality } from "../checkers/causality.ts";
import { check } from "../checkers/checker.ts";
import { checkersOfLog } from "../checkers/list.ts";
import { figures, type Script } from "./script.ts";

export interface DriverFactory {
  readonly name: string;
  /** A driver whose slots, this many in all, run the script. */
  create(script: Script, slots: number): Driver;
  /** Reference to the scripted program for jobs of this driver. */
  readonly programModule: string;
  /** Tests that this driver cannot pass, with the reason. */
  readonly deviations: Readonly<Record<string, string>>;
}

interface Ran {
  readonly outcome: JobOutcome;
  readonly log: readonly LogEntry[];
  readonly commits: readonly (readonly AttemptId[])[];
  readonly discarded: readonly AttemptId[];
}

interface RunSettings {
  readonly stages?: readonly StageSpec[];
  readonly script?: Script;
  readonly slots?: number;
  readonly limits?: Partial<JobLimits>;
  readonly adopt?: readonly OutputsAdopted[];
  readonly commit?: () => Promise<void>;
  /** Sees each entry as it happens. */
  readonly onEntry?: (entry: LogEntry, controller: AbortController) => void;
}

const stage = (
  name: string,
  tasks: number,
  reads: number[] = [],
  output: StageSpec["output"] = "kept",
): StageSpec => ({ name, tasks, reads, output });
const twoStages = [stage("map", 4, [], "blocks"), stage("reduce", 2, [0])];

export function conformance(factory: DriverFactory): void {
  const open: Driver[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((driver) => driver.close()));
  });

  async function run(
    settings: RunSettings,
    driver = factory.create(settings.script ?? {}, settings.slots ?? 2),
  ): Promise<Ran> {
    open.push(driver);
    const controller = new AbortController();
    const log: LogEntry[] = [];
    const commits: AttemptId[][] = [];
    const discarded: AttemptId[] = [];
    const job: DriverJob = {
      spec: {
        id: jobId("j1"),
        stages: settings.stages ?? twoStages,
        limits: { ...defaultLimits, ...settings.limits },
      },
      program: { module: factory.programModule, data: settings.script ?? {} },
      ...(settings.adopt === undefined ? {} : { adopt: settings.adopt }),
      payload: (index, task) => ({ index, task }),
      commit: async (winners) => {
        commits.push([...winners]);
        await settings.commit?.();
      },
      discard: (attempt) => void discarded.push(attempt),
      signal: controller.signal,
      observe: (entry) => {
        log.push(entry);
        settings.onEntry?.(entry, controller);
      },
    };
    const outcome = await driver.run(job);
    // Whatever the test is about: the log must stand up to the checkers of simulated runs.
    const published = outcome.kind === "succeeded" ? commits.map((winners) => ({ winners })) : [];
    check({ spec: job.spec, log, commits: published, outcome }, [causality(), ...checkersOfLog()]);
    return { outcome, log, commits, discarded };
  }

  const it = (name: string, body: () => Promise<void>): void => {
    const deviation = factory.deviations[name];
    if (deviation === undefined) test(name, body);
    else test.skip(`${name} (${factory.name}: ${deviation})`, body); // reason: the deviation, which is in the name
  };

  describe(`the driver contract, ${factory.name}`, () => {
    it("a job of two stages succeeds, and commits one attempt of each task of its last stage, once", async () => {
      const { outcome, commits, log } = await run({});
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits).toEqual([["t4.1", "t5.1"]]);
      expectSoundLog(log);
    });

    it("a reduce task gets the finished attempts of all map tasks, in task order", async () => {
      const { log } = await run({ script: { "t1.1": { end: "fail" } } });
      const inputs = effects(log, "AssignAttempt")
        .filter((effect) => effect.stage === 1)
        .map((effect) => effect.inputs);
      expect(inputs.length).toBe(2);
      for (const [maps] of inputs)
        expect(maps!.map(({ attempt }) => attempt)).toEqual(["t0.1", "t1.2", "t2.1", "t3.1"]);
    });

    it("no slot runs two attempts at a time, and no more run than there are slots", async () => {
      // Two attempts never end, so they run beside each other, and the others beside them, however late their slots are.
      let ended = 0;
      let hanging = 0;
      const { log } = await run({
        stages: [stage("only", 20)],
        slots: 3,
        script: { t0: { end: "hang" }, t1: { end: "hang" } },
        onEntry: ({ body }, controller) => {
          if (body.kind === "SlotFinished") ended++;
          if (body.kind === "RunAttempt" && /^t[01]\.1$/.test(body.attempt)) hanging++;
          if (ended === 18 && hanging === 2) controller.abort(new Error("seen enough"));
        },
      });
      let running = 0;
      let most = 0;
      for (const { body } of log) {
        if (body.kind === "RunAttempt") most = Math.max(most, ++running);
        if (body.kind === "SlotFinished" || body.kind === "SlotFailed") running--;
      }
      expect(most).toBeLessThanOrEqual(3);
      expect(most).toBeGreaterThan(1);
    });

    it("a task that fails is tried again, under a new attempt number, and its output is discarded", async () => {
      const { outcome, commits, discarded } = await run({
        script: { "t4.1": { end: "fail" }, "t4.2": { end: "fail" } },
      });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits).toEqual([["t4.3", "t5.1"]]);
      expect(discarded).toEqual(expect.arrayContaining(["t4.1", "t4.2"]));
    });

    it("a task that fails every time fails the job, and nothing is committed", async () => {
      const { outcome, commits } = await run({ script: { t4: { end: "fail" } } });
      expect(outcome).toMatchObject({ kind: "failed", task: 4 });
      expect(JSON.stringify(outcome)).toContain("scripted failure of t4.4");
      expect(commits).toEqual([]);
    });

    it("a final error is not tried again", async () => {
      const { outcome, log } = await run({ script: { t0: { end: "fail-final" } } });
      expect(outcome).toMatchObject({ kind: "failed", task: 0 });
      expect(effects(log, "AssignAttempt").filter(({ attempt }) => taskOf(attempt) === 0)).toHaveLength(1);
    });

    it("a slot that ends under an attempt is replaced, and the attempt's task runs again", async () => {
      const { outcome, commits, log } = await run({ script: { "t4.1": { end: "exit" } }, slots: 1 });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits).toEqual([["t4.2", "t5.1"]]);
      expect(log.filter(({ body }) => body.kind === "StartSlot")).toHaveLength(2);
    });

    it("a task that ends every slot is poison: the job fails and says so", async () => {
      const { outcome } = await run({ script: { t2: { end: "exit" } } });
      expect(outcome).toMatchObject({ kind: "failed", task: 2, error: { code: "POISON_TASK" } });
    });

    it("map outputs that prove lost are made again, and their reader with them", async () => {
      const { outcome, commits, log } = await run({ script: { "t4.1": { lost: ["t1.1"] } } });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits[0]).toContain("t4.2");
      expect(effects(log, "AssignAttempt").map(({ attempt }) => attempt)).toContain("t1.2");
    });

    it("a job that is over before all slots are ready: its log ends with it", async () => {
      const { outcome, log } = await run({ stages: [stage("only", 1)], slots: 8 });
      expect(outcome).toEqual({ kind: "succeeded" });
      expectSoundLog(log);
    });

    it("an abort ends what runs, commits nothing, and the outcome is cancelled", async () => {
      const { outcome, commits } = await run({
        script: { t0: { end: "hang" }, t1: { end: "hang" } },
        onEntry: ({ body }, controller) => {
          if (body.kind === "AttemptStarted") controller.abort("the test said so");
        },
      });
      expect(outcome).toEqual({ kind: "cancelled", reason: "the test said so" });
      expect(commits).toEqual([]);
    });

    it("an attempt that does not listen to its signal is ended with its slot", async () => {
      const { outcome, log } = await run({
        script: { t0: { end: "busy" } },
        onEntry: ({ body }, controller) => {
          if (body.kind === "AttemptStarted" && body.attempt === "t0.1") controller.abort("enough");
        },
      });
      expect(outcome).toEqual({ kind: "cancelled", reason: "enough" });
      expect(log.some(({ body }) => body.kind === "TerminateSlot")).toBe(true);
    });

    it("an attempt beyond its time limit is ended and counts as failed", async () => {
      const { outcome } = await run({
        script: { t0: { end: "hang" } },
        limits: { taskTimeoutMs: 40, errorAttemptsMax: 2 },
      });
      expect(outcome).toMatchObject({ kind: "failed", task: 0 });
      expect(JSON.stringify(outcome)).toContain("TASK_TIMEOUT");
    });

    it("a straggler gets one backup; the first to finish counts and the other is stopped", async () => {
      const { outcome, commits, log } = await run({
        stages: [stage("only", 10)],
        script: { "t7.1": { end: "hang" } },
        limits: { backupMinAgeMs: 100 },
      });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits[0]![7]).toBe("t7.2");
      expect(effects(log, "AssignAttempt").filter(({ isBackup }) => isBackup)).toHaveLength(1);
      expect(effects(log, "CancelAttempt").map(({ attempt }) => attempt)).toEqual(["t7.1"]);
    });

    it("a commit that fails fails the job", async () => {
      const { outcome } = await run({ commit: () => Promise.reject(new Error("the disk is full")) });
      expect(outcome).toMatchObject({
        kind: "failed",
        error: { message: expect.stringContaining("the disk is full") },
      });
    });

    it("what is adopted is not done again, and read where it is", async () => {
      const { outcome, commits, log } = await run({ adopt: [adopted("t0.1", "t2.3"), adopted("t4.1")] });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits).toEqual([["t4.1", "t5.1"]]);
      const assigned = effects(log, "AssignAttempt");
      expect(assigned.map(({ attempt }) => attempt).sort()).toEqual(["t1.1", "t3.1", "t5.1"]);
      expect(
        assigned.find(({ attempt }) => attempt === "t5.1")!.inputs[0]!.map(({ attempt }) => attempt),
      ).toEqual(["t0.1", "t1.1", "t2.3", "t3.1"]);
      expectSoundLog(log);
    });

    it("a job whose tasks are all adopted is committed, and no attempt is made", async () => {
      const { outcome, commits, log } = await run({
        adopt: [adopted("t0.1", "t1.1", "t2.1", "t3.1", "t4.2", "t5.1")],
      });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits).toEqual([["t4.2", "t5.1"]]);
      expect(effects(log, "AssignAttempt")).toEqual([]);
    });

    it("a job without tasks succeeds and commits nothing but the fact", async () => {
      const { outcome, commits } = await run({
        stages: [stage("empty", 0, [], "blocks"), stage("none", 0, [0])],
      });
      expect(outcome).toEqual({ kind: "succeeded" });
      expect(commits).toEqual([[]]);
    });

    it("a straggler that does not listen is gone before the next job begins", async () => {
      const script: Script = { "t7.1": { end: "busy" } };
      const driver = factory.create(script, 2);
      const settings = { stages: [stage("only", 10)], script, limits: { backupMinAgeMs: 100 } };
      expect((await run(settings, driver)).outcome).toEqual({ kind: "succeeded" });
      const second = await run(settings, driver);
      expect(second.outcome).toEqual({ kind: "succeeded" });
      expect(second.commits[0]![7]).toBe("t7.2");
    });

    it("two jobs of one driver both succeed", async () => {
      const driver = factory.create({}, 2);
      const [first, second] = await Promise.all([run({}, driver), run({}, driver)]);
      expect([first.outcome.kind, second.outcome.kind]).toEqual(["succeeded", "succeeded"]);
    });

    it("a closed driver refuses with CLOSED", async () => {
      const driver = factory.create({}, 1);
      await driver.close();
      await expect((async () => await run({}, driver))()).rejects.toMatchObject({ code: "CLOSED" });
    });

    it("a call is answered, and rejects with what the program threw", async () => {
      const driver = factory.create({}, 1);
      open.push(driver);
      const program = { module: factory.programModule, data: {} };
      expect(await driver.call(program, "echo", { a: [1, "x"] })).toEqual({ a: [1, "x"] });
      await expect(driver.call(program, "nope", null)).rejects.toMatchObject({
        message: "no method nope",
        received: "nope",
      });
    });
  });
}

const adopted = (...attempts: string[]): OutputsAdopted => ({
  kind: "OutputsAdopted",
  outputs: attempts.map((attempt) => ({
    task: taskOf(attempt),
    attempt: attempt as AttemptId,
    worker: workerId(0),
    figures: figures(5),
  })),
});

type EffectOf<K> = Extract<LogEntry, { type: "effect"; machine: "coordinator" }>["body"] & { kind: K };

function effects<K extends string>(log: readonly LogEntry[], kind: K): EffectOf<K>[] {
  return log
    .filter((entry) => entry.type === "effect" && entry.body.kind === kind)
    .map((entry) => entry.body as unknown as EffectOf<K>);
}

const taskOf = (attempt: string): number => parseAttemptId(attempt)!.task;

/** Ids grow by one, time never runs back, and causes come before what they cause. */
function expectSoundLog(log: readonly LogEntry[]): void {
  log.forEach(({ id, at, cause }, i) => {
    expect(id).toBe(i + 1);
    expect(at).toBeGreaterThanOrEqual(log[i - 1]?.at ?? 0);
    expect(cause === null || cause < id).toBe(true);
  });
  expect(log.at(-1)!.body.kind).toBe("FinishJob");
}
