// The checkers themselves: each accepts a sound log, and objects to one that was tampered with in its way. (What they
// find in machines with planted bugs is shown by `npm run sim -- --mutations`.)

import { beforeAll, describe, expect, test } from "vitest";
import { jobId, type AttemptId } from "../../src/base/ids.ts";
import type { LogEntry } from "../../src/core/log.ts";
import { defaultLimits, type JobSpec } from "../../src/core/types.ts";
import { SimDriver } from "../../src/driver/sim/sim-driver.ts";
import { modelOf, type Script } from "../conformance/script.ts";
import { calm } from "./calm.ts";
import { causality } from "./causality.ts";
import { check, Violation, type RunRecord } from "./checker.ts";
import { idleResources } from "./idle-resources.ts";
import { checkersOfLog } from "./list.ts";
import { sequentialOutput } from "./sequential-output.ts";

const spec: JobSpec = {
  id: jobId("j1"),
  stages: [
    { name: "map", tasks: 4, reads: [], output: "blocks" },
    { name: "reduce", tasks: 2, reads: [0], output: "kept" },
  ],
  limits: { ...defaultLimits, backupMinAgeMs: 100, taskTimeoutMs: 5000, errorAttemptsMax: 2 },
};

/** A job with an error, lost blocks and a straggler; or what the script says. */
async function record(
  script: Script = { "t1.1": { end: "fail" }, "t4.1": { lost: ["t2.1"] }, "t5.1": { end: "hang" } },
): Promise<RunRecord> {
  const log: LogEntry[] = [];
  const commits: { winners: readonly AttemptId[] }[] = [];
  const driver = new SimDriver({ seed: 1, workers: 2, slots: 2, model: modelOf(script) });
  const outcome = await driver.run({
    spec,
    program: { module: "scripted", data: {} },
    payload: () => null,
    commit: async (winners) => void commits.push({ winners }),
    discard: () => {},
    signal: new AbortController().signal,
    observe: (entry) => log.push(entry),
  });
  return { spec, log, commits, outcome };
}

const objection = (run: RunRecord, checkers = [causality(), ...checkersOfLog({ lateMsMax: 5 })]): string => {
  try {
    check(run, checkers);
    return "none";
  } catch (error) {
    if (error instanceof Violation) return error.checker;
    throw error;
  }
};

type Tamper = (log: LogEntry[]) => void;
// oxlint-disable-next-line no-explicit-any -- tampering does what types forbid
const indexOf = (log: LogEntry[], kind: string, is: (body: any) => boolean = () => true): number => {
  const at = log.findIndex(({ body }) => body.kind === kind && is(body));
  if (at === -1) throw new Error(`no ${kind} in the log`);
  return at;
};
// oxlint-disable-next-line no-explicit-any -- as above
const change = (log: LogEntry[], at: number, body: any): void => {
  log[at] = { ...log[at]!, body: { ...log[at]!.body, ...body } } as LogEntry;
};
/** Takes an entry out as if it had never been: what follows moves up. */
const drop = (log: LogEntry[], at: number): void => {
  const gone = log[at]!.id;
  log.splice(at, 1);
  log.forEach((entry, i) => {
    const cause = entry.cause !== null && entry.cause > gone ? entry.cause - 1 : entry.cause;
    log[i] = { ...entry, id: i + 1, cause };
  });
};

const tampered: readonly (readonly [string, string, Tamper])[] = [
  [
    "causality",
    "an effect that claims another cause",
    (log) => {
      const at = indexOf(log, "AssignAttempt");
      log[at] = { ...log[at]!, cause: 1 };
    },
  ],
  [
    "causality",
    "time that goes back",
    (log) => {
      const at = indexOf(log, "CommitOutput");
      log[at] = { ...log[at]!, at: 0 };
    },
  ],
  [
    "causality",
    "an event that answers for another attempt",
    (log) => change(log, indexOf(log, "AttemptStarted"), { attempt: "t3.1" }),
  ],
  [
    "attempt-ids",
    "an id that is assigned twice",
    (log) =>
      change(
        log,
        indexOf(log, "AssignAttempt", ({ attempt }) => attempt === "t1.2"),
        { attempt: "t1.1" },
      ),
  ],
  [
    "right-inputs",
    "a reader that is given a stale input",
    (log) => {
      const at = indexOf(log, "AssignAttempt", ({ attempt }) => attempt === "t4.2");
      const { inputs } = log[at]!.body as unknown as { inputs: { attempt: string }[][] };
      change(log, at, {
        inputs: [
          inputs[0]!.map((input) => (input.attempt === "t2.2" ? { ...input, attempt: "t2.1" } : input)),
        ],
      });
    },
  ],
  [
    "right-inputs",
    "a reader that is given too little",
    (log) => {
      const at = indexOf(log, "AssignAttempt", ({ stage }) => stage === 1);
      change(log, at, {
        inputs: [(log[at]!.body as unknown as { inputs: unknown[][] }).inputs[0]!.slice(1)],
      });
    },
  ],
  ["told-to-stop", "a loser that is not told to stop", (log) => drop(log, indexOf(log, "CancelAttempt"))],
  ["discards", "a failed attempt's output that stays", (log) => drop(log, indexOf(log, "DiscardOutput"))],
  [
    "work-conserving",
    "a task that is not assigned though a slot is free",
    (log) =>
      drop(
        log,
        indexOf(log, "AssignAttempt", ({ attempt }) => attempt === "t1.2"),
      ),
  ],
  [
    "one-commit",
    "winners in another order",
    (log) => {
      const at = indexOf(log, "CommitOutput");
      change(log, at, {
        winners: [...(log[at]!.body as unknown as { winners: string[] }).winners].reverse(),
      });
    },
  ],
  ["one-commit", "a success without a commit", (log) => drop(log, indexOf(log, "CommitOutput"))],
  [
    "one-winner",
    "a stale finish that is not ignored",
    (log) =>
      change(
        log,
        indexOf(log, "AttemptFailed", ({ attempt }) => attempt === "t1.1"),
        { attempt: "t1.7" },
      ),
  ],
];

