// Driver.inspect on real slots: what runs, where it is, what it holds; also of attempts that loop for ever.

import { expect, onTestFinished, test } from "vitest";
import { jobId } from "../../src/base/ids.ts";
import { defaultLimits } from "../../src/core/types.ts";
import { ThreadsDriver } from "../../src/driver/threads/threads-driver.ts";
import { until } from "../kit/processes.ts";
import type { Script } from "./script.ts";

const programModule = new URL("./scripted-program.mjs", import.meta.url).href;

test.each(["thread", "process"] as const)(
  "slots that are a %s each: the attempts that run, with stacks and memory",
  async (isolation) => {
    const script: Script = { t0: { end: "busy" }, t1: { end: "hang" } };
    const driver = new ThreadsDriver({
      slots: 3,
      isolation,
      preload: programModule,
      heapBytes: null,
      memoryLimits: null,
      abortGraceMs: 50,
      onPrint: () => {},
    });
    onTestFinished(async () => await driver.close());
    const controller = new AbortController();
    let started = 0;
    const running = driver.run({
      spec: {
        id: jobId("j1"),
        stages: [{ name: "only", tasks: 2, reads: [], output: "kept" }],
        limits: defaultLimits,
      },
      program: { module: programModule, data: script },
      payload: () => null,
      commit: async () => {},
      discard: () => {},
      signal: controller.signal,
      observe: ({ body }) => body.kind === "AttemptStarted" && started++,
    });
    await until("both attempts run", () => started === 2);
    // The thread has to take the order and load the program before it can loop.
    let state = await driver.inspect();
    const of = (id: string) => state.attempts.find(({ attempt }) => attempt === id);
    const isLoaded = (): boolean =>
      of("t0.1")?.stack?.includes("scripted-program") === true && of("t1.1")?.stack === null;
    for (let tries = 0; tries < 100 && !isLoaded(); tries++) state = await driver.inspect();

    const [busy, waiting] = [of("t0.1"), of("t1.1")];
    expect(state.attempts).toHaveLength(2);
    expect(busy).toMatchObject({ stage: 0, recordsIn: 0, bytesIn: 0 });
    expect(busy!.stack!.split("\n")[0]).toMatch(
      /^ {4}at (Object\.)?run \(.*scripted-program\.mjs:\d+:\d+\)$/,
    );
    expect(waiting).toMatchObject({ stage: 0, stack: null });
    expect(waiting!.slot).not.toBe(busy!.slot);
    expect(busy!.startedAt).toBeLessThanOrEqual(state.memory.at);
    expect(state.memory.rssBytes).toBeGreaterThan(2 ** 20);
    expect(state.memory.slots.map(({ slot }) => slot)).toEqual([0, 1, 2]);
    const memory = state.memory.slots[busy!.slot]!;
    expect(memory.heapBytes).toBeGreaterThan(2 ** 20);
    if (isolation === "thread") expect(memory.rssBytes).toBeNull();
    else expect(memory.rssBytes).toBeGreaterThan(2 ** 20);

    // Looking changes nothing: what loops, loops on, and an abort ends it.
    controller.abort("seen enough");
    expect(await running).toEqual({ kind: "cancelled", reason: "seen enough" });
    expect((await driver.inspect()).attempts).toEqual([]);
  },
);