describe("a sound log", () => {
  let run: RunRecord;
  beforeAll(async () => {
    run = await record();
  });

  test("is accepted, with a retry, a loss and a backup in it", () => {
    expect(run.outcome).toEqual({ kind: "succeeded" });
    for (const note of ["retried", "output-remade", "backup-started"]) {
      expect(
        run.log.some(({ body }) => body.kind === "NoteDecision" && body.note.kind === note),
        note,
      ).toBe(true);
    }
    expect(objection(run)).toBe("none");
  });

  test.each(tampered)("%s objects to %s", (checker, _what, tamper) => {
    const log = [...run.log];
    tamper(log);
    // Causality sees most tampering first; what each other checker sees is asked of it alone.
    const checkers =
      checker === "causality"
        ? [causality()]
        : checkersOfLog({ lateMsMax: 5 }).filter(({ name }) => name === checker);
    expect(checkers.length).toBeGreaterThan(0);
    expect(objection({ ...run, log }, checkers)).toBe(checker);
  });

  test("one-commit objects to output that was published twice, or of a job that did not succeed", () => {
    expect(objection({ ...run, commits: [...run.commits, ...run.commits] })).toBe("one-commit");
    expect(objection({ ...run, outcome: { kind: "cancelled", reason: "" } })).toBe("one-commit");
  });

  test("sequential-output objects to any other part, and to none", () => {
    const withOutput = (parts: readonly number[] | null): string =>
      objection(run, [
        sequentialOutput(
          () => parts,
          () => [1, 2],
        ),
      ]);
    expect(withOutput([1, 2])).toBe("none");
    for (const wrong of [[2, 1], [1], [1, 2, 3], null]) expect(withOutput(wrong)).toBe("sequential-output");
  });

  test("idle-resources objects to what is left; calm to what need not have happened", async () => {
    expect(objection(run, [idleResources(() => [])])).toBe("none");
    expect(objection(run, [idleResources(() => ["a file"])])).toBe("idle-resources");
    expect(objection(run, [calm()])).toBe("calm");
    expect(objection(await record({}), [calm()])).toBe("none");
  });
});

describe("honest-errors", () => {
  const failing: Script = { t1: { end: "fail" } };

  test("accepts a failure whose budget was used up", async () => {
    const run = await record(failing);
    expect(run.outcome).toMatchObject({ kind: "failed", task: 1, error: { code: "ATTEMPTS_EXHAUSTED" } });
    expect(objection(run)).toBe("none");
  });

  test.each([
    ["the wrong task", { task: 2 }],
    ["the wrong code", { error: { name: "ShoalError", code: "POISON_TASK", message: "failed 2 times" } }],
    [
      "the wrong count",
      { error: { name: "ShoalError", code: "ATTEMPTS_EXHAUSTED", message: "failed 3 times" } },
    ],
  ])("objects to %s", async (_what, lie) => {
    const run = await record(failing);
    const log = [...run.log];
    const at = indexOf(log, "FinishJob");
    change(log, at, { outcome: { ...run.outcome, ...lie } });
    expect(objection({ ...run, log })).toBe("honest-errors");
  });
});

test("slot-limits objects to more attempts than a worker has slots, and to two in one slot", async () => {
  const run = await record({});
  const only = (log: LogEntry[]): string =>
    objection(
      { ...run, log },
      checkersOfLog().filter(({ name }) => name === "slot-limits"),
    );
  const fewer = [...run.log];
  fewer.forEach((entry, at) => {
    if (entry.body.kind === "WorkerJoined") change(fewer, at, { slots: 1 });
  });
  expect(only(fewer)).toBe("slot-limits");
  const same = [...run.log];
  same.forEach((entry, at) => {
    if (entry.body.kind === "RunAttempt") change(same, at, { slot: 0 });
  });
  expect(only(same)).toBe("slot-limits");
});

test("time-limits and backups object to what comes too early or too late", async () => {
  const run = await record({
    t0: { end: "hang" },
    t1: { end: "hang" },
    t2: { end: "hang" },
    t3: { end: "hang" },
  });
  expect(run.outcome).toMatchObject({ kind: "failed", error: { code: "ATTEMPTS_EXHAUSTED" } });
  expect(objection(run)).toBe("none");
  const strict = { ...run, spec: { ...spec, limits: { ...spec.limits, taskTimeoutMs: 9000 } } };
  const lax = { ...run, spec: { ...spec, limits: { ...spec.limits, taskTimeoutMs: 1000 } } };
  for (const wrong of [strict, lax]) {
    expect(
      objection(
        wrong,
        checkersOfLog({ lateMsMax: 5 }).filter(({ name }) => name === "time-limits"),
      ),
    ).toBe("time-limits");
  }
  const backedUp = await record();
  const patient = { ...backedUp, spec: { ...spec, limits: { ...spec.limits, backupMinAgeMs: 4000 } } };
  expect(
    objection(
      patient,
      checkersOfLog().filter(({ name }) => name === "backups"),
    ),
  ).toBe("backups");
});
